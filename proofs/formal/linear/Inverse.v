(** One square system and an approximate inverse from anywhere: W2, and what M5c, M5e and M5s make of it.
    A stands for the Hessian (M5c), or for H + T T^T (M5b); C for the mixed derivative. *)
From mathcomp Require Import all_ssreflect all_algebra ring lra.
From Certify Require Import Euclid Core Definite Modulus.
Import GRing.Theory Num.Theory Order.Theory.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Local Open Scope ring_scope.

Section Inverse.
Variable R : rcfType.
Variables (p : nat) (A X : 'M[R]_p) (e : R).
Hypotheses (e1 : e < 1) (h : opbnd (X *m A - 1%:M) e).

Lemma residual w : enorm (X *m A *m w - w) <= e * enorm w.
Proof. by have := h w; rewrite mulmxBl mul1mx. Qed.

(** W2: if |X A - I| <= e < 1, then A and X are nonsingular. *)
Theorem approx_inverse_unit : A \in unitmx /\ X \in unitmx.
Proof.
have U : X *m A \in unitmx.
  rewrite -unitmx_tr -row_free_unit; apply: inj_row_free => y; rewrite trmxK => XA.
  have := residual y; rewrite XA sub0r enormN => l; apply: enorm_eq0; apply/eqP.
  by rewrite eq_le enorm_ge0 andbT -(pmulr_rle0 _ (_ : 0 < 1 - e)) ?subr_gt0 // mulrBl mul1r subr_le0.
by move: U; rewrite unitmx_mul => /andP[].
Qed.

(** W2, the ends: |X v|/(1 + e) <= |A^-1 v| <= |X v|/(1 - e) for every v. Used by `certify/rigor/inverse.py` and
    `certify/check/linalg/inverse.py` for every quantity of the critical map. *)
Theorem approx_inverse_ends v : 0 <= e ->
  enorm (X *m v) / (1 + e) <= enorm (invmx A *m v) <= enorm (X *m v) / (1 - e).
Proof.
move=> e0; have [UA _] := approx_inverse_unit; set w := invmx A *m v.
have Aw : A *m w = v by rewrite /w mulKVmx.
have r := residual w; rewrite -mulmxA Aw in r.
have p1 : 0 < 1 + e by rewrite ltr_pwDl.
have p2 : 0 < 1 - e by rewrite subr_gt0.
rewrite ler_pdivrMr // ler_pdivlMr //.
have t1 := enormD (X *m v - w) w; rewrite subrK in t1.
have t2 := enormB w (w - X *m v); rewrite subKr -[w - _]opprB enormN in t2.
by apply/andP; split; lra.
Qed.

(** W2 for matrices: |X C|/(1 + e) <= |A^-1 C| <= |X C|/(1 - e), said with every bound c. M5c's modulus of the
    critical map is |A^-1 C|, and the same holds for every block of C (rows) and every column. *)
Theorem approx_inverse_norm k (C : 'M[R]_(p, k)) (c : R) : 0 <= e ->
  (opbnd (X *m C) c -> opbnd (invmx A *m C) (c / (1 - e))) /\
  (opbnd (invmx A *m C) c -> opbnd (X *m C) (c * (1 + e))).
Proof.
move=> e0; have p1 : 0 < 1 + e by rewrite ltr_pwDl.
have p2 : 0 < 1 - e by rewrite subr_gt0.
split=> H v; have /andP[l u] := approx_inverse_ends (C *m v) e0; have := H v; rewrite -!mulmxA => b.
  by apply: le_trans u _; rewrite mulrAC ler_pM2r ?invr_gt0.
by rewrite ler_pdivrMr // in l; apply: le_trans l _; rewrite mulrAC ler_pM2r.
Qed.

(** W2, the least singular value: |A^-1| <= r/(1 - e) where |X| <= r. *)
Corollary approx_inverse_floor (r : R) : 0 <= e -> opbnd X r -> opbnd (invmx A) (r / (1 - e)).
Proof.
by move=> e0 hX; have [H _] := approx_inverse_norm 1%:M r e0; rewrite !mulmx1 in H; exact: H.
Qed.

(** W2 with F (M5s): a motion seen through F, tau |v| <= |F v| and |F| <= f, theta = f e/tau < 1, D = F X: the same ends
    for |F A^-1 v|. Used by `certify/systems/critical/function_norm.py`. *)
Theorem approx_inverse_seen m (F : 'M[R]_(m, p)) (f tau : R) v : 0 <= e -> 0 < tau -> 0 <= f -> opbnd F f ->
  (forall x : 'cV_p, tau * enorm x <= enorm (F *m x)) -> f * e / tau < 1 ->
  enorm (F *m X *m v) / (1 + f * e / tau) <= enorm (F *m (invmx A *m v)) <= enorm (F *m X *m v) / (1 - f * e / tau).
Proof.
move=> e0 tau0 f0 hF low; set th := f * e / tau => th1.
have [UA _] := approx_inverse_unit; set w := invmx A *m v.
have Aw : A *m w = v by rewrite /w mulKVmx.
have th0 : 0 <= th by rewrite !mulr_ge0 // invr_ge0 ltW.
have r : enorm (F *m (X *m v) - F *m w) <= th * enorm (F *m w).
  have r := residual w; rewrite -mulmxA Aw in r.
  rewrite -mulmxBr; apply: le_trans (hF _) _; apply: le_trans (ler_wpM2l f0 r) _.
  rewrite mulrA /th [leRHS]mulrAC ler_pdivlMr // -[leLHS]mulrA; apply: ler_wpM2l; first by rewrite mulr_ge0.
  by rewrite mulrC.
have p1 : 0 < 1 + th by rewrite ltr_pwDl.
have p2 : 0 < 1 - th by rewrite subr_gt0.
rewrite ler_pdivrMr // ler_pdivlMr // -mulmxA.
have t1 := enormD (F *m (X *m v) - F *m w) (F *m w); rewrite subrK in t1.
have t2 := enormB (F *m w) (F *m w - F *m (X *m v)); rewrite subKr -[F *m w - _]opprB enormN in t2.
by apply/andP; split; lra.
Qed.
End Inverse.

Section Critical.
Variable R : rcfType.

(* the right inverse of a square matrix is its inverse *)
Lemma rinv_square p (A : 'M[R]_p) : A \in unitmx -> rinv A = invmx A.
Proof.
move=> U; have UT : A^T \in unitmx by rewrite unitmx_tr.
by apply: (can_inj (mulKmx U)); rewrite /rinv mulmxA !mulmxV // unitmx_mul U.
Qed.

Lemma smin_square p (A : 'M[R]_p) : A \in unitmx -> exists2 s : R, 0 < s & smin_ge A s.
Proof.
move=> U; have UT : A^T \in unitmx by rewrite unitmx_tr.
set b := fro2 (invmx A^T) + 1; have f0 := fro2_ge0 (invmx A^T).
have b0 : 0 < b by rewrite ltr_wpDl.
have B : opbnd (invmx A^T) b.
  apply: fro2_opbnd; first exact: ltW.
  by rewrite /b sqrrD1; have := sqr_ge0 (fro2 (invmx A^T)); lra.
exists b^-1; first by rewrite invr_gt0.
by move=> u; rewrite ler_pdivrMl // -{1}[u](mulKmx UT); exact: B.
Qed.

(** M5c and M5b as the checker decides them: c^2 A^2 - C C^T >= 0 if and only if |A^-1 C| <= c, for nonsingular
    symmetric A. Used by `certify/check/theorems/modulus/critical.py`. *)
Theorem critical_lmi p k (A : 'M[R]_p) (C : 'M[R]_(p, k)) (c : R) : sym A -> A \in unitmx -> 0 <= c ->
  (forall z, 0 <= qf (c ^+ 2 *: (A *m A) - C *m C^T) z) <-> opbnd (invmx A *m C) c.
Proof.
move=> S U c0; have [s s0 hs] := smin_square U.
by have := lmi_modulus C s0 hs c0; rewrite S rinv_square.
Qed.

(** ... and the strict form proves that A is nonsingular. *)
Theorem critical_lmi_upper p k (A : 'M[R]_p) (C : 'M[R]_(p, k)) (c : R) : sym A -> 0 < c ->
  posdef (c ^+ 2 *: (A *m A) - C *m C^T) -> A \in unitmx /\ exists2 d : R, 0 <= d < c & opbnd (invmx A *m C) d.
Proof.
move=> S c0 pM; have [|s [d [s0 hs dc hd]]] := @lmi_upper R p p k A C c c0; first by rewrite S.
have U : A \in unitmx by rewrite -row_free_unit; exact: smin_row_free hs.
by split=> //; exists d => //; rewrite -rinv_square.
Qed.

(** The checker's test through X: with |X A - I| <= e < 1, X W X^T < (1 - e)^2 I proves A^2 - W > 0. *)
Theorem congruence_square p (A X W : 'M[R]_p) (e : R) : sym A -> 0 <= e -> e < 1 -> opbnd (X *m A - 1%:M) e ->
  posdef ((1 - e) ^+ 2 *: 1%:M - X *m W *m X^T) -> posdef (A *m A - W).
Proof.
move=> S e0 e1 h pM; have [UA UX] := approx_inverse_unit e1 h; rewrite (posdef_congr _ UX) => z zn.
rewrite mulmxBr mulmxBl qfB -mulmxA.
have -> : qf (X *m (A *m A *m X^T)) z = nsq ((X *m A)^T *m z).
  by rewrite trmx_mul S /qf -!mulmxA dot_mulmx [dot (X^T *m z) _]dot_mulmx S.
have := pM z zn; rewrite qfB qfZ qf1 -mulmxA => lt; apply: lt_le_trans lt _; apply: lerB => //.
have low : (1 - e) * enorm z <= enorm ((X *m A)^T *m z).
  have hT := opbnd_tr e0 h z; rewrite linearB /= trmx1 mulmxBl mul1mx in hT.
  by have := enormB z (z - (X *m A)^T *m z); rewrite subKr -[z - _]opprB enormN; lra.
rewrite -!sqr_enorm -exprMn ler_pXn2r // nnegrE ?mulr_ge0 ?enorm_ge0 // subr_ge0; exact: ltW.
Qed.

(** N1 and M5e, a budget for every row: if K (or A^2) is at least the sum of C_i C_i^T/d_i, then for changes u_i of
    the rows the motion is bounded by sum |u_i|^2 d_i: |J^+ sum C_i u_i|^2 <= sum d_i |u_i|^2. Said for Cauchy-
    Schwarz as it is used: (z . sum C_i u_i)^2 <= (z . K z) (sum d_i |u_i|^2). *)
Theorem budgets n (K : 'M[R]_n) (N : nat) (k : 'I_N -> nat) (C : forall i, 'M[R]_(n, k i)) (d : 'I_N -> R)
    (u : forall i, 'cV[R]_(k i)) z :
  (forall i, 0 < d i) -> (forall z, \sum_i nsq ((C i)^T *m z) / d i <= qf K z) ->
  (dot z (\sum_i C i *m u i)) ^+ 2 <= qf K z * (\sum_i d i * nsq (u i)).
Proof.
move=> d0 hK; have := hK z; set q : R := \sum_i nsq _ / _; set b : R := \sum_i d i * _ => hq.
have b0 : 0 <= b by apply: sumr_ge0 => i _; rewrite mulr_ge0 ?nsq_ge0 // ltW.
have q0 : 0 <= q by apply: sumr_ge0 => i _; rewrite divr_ge0 ?nsq_ge0 // ltW.
apply: le_trans (_ : q * b <= _); last exact: ler_wpM2r.
have E : dot z (\sum_i C i *m u i) = \sum_i dot ((C i)^T *m z) (u i).
  rewrite (big_morph (dot z) (id1 := 0) (op1 := +%R)) => [|x y|]; last first.
  - by rewrite -(scale0r (0 : 'cV_n)) dotZr mul0r.
  - exact: dotDr.
  by apply: eq_bigr => i _; rewrite dot_mulmx.
rewrite E; set s := \sum_i _.
(* 0 <= sum |t C^T z/d - u|^2 d for every t *)
have P t : 0 <= t ^+ 2 * q - t * s *+ 2 + b.
  have -> : t ^+ 2 * q - t * s *+ 2 + b = \sum_i d i * nsq ((t / d i) *: ((C i)^T *m z) - u i).
    rewrite /q /s /b !big_distrr /= -sumrMnl -sumrB -big_split /=; apply: eq_bigr => i _.
    rewrite /nsq !dotDl !dotDr !dotNl !dotNr !dotZl !dotZr (dotC (u i)).
    by have := d0 i => di; field; rewrite gt_eqF.
  by apply: sumr_ge0 => i _; rewrite mulr_ge0 ?nsq_ge0 // ltW.
have [qz|qn] := eqVneq q 0.
  have := P ((b + 1) / s / 2%:R); rewrite qz mulr0 add0r mul0r.
  have [->|sn] := eqVneq s 0; first by rewrite expr0n.
  have -> : (b + 1) / s / 2%:R * s *+ 2 = b + 1 by rewrite mulr2n; field.
  by lra.
have qp : 0 < q by rewrite lt_def qn.
have := P (s / q); have -> : (s / q) ^+ 2 * q - s / q * s *+ 2 + b = b - s ^+ 2 / q by rewrite mulr2n; field.
by rewrite subr_ge0 ler_pdivrMr // mulrC.
Qed.

(** ... and the motion: for K = J J^T (J = A for critical points) the nearest solution moves by |J^+ sum C_i u_i|,
    whose square is at most sum d_i |u_i|^2. Over |u_i|^2 <= tau_i that is the sum of tau_i d_i (at most m rows:
    the m largest). *)
Corollary budget_motion n m (J : 'M[R]_(n, m)) (s : R) (N : nat) (k : 'I_N -> nat) (C : forall i, 'M[R]_(n, k i))
    (d : 'I_N -> R) (u : forall i, 'cV[R]_(k i)) : 0 < s -> smin_ge J s ->
  (forall i, 0 < d i) -> (forall z, \sum_i nsq ((C i)^T *m z) / d i <= qf (J *m J^T) z) ->
  nsq (rinv J *m (\sum_i C i *m u i)) <= \sum_i d i * nsq (u i).
Proof.
move=> s0 hJ d0 hK; set b := \sum_i C i *m u i; set z := invmx (J *m J^T) *m b.
have -> : rinv J *m b = J^T *m z by rewrite /rinv /z mulmxA.
rewrite -qf_gram; have := budgets u z d0 hK; rewrite -/b.
have -> : dot z b = qf (J *m J^T) z by rewrite /qf mulKVmx //; exact: gram_unit s0 hJ.
have q0 : 0 <= qf (J *m J^T) z by rewrite qf_gram nsq_ge0.
have [->|qn] := eqVneq (qf (J *m J^T) z) 0.
  by move=> _; apply: sumr_ge0 => i _; rewrite mulr_ge0 ?nsq_ge0 // ltW.
by rewrite expr2 ler_pM2l // lt_def qn.
Qed.
End Critical.
