(** Lipschitz constants by parts of the way: F1 as it is used (finite.md), its twin for critical points, and P2. *)
From mathcomp Require Import all_ssreflect all_algebra ring lra.
From Certify Require Import Euclid.
Import GRing.Theory Num.Theory Order.Theory.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Local Open Scope ring_scope.

Lemma telescope (T : zmodType) (g : nat -> T) k : g k - g 0%N = \sum_(j < k) (g j.+1 - g j).
Proof.
elim: k => [|k IH]; first by rewrite big_ord0 subrr.
by rewrite big_ord_recr /= -IH [RHS]addrC [RHS]addrA subrK.
Qed.

Section Parts.
Variable R : rcfType.
(* f: the pairing <z, G(u, .)>, <z, grad L_u(.)>, or a difference of outputs; lip j: a Lipschitz constant of f on the
   ball of radius (j + 1) len/m about w0, for j = 0 ... m - 1 *)
Variables (n m : nat) (f : 'cV[R]_n -> R) (w0 : 'cV[R]_n) (len : R) (lip : 'I_m -> R).
Hypotheses (m0 : (0 < m)%N) (len0 : 0 < len).
Hypothesis lipschitz : forall (j : 'I_m) v w,
  enorm (v - w0) <= j.+1%:R * len / m%:R -> enorm (w - w0) <= j.+1%:R * len / m%:R ->
  `|f v - f w| <= lip j * enorm (v - w).

Let step (w : 'cV[R]_n) (j : nat) : 'cV[R]_n := w0 + (j%:R / m%:R) *: (w - w0).
Let mp : 0 < m%:R :> R. Proof. by rewrite ltr0n. Qed.

Lemma step_far w j : enorm (w - w0) <= len -> enorm (step w j - w0) <= j%:R * len / m%:R.
Proof.
move=> h; have p : 0 <= j%:R / m%:R :> R by rewrite divr_ge0.
rewrite /step addrAC subrr add0r enormZ ger0_norm // [leRHS]mulrAC.
exact: ler_wpM2l.
Qed.

Lemma step_near w j : enorm (step w j.+1 - step w j) = enorm (w - w0) / m%:R.
Proof.
have -> : step w j.+1 - step w j = m%:R^-1 *: (w - w0).
  rewrite /step opprD addrACA subrr add0r -scalerBl -mulrBl -natr1 addrAC subrr add0r mul1r //.
by rewrite enormZ ger0_norm ?invr_ge0 ?ler0n // mulrC.
Qed.

(** On the whole ball of radius len, f moves by at most (|w - w0|/m) times the sum of the constants. P2 uses it with
    len = R. *)
Theorem moved_by_parts w : enorm (w - w0) <= len ->
  `|f w - f w0| <= enorm (w - w0) / m%:R * \sum_j lip j.
Proof.
move=> h; have s1 : step w m = w by rewrite /step divff ?gt_eqF // scale1r addrC subrK.
have s0 : step w 0 = w0 by rewrite /step mul0r scale0r addr0.
have := telescope (fun j => f (step w j)) m; rewrite s1 s0 => ->.
apply: le_trans (ler_norm_sum _ _ _) _; rewrite big_distrr /=; apply: ler_sum => j _.
rewrite [leRHS]mulrC -(step_near w j); apply: lipschitz; first exact: step_far.
by apply: le_trans (step_far _ h) _; rewrite ler_pM2r ?invr_gt0 // ler_pM2r // ler_nat leqnSn.
Qed.

(** F1 by parts: if f(w0) is not 0 and |f(w0)| is at least (len/m) times the sum of the constants, then no zero of f
    is nearer to w0 than len. Used by `certify/theorems/distance/given_change.py` and `critical_given_change.py`
    beside it. Not here: that the computed constants are Lipschitz constants (passes over a ball and the mean
    value theorem). *)
Theorem zeros_far w : f w0 != 0 -> len / m%:R * (\sum_j lip j) <= `|f w0| -> f w = 0 -> len <= enorm (w - w0).
Proof.
move=> f0 h fw; rewrite leNgt; apply/negP => lt.
have := moved_by_parts (ltW lt); rewrite fw sub0r normrN => h2.
have fp : 0 < `|f w0| by rewrite normr_gt0.
have sp : 0 < \sum_j lip j.
  rewrite ltNge; apply/negP => s0; have : enorm (w - w0) / m%:R * (\sum_j lip j) <= 0.
    by rewrite mulr_ge0_le0 // divr_ge0 ?enorm_ge0 // ltW.
  by move=> h3; have := lt_le_trans fp (le_trans h2 h3); rewrite ltxx.
have := le_trans h h2; rewrite ler_pM2r // ler_pM2r ?invr_gt0 // => h3.
by have := lt_le_trans lt h3; rewrite ltxx.
Qed.
End Parts.
