(** H4c of heads-squared.md: many deleted rows by one sum. *)
From mathcomp Require Import all_ssreflect all_algebra ring lra.
From Certify Require Import Euclid Core Definite Ridge Deletions.
Import GRing.Theory Num.Theory Order.Theory.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Local Open Scope ring_scope.

Section Spectral.
Variable R : rcfType.
Variables (m : nat) (K : 'M[R]_m) (kappa : R).
Hypotheses (symK : sym K) (kappa0 : 0 <= kappa) (kappa1 : kappa < 1).
Hypothesis between : forall y, 0 <= qf K y <= kappa * nsq y.
Let N : 'M[R]_m := 1%:M - K.
Definition lambda : R := kappa / (1 - kappa).

Let p : 0 < 1 - kappa. Proof. by rewrite subr_gt0. Qed.
Let symN : sym N. Proof. by rewrite /sym /N linearB /= trmx1 symK. Qed.
Let formN y : qf N y = nsq y - qf K y. Proof. by rewrite /N qfB qf1. Qed.

Lemma spectral_unit : N \in unitmx.
Proof.
apply: posdef_unit => y yn; rewrite formN; have /andP[_ u] := between y; have q := nsq_gt0 yn.
have : 0 < (1 - kappa) * nsq y by rewrite mulr_gt0.
by move: u; lra.
Qed.

Lemma spectral_between y : nsq y <= qf (invmx N) y <= (1 + lambda) * nsq y.
Proof.
have U := spectral_unit; apply/andP; split.
  rewrite -[nsq y]divr1; apply: inverse_lower => // z; rewrite formN mul1r.
  have /andP[l u] := between z; have q := nsq_ge0 z; have : kappa * nsq z <= nsq z by rewrite ler_piMl // ltW.
  by move: l u; lra.
have -> : (1 + lambda) * nsq y = nsq y / (1 - kappa) by rewrite /lambda; field; rewrite gt_eqF.
by apply: inverse_upper => // z; rewrite formN; have /andP[_ u] := between z; lra.
Qed.

(** H4c for one set of rows: c . (I - K)^-1 r <= (1 + lambda/2) c . r + lambda/4 (sigma |c|^2 + tau |r|^2), sigma
    tau >= 1: a sum over the rows. *)
Theorem spectral_bound (c r : 'cV[R]_m) (sigma tau : R) : 0 < sigma -> 1 <= sigma * tau ->
  dot c (invmx N *m r) <= (1 + lambda / 2%:R) * dot c r + lambda / 4%:R * (sigma * nsq c + tau * nsq r).
Proof.
move=> s0 st; set s := Num.sqrt sigma; have sp : 0 < s by rewrite sqrtr_gt0.
have ss : s ^+ 2 = sigma by rewrite sqr_sqrtr // ltW.
have T : sym (invmx N) by rewrite /sym trmx_inv symN.
have /andP[_ u] := spectral_between (s *: c + s^-1 *: r).
have /andP[l _] := spectral_between (s *: c - s^-1 *: r).
have l0 : 0 <= lambda by rewrite divr_ge0 // ltW.
have si : s * s^-1 = 1 by rewrite divff // gt_eqF.
have ti : s^-1 ^+ 2 <= tau by rewrite exprVn ss -[leLHS]mul1r ler_pdivrMr // mulrC.
have E1 : qf (invmx N) (s *: c + s^-1 *: r) = s ^+ 2 * qf (invmx N) c + 2%:R * dot c (invmx N *m r)
    + s^-1 ^+ 2 * qf (invmx N) r.
  rewrite /qf mulmxDr -!scalemxAr !dotDl !dotDr !dotZl !dotZr (dot_sym r c T) !mulrA si mulrC.
  by rewrite [s^-1 * s]mulrC si; ring.
have E2 : qf (invmx N) (s *: c - s^-1 *: r) = s ^+ 2 * qf (invmx N) c - 2%:R * dot c (invmx N *m r)
    + s^-1 ^+ 2 * qf (invmx N) r.
  rewrite /qf mulmxBr -!scalemxAr !dotDl !dotDr !dotNl !dotNr !dotZl !dotZr (dot_sym r c T) !mulrA si.
  by rewrite [s^-1 * s]mulrC si; ring.
have F1 : nsq (s *: c + s^-1 *: r) = s ^+ 2 * nsq c + 2%:R * dot c r + s^-1 ^+ 2 * nsq r.
  by rewrite /nsq !dotDl !dotDr !dotZl !dotZr (dotC r c) !mulrA si [s^-1 * s]mulrC si; ring.
have F2 : nsq (s *: c - s^-1 *: r) = s ^+ 2 * nsq c - 2%:R * dot c r + s^-1 ^+ 2 * nsq r.
  by rewrite /nsq !dotDl !dotDr !dotNl !dotNr !dotZl !dotZr (dotC r c) !mulrA si [s^-1 * s]mulrC si; ring.
have nr := ler_wpM2r (nsq_ge0 r) ti; have lr := ler_wpM2l l0 nr.
by rewrite E1 F1 ss in u; rewrite E2 F2 ss in l; lra.
Qed.

End Spectral.

(** H4c, a valid kappa: the largest sum of sizes in a row of the block. *)
Theorem row_sums (R : rcfType) (m : nat) (K : 'M[R]_m) (kappa : R) : sym K ->
  (forall i, \sum_l `|K i l| <= kappa) -> forall y, qf K y <= kappa * nsq y.
Proof.
move=> symK h y; have S i l : K l i = K i l by rewrite -[in LHS]symK mxE.
have E : \sum_i \sum_l `|K i l| * (y l 0) ^+ 2 = \sum_i \sum_l `|K i l| * (y i 0) ^+ 2.
  by rewrite exchange_big; apply: eq_bigr => i _; apply: eq_bigr => l _ /=; rewrite S.
apply: le_trans (_ : \sum_i \sum_l `|K i l| * (y i 0) ^+ 2 <= _); last first.
  rewrite /nsq /dot big_distrr /=; apply: ler_sum => i _; rewrite -big_distrl /= -expr2.
  by apply: ler_wpM2r; rewrite ?sqr_ge0.
have -> : \sum_i \sum_l `|K i l| * (y i 0) ^+ 2 =
    \sum_i \sum_l `|K i l| * ((y i 0) ^+ 2 + (y l 0) ^+ 2) / 2%:R.
  transitivity ((\sum_i \sum_l `|K i l| * (y i 0) ^+ 2 + \sum_i \sum_l `|K i l| * (y l 0) ^+ 2) / 2%:R).
    by rewrite E; field.
  rewrite -big_split /= big_distrl /=; apply: eq_bigr => i _; rewrite -big_split big_distrl /=.
  by apply: eq_bigr => l _; rewrite mulrDr.
rewrite /qf /dot; apply: ler_sum => i _; rewrite mxE big_distrr /=; apply: ler_sum => l _.
have a : y i 0 * (K i l * y l 0) <= `|K i l| * (`|y i 0| * `|y l 0|).
  by rewrite -!normrM; apply: le_trans (ler_norm _) _; rewrite mulrCA.
apply: le_trans a _; rewrite -mulrA; apply: ler_wpM2l => //.
have := sqr_ge0 (`|y i 0| - `|y l 0|); rewrite sqrrB !real_normK ?num_real // mulr2n.
by rewrite ler_pdivlMr //; lra.
Qed.
