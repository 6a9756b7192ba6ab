"""From a problem to its bounds: what is tried, in which order, at what cost.

`certify.bound(problem, "modulus")` and the like try cheap arithmetic first and go on to dearer tiers where the two ends
do not meet closely enough.
"""
