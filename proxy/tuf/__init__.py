"""Notary's dialect of TUF, from bytes to a trusted collection; sans-io and without a clock.

`update` is the way in: a generator that asks for files and is sent replies, and returns a `Collection`.
Only `trusted.TrustedSet` may turn bytes into trust; the order in which it is fed is `update`'s.
"""
