(** The logistic loss: how fast its slope must move. The first step of D1c, over the reals of Coq. sg is the sigmoid
    of Activations.v; the slope of the loss at a margin t is sg t - 1, its curvature sg t (1 - sg t). *)
From Coq Require Import Reals Lra Psatz.
From Coquelicot Require Import Coquelicot.
From Certify Require Import Activations.
Local Open Scope R_scope.

Lemma exp_neg_le1 d : 0 <= d -> 0 < exp (- d) <= 1.
Proof.
intros H. split; [apply exp_pos|]. rewrite <- exp_0. destruct (Rle_lt_or_eq_dec 0 d H) as [L|E].
- left. apply exp_increasing. lra.
- right. f_equal. lra.
Qed.

(* sg at z + d, from sg at z *)
Lemma sg_shift z d : sg (z + d) = sg z / (sg z + (1 - sg z) * exp (- d)).
Proof.
assert (H := exp_pos (- z)). assert (G := exp_pos (- d)). unfold sg.
assert (P : 0 < exp (- z) * exp (- d)) by (apply Rmult_lt_0_compat; assumption).
replace (- (z + d)) with (- z + - d) by ring. rewrite exp_plus. field. repeat split; nra.
Qed.

Lemma slope_right z d : 0 <= d -> sg z * (1 - sg z) * (1 - exp (- d)) <= sg (z + d) - sg z.
Proof.
intros Hd. rewrite sg_shift. assert (S := sg_rng z). assert (F := exp_neg_le1 d Hd).
set (s := sg z) in *. set (f := exp (- d)) in *.
assert (D : 0 < s + (1 - s) * f <= 1) by nra.
replace (s / (s + (1 - s) * f) - s) with (s * (1 - s) * (1 - f) * / (s + (1 - s) * f)) by (field; lra).
assert (1 <= / (s + (1 - s) * f)) by (rewrite <- Rinv_1; apply Rinv_le_contravar; lra).
assert (0 <= s * (1 - s) * (1 - f)) by (apply Rmult_le_pos; [nra|lra]). nra.
Qed.

Lemma sg_opp z : sg (- z) = 1 - sg z.
Proof.
unfold sg. rewrite Ropp_involutive. assert (H := exp_pos z). assert (G := exp_pos (- z)).
assert (E : exp z * exp (- z) = 1) by (rewrite <- exp_plus, Rplus_opp_r; apply exp_0).
assert (exp z = / exp (- z)) as -> by (apply Rmult_eq_reg_r with (exp (- z)); [rewrite E; field; lra|lra]).
field. split; nra.
Qed.

(** D1c, the first inequality: (l'(z + d) - l'(z)) d >= D |d| (1 - e^(-|d|)), D the curvature at z (so at most it). *)
Theorem logistic_slope z d :
  sg z * (1 - sg z) * (Rabs d * (1 - exp (- Rabs d))) <= (sg (z + d) - sg z) * d.
Proof.
destruct (Rle_or_lt 0 d) as [P|N].
- rewrite Rabs_pos_eq by assumption. assert (H := slope_right z d P). nra.
- rewrite Rabs_left by assumption. assert (H := slope_right (- z) (- d) ltac:(lra)).
  replace (- z + - d) with (- (z + d)) in H by ring. rewrite !sg_opp in H. nra.
Qed.

(** M(z) of D1c: z(1 - e^(-z)) up to 1, z - 1/e beyond. *)
Definition M (z : R) : R := if Rle_dec z 1 then z * (1 - exp (- z)) else z - exp (- 1).

(** ... is below z(1 - e^(-z)), since z e^(-z) <= 1/e. *)
Lemma M_below z : 0 <= z -> M z <= z * (1 - exp (- z)).
Proof.
intros H. unfold M. destruct (Rle_dec z 1) as [L|L]; [lra|].
assert (E : exp (- 1) = exp (- z) * exp (z - 1)) by (rewrite <- exp_plus; f_equal; ring).
assert (G := exp_pos (- z)). assert (T : 1 + (z - 1) <= exp (z - 1)) by (apply Rlt_le, exp_ineq1; lra). nra.
Qed.

(** The lower bound of D1c for one row: the slope moves against d by at least D M(|d|), D at most the curvature at z. *)
Theorem logistic_moves z d D : 0 <= D <= sg z * (1 - sg z) -> D * M (Rabs d) <= (sg (z + d) - sg z) * d.
Proof.
intros HD. assert (A := Rabs_pos d). assert (B := M_below (Rabs d) A). assert (C := logistic_slope z d).
assert (F := exp_neg_le1 (Rabs d) A).
assert (0 <= Rabs d * (1 - exp (- Rabs d))) by (apply Rmult_le_pos; lra).
apply Rle_trans with (2 := C). apply Rle_trans with (D * (Rabs d * (1 - exp (- Rabs d)))).
- apply Rmult_le_compat_l; lra.
- apply Rmult_le_compat_r; lra.
Qed.
