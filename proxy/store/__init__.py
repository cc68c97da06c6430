"""The trust store: what survives a restart, so that rollback is seen (design: Trust store).

For each (name of a Notary, GUN) it keeps the raw files that the last accepted update verified, a
generation that makes writers take turns, and the time of the last successful check. Files are committed
whole or not at all; damage is an error, never an empty answer.
"""
