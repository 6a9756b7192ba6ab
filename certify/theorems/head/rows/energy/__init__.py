"""D7, energies: a label stays while the least energy on the hyperplane where it is lost is above that of other weights.

One tree a point: sets of alternatives are bounded all at once by pairs, split where that does not do, and refitted one
by one at the bottom. Logistic heads and cross-entropy; the intercept may be free of decay.
"""

from certify.theorems.head.rows.energy.method import Energy

__all__ = ["Energy"]
