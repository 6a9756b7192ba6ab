(** Constants of activations (A2, A6 of proofs/activations.md), over the reals of Coq.
    The product uses them as Lipschitz constants of slopes: certify/rigor/activation/sigmoid.py and tanh.py.
    Not here: enclosures of the values themselves (floats); gelu, silu, elu; that no smaller constant would do. *)
From Coq Require Import Reals Lra Psatz.
From Coquelicot Require Import Coquelicot.
Local Open Scope R_scope.
Definition sg x := / (1 + exp (- x)).
Lemma sg_rng x : 0 < sg x < 1.
Proof.
assert (H := exp_pos (- x)). unfold sg. split.
- apply Rinv_0_lt_compat. lra.
- rewrite <- Rinv_1 at 2. apply Rinv_lt_contravar; lra.
Qed.
Lemma sg_d x : is_derive sg x (sg x * (1 - sg x)).
Proof.
unfold sg. assert (H := exp_pos (- x)). auto_derive; [lra|]. field. lra.
Qed.
Lemma sg_dd x : is_derive (fun x => sg x * (1 - sg x)) x
   (sg x * (1 - sg x) * (1 - 2 * sg x)).
Proof.
assert (D := sg_d x).
auto_derive.
- split; [now exists (sg x * (1 - sg x))|]. split; [now exists (sg x * (1 - sg x))|easy].
- change (fun x0 : R => sg x0) with sg. rewrite (is_derive_unique _ _ _ D). ring.
Qed.

(** `0 < sigma' <= 1/4` at every x: A6, `slope_bound` of the sigmoid. *)
Theorem sg_d_bound x : Rabs (sg x * (1 - sg x)) <= 1/4.
Proof.
assert (H := sg_rng x). assert (0 <= (sg x - 1/2)^2) by apply pow2_ge_0.
apply Rabs_le. split; nra.
Qed.

(* y^2 <= c^2 gives |y| <= c *)
Lemma abs_of_sq y c : 0 <= c -> y ^ 2 <= c ^ 2 -> Rabs y <= c.
Proof.
intros Hc H. rewrite <- (Rabs_pos_eq c Hc). apply Rsqr_le_abs_0. unfold Rsqr. lra.
Qed.

(** `|sigma''| <= 1/(6 sqrt 3)`, and so below the number that the code has with room for its own rounding: A6,
    `curvature` of the sigmoid (A7: the third derivative of softplus). *)
Theorem sg_dd_bound x : Rabs (sg x * (1 - sg x) * (1 - 2 * sg x)) <= 9622505 / 100000000.
Proof.
apply abs_of_sq; [lra|].
assert (H := sg_rng x). set (S := sg x) in *.
assert (0 <= ((1-2*S)^2 - 1/3)^2 * (4/3 - (1-2*S)^2)).
{ apply Rmult_le_pos; [apply pow2_ge_0|nra]. }
nra.
Qed.

Lemma sg_ddd x : is_derive (fun x => sg x * (1 - sg x) * (1 - 2 * sg x)) x
   (sg x * (1 - sg x) * (1 - 6 * (sg x * (1 - sg x)))).
Proof.
assert (D := sg_d x). auto_derive.
- repeat split; now exists (sg x * (1 - sg x)).
- change (fun x0 : R => sg x0) with sg. rewrite (is_derive_unique _ _ _ D). ring.
Qed.

(** `|sigma'''| <= 1/8`: A6, `third` of the sigmoid. *)
Theorem sg_ddd_bound x : Rabs (sg x * (1 - sg x) * (1 - 6 * (sg x * (1 - sg x)))) <= 1 / 8.
Proof.
assert (H := sg_rng x). set (S := sg x) in *.
replace (S * (1 - S) * (1 - 6 * (S * (1 - S)))) with ((1 - (1-2*S)^2) * (3 * (1-2*S)^2 - 1) / 8) by field.
assert (0 <= (1-2*S)^2) by apply pow2_ge_0. assert ((1-2*S)^2 <= 1) by nra.
set (D := (1-2*S)^2) in *. apply Rabs_le. split; nra.
Qed.

Lemma tanh_sg x : tanh x = 2 * sg (2 * x) - 1.
Proof.
unfold tanh, sinh, cosh, sg. replace (- (2 * x)) with (- x + - x) by ring. rewrite exp_plus.
assert (H := exp_pos (- x)). assert (E : exp x * exp (- x) = 1) by (rewrite <- exp_plus, Rplus_opp_r; apply exp_0).
assert (G := exp_pos x).
assert (exp x = / exp (- x)) as -> by (apply Rmult_eq_reg_r with (exp (- x)); [rewrite E; field; lra|lra]).
field. split; nra.
Qed.
Lemma tanh_rng x : -1 < tanh x < 1.
Proof. rewrite tanh_sg. assert (H := sg_rng (2 * x)). lra. Qed.
Lemma tanh_d x : is_derive tanh x (1 - tanh x ^ 2).
Proof.
apply (is_derive_ext (fun x => 2 * sg (2 * x) - 1)); [intro; symmetry; apply tanh_sg|].
rewrite tanh_sg. assert (D := sg_d (2 * x)). auto_derive.
- now exists (sg (2 * x) * (1 - sg (2 * x))).
- change (fun x0 : R => sg x0) with sg. rewrite (is_derive_unique _ _ _ D). ring.
Qed.
Lemma tanh_dd x : is_derive (fun x => 1 - tanh x ^ 2) x (-2 * tanh x * (1 - tanh x ^ 2)).
Proof.
assert (D := tanh_d x). auto_derive.
- now exists (1 - tanh x ^ 2).
- change (fun x0 : R => tanh x0) with tanh. rewrite (is_derive_unique _ _ _ D). ring.
Qed.

(** `|tanh''| <= 4/(3 sqrt 3)`, and so below the number that the code has: A2, `curvature` of tanh. *)
Theorem tanh_dd_bound x : Rabs (-2 * tanh x * (1 - tanh x ^ 2)) <= 76980036 / 100000000.
Proof.
apply abs_of_sq; [lra|]. assert (H := tanh_rng x). set (T := tanh x) in *.
assert (0 <= (T^2 - 1/3)^2 * (4/3 - T^2) * 4).
{ apply Rmult_le_pos; [|lra]. apply Rmult_le_pos; [apply pow2_ge_0|nra]. }
nra.
Qed.
