"""Which parts of theorems Coq has checked: the table of `proofs/README.md`, for pages about one certificate."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Formal:
    """One line of the table.

    Attributes:
        of: labels of the theorems it is a part of.
        file: below `proofs/formal/`.
        names: what Coq calls it.
        part: what of them, and what not.
    """

    of: tuple[str, ...]
    file: str
    names: tuple[str, ...]
    part: str


FORMAL: Final = (
    Formal(("C1",), "Definite.v", ("congruence_definite", "congruence_definite_fro", "posdef_congr"),
           "`‖XAXᵀ − I‖ < 1` proves A positive definite and X nonsingular; definiteness before and after the "
           "congruence"),
    Formal(("C1", "C2", "D3", "D4"), "Definite.v", ("congruence_inverse", "congruence_floor"),
           "`XᵀX/(1 + ε) ⪯ A⁻¹ ⪯ XᵀX/(1 − ε)` (Lemma 1 of D3), and the least eigenvalue"),
    Formal(("M2",), "Modulus.v", ("lmi_upper", "lmi_modulus"),
           "the upper end: `κ²K − Q ≻ 0` proves surjectivity and `‖G_w⁺G_u‖ < κ`; and `⪰ 0` if and only if `≤ κ`"),
    Formal(("M2", "M5"), "Modulus.v", ("lower_end", "not_lipschitz_like"),
           "the lower end and the refutation, for any G that is differentiable at the point (M5d too)"),
    Formal(("M4", "C2"), "Modulus.v", ("row_modulus", "row_modulus_ends"),
           "a row's modulus by `G_iᵀ(K⁻¹)_{ii}G_i`, and both ends of it from X, without the second-order "
           "correction"),
    Formal(("W2",), "Inverse.v", ("approx_inverse_unit", "approx_inverse_ends", "approx_inverse_norm",
            "approx_inverse_floor"),
           "all of it but enclosures and rounding"),
    Formal(("M5",), "Inverse.v", ("approx_inverse_seen",),
           "M5s: the same through F"),
    Formal(("M5",), "Inverse.v", ("critical_lmi", "critical_lmi_upper", "congruence_square"),
           "M5b and M5c: `κ²A² − CCᵀ ⪰ 0` if and only if `‖A⁻¹C‖ ≤ κ`, strictly too, and through X; not that the"
           " modulus of the critical map is `‖A⁻¹C‖`"),
    Formal(("N1", "M5"), "Inverse.v", ("budgets", "budget_motion"),
           "`K ⪰ Σ C_iC_iᵀ/d_i` bounds the motion by `√(Σ d_i|u_i|²)` (M5e: `A²` for K); balls, not the other "
           "norms"),
    Formal(("F1", "P2"), "Parts.v", ("moved_by_parts", "zeros_far"),
           "a Lipschitz constant for each part of the way; not that the computed numbers are such constants"),
    Formal(("W3",), "Deflated.v", ("deflated",),
           "that `cI − G ≻ 0`; not the refutation"),
    Formal(("D3", "D4"), "Ridge.v", ("refit_least", "output_linear", "influence_bound", "influence_error",
            "hat_bounds"),
           "the refit is the one minimiser; outputs are linear in the targets; Lemma 1; influences computed from"
           " any u"),
    Formal(("D3",), "Labels.v", ("largest_exists", "labels_below", "labels_attained", "labels_exact", "swing_ends"),
           "all of it, both ends, for every m: the least contrast over all changes of at most m labels is the "
           "contrast less the m largest swings; not rounding, features within a distance"),
    Formal(("D4",), "Comparison.v", ("comparison_unit", "comparison", "first_order", "second_order"),
           "Lemma 2 and the sums of D4a for one set of rows"),
    Formal(("D4",), "Deletions.v", ("deletion_identity", "deletions_first_order", "without_posdef",
            "deletions_second_order", "deletions_sorted", "tree"),
           "the identity; D4a for every set of at most k rows; D4b's tree; not what a node takes over from its "
           "parent"),
    Formal(("D4",), "Spans.v", ("spans_hold",),
           "D4a with spans, for every set of at most k rows: what no k − 1 others pull out of its span stays there"),
    Formal(("D4",), "Spans.v", ("hat_near", "hat_CS"),
           "the hat matrix through any approximate inverse, and `|K_il| ≤ s_is_l`"),
    Formal(("D4",), "Spectral.v", ("spectral_between", "spectral_bound", "row_sums"),
           "D4c for one set of rows, and row sums as a valid κ"),
    Formal(("D2",), "Convex.v", ("refit_near", "refit_unique"),
           "D1a: distance to the refit at most gradient over decay, any number of outputs, any convex loss with "
           "slopes; not that the refit exists, not D1b"),
    Formal(("D2",), "Convex.v", ("in_ellipsoid", "functional_in_ellipsoid"),
           "the last step of D1c and D1f"),
    Formal(("D2",), "SelfConcordance.v", ("logistic_slope", "logistic_moves"),
           "D1c: the slope of the logistic loss moves by at least `D·M(|δ|)`; not the averages, not that a "
           "minimiser exists"),
    Formal(("Q4",), "Core.v", ("smin_perturb", "rank_persists", "rinv_perturb"),
           "inputs of a layer that move by less than σ keep full rank and a right inverse of norm `1/(σ − e)`"),
    Formal(("M1",), "Core.v", ("aubin_modulus",),
           "for linear systems, both directions"),
    Formal(("F1",), "Core.v", ("zero_set_far",),
           "all but the Lipschitz constant"),
    Formal(("Q4",), "Core.v", ("compensation", "compensation_size"),
           "the equation and the size for a given change of a layer's inputs"),
    Formal(("D3",), "Margin.v", ("stays", "falls"),
           "one output, influences computed from any u, one error for all changes of targets"),
    Formal(("D3",), "Relabelled.v", ("check_sound", "check_refuses_empty"),
           "a program from integers to verdict, proved right for every minimiser and every change; extracted to "
           "OCaml, [with what it trusts](formal/checker/README.md)"),
    Formal(("D4",), "Deleted.v", ("spans_sound",),
           "spans that integers were found to hold are spans of the head: hat matrix, residuals and levels with "
           "their errors"),
    Formal(("D4",), "Without.v", ("check_deleted_sound", "check_deleted_refuses_empty"),
           "a program from integers to verdict, proved right for every minimiser without any few rows; extracted to "
           "OCaml, [with what it trusts](formal/checker/README.md)"),
    Formal(("R2",), "FloatDot.v", ("fdot_error_b64",),
           "one order of summation, binary64"),
    Formal(("R2",), "FloatTree.v", ("tree_error",),
           "any order, any fused multiply-add, gradual underflow"),
    Formal(("A2", "A6", "A7"), "Activations.v", ("sg_d_bound", "sg_dd_bound", "sg_ddd_bound", "tanh_dd_bound"),
           "the Lipschitz constants of slopes of sigmoid (and softplus) and tanh, not the values"),
    Formal(("Q2",), "Solve.v", ("newton_solution",),
           "the contraction, in any complete normed space"),
)


def of(labels: Iterable[str]) -> tuple[Formal, ...]:
    """The lines about some theorems, cases and parts of them included.

    >>> [one.names for one in of(["M5b", "W3"])][-1]
    ('deflated',)
    """
    asked = {re.sub(r"[a-z]+$", "", label) for label in labels}
    return tuple(one for one in FORMAL if asked & set(one.of))
