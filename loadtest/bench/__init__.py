"""`make bench`: what enforcement costs, beside nginx that caches and beside the registry itself.

Every scenario asks its sides in turns, round after round, on one machine in one run: what is reported are medians and
their ratios, with the spread beside them. Servers have one core, the load has the other.
"""
