(** Definiteness by a congruence with a matrix from anywhere: C1, and what W1, M2, M4, D3 and Q6 build on it.
      qf M z    :  the quadratic form z . M z;
      posdef M  :  z . M z > 0 for every z that is not 0 (M need not be symmetric; sym M says that it is). *)
From mathcomp Require Import all_ssreflect all_algebra ring lra.
From Certify Require Import Euclid Core.
Import GRing.Theory Num.Theory Order.Theory.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Local Open Scope ring_scope.

Section Definite.
Variable R : rcfType.
Implicit Types (n m k p : nat).

Definition qf n (M : 'M[R]_n) (z : 'cV[R]_n) : R := dot z (M *m z).
Definition posdef n (M : 'M[R]_n) := forall z : 'cV_n, z != 0 -> 0 < qf M z.
Definition sym n (M : 'M[R]_n) := M^T = M.

Lemma qfD n (M N : 'M[R]_n) z : qf (M + N) z = qf M z + qf N z.
Proof. by rewrite /qf mulmxDl dotDr. Qed.
Lemma qfB n (M N : 'M[R]_n) z : qf (M - N) z = qf M z - qf N z.
Proof. by rewrite /qf mulmxBl dotDr dotNr. Qed.
Lemma qfZ n a (M : 'M[R]_n) z : qf (a *: M) z = a * qf M z.
Proof. by rewrite /qf -scalemxAl dotZr. Qed.
Lemma qf1 n (z : 'cV[R]_n) : qf 1%:M z = nsq z.
Proof. by rewrite /qf mul1mx. Qed.
Lemma qf_congr n m (X : 'M[R]_(n, m)) (M : 'M[R]_m) z : qf (X *m M *m X^T) z = qf M (X^T *m z).
Proof. by rewrite /qf -!mulmxA dot_mulmx. Qed.
Lemma qf_congrT n m (C : 'M[R]_(n, m)) (M : 'M[R]_n) v : qf (C^T *m M *m C) v = qf M (C *m v).
Proof. by rewrite /qf -!mulmxA dot_mulmx trmxK. Qed.
Lemma qf_gram n m (X : 'M[R]_(n, m)) z : qf (X *m X^T) z = nsq (X^T *m z).
Proof. by rewrite /qf -!mulmxA dot_mulmx. Qed.
Lemma qf0 n (M : 'M[R]_n) : qf M 0 = 0.
Proof. by rewrite /qf mulmx0 -(scale0r (0 : 'cV_n)) dotZl mul0r. Qed.
Lemma nsq_gt0 n (z : 'cV[R]_n) : z != 0 -> 0 < nsq z.
Proof.
move=> zn; rewrite lt_def nsq_ge0 andbT; apply: contra zn => /eqP h; apply/eqP; exact: nsq_eq0.
Qed.
Lemma dot_sym n (M : 'M[R]_n) u v : sym M -> dot u (M *m v) = dot v (M *m u).
Proof. by move=> S; rewrite dot_mulmx S dotC. Qed.

(* |u . M u| <= c |u|^2 for a matrix of norm at most c *)
Lemma qf_opbnd n (M : 'M[R]_n) c z : opbnd M c -> `|qf M z| <= c * nsq z.
Proof.
move=> hM; have h1 := CS z (M *m z); have h2 := CS (- z) (M *m z); rewrite enormN dotNl in h2.
have h3 := ler_wpM2l (enorm_ge0 z) (hM z); rewrite mulrCA -expr2 sqr_enorm in h3.
rewrite ler_norml; apply/andP; split; last exact: le_trans h1 h3.
by rewrite lerNl; exact: le_trans h2 h3.
Qed.

Lemma inj_row_free n m (X : 'M[R]_(n, m)) : (forall y : 'cV_n, X^T *m y = 0 -> y = 0) -> row_free X.
Proof.
move=> h; rewrite -kermx_eq0; apply/eqP/row_matrixP => i; rewrite row0.
apply: trmx_inj; rewrite trmx0; apply: h.
by rewrite -trmx_mul -row_mul mulmx_ker row0 trmx0.
Qed.

Lemma posdef_unit n (M : 'M[R]_n) : posdef M -> M \in unitmx.
Proof.
move=> pM; rewrite -unitmx_tr -row_free_unit; apply: inj_row_free => y; rewrite trmxK => My.
apply/eqP; apply: contraT => /pM; rewrite /qf My -(scale0r (0 : 'cV_n)) dotZr mul0r ltxx //.
Qed.

(* A form between two multiples of |.|^2 has an inverse between the inverse multiples *)
Lemma inverse_upper n (B : 'M[R]_n) a w : 0 < a -> B \in unitmx -> (forall y, a * nsq y <= qf B y) ->
  qf (invmx B) w <= nsq w / a.
Proof.
move=> a0 U h; set x := invmx B *m w; have Bx : B *m x = w by rewrite /x mulKVmx.
have hx := h x; rewrite /qf Bx in hx; rewrite /qf -/x ler_pdivlMr //.
have c := CS w x; rewrite dotC in hx.
have [x0|xn] := eqVneq (enorm x) 0.
  by move: c; rewrite x0 mulr0 => c; apply: le_trans (nsq_ge0 w); rewrite pmulr_lle0.
have xp : 0 < enorm x by rewrite lt_def xn enorm_ge0.
have l : a * enorm x <= enorm w.
  rewrite -(ler_pM2l xp) mulrCA -expr2 sqr_enorm; apply: le_trans hx _; by rewrite mulrC.
rewrite -sqr_enorm expr2; apply: le_trans (ler_wpM2r (ltW a0) c) _.
by rewrite -mulrA; apply: ler_wpM2l; rewrite ?enorm_ge0 // mulrC.
Qed.

Lemma inverse_lower n (B : 'M[R]_n) b w : 0 < b -> sym B -> B \in unitmx -> (forall y, 0 <= qf B y <= b * nsq y) ->
  nsq w / b <= qf (invmx B) w.
Proof.
move=> b0 S U h; set x := invmx B *m w; have Bx : B *m x = w by rewrite /x mulKVmx.
have /andP[h1 _] := h (w - b *: x); have /andP[_ h2] := h w.
move: h1; rewrite /qf mulmxBr -scalemxAr Bx dotDr !dotDl !dotNl !dotNr !dotZl !dotZr.
rewrite (dot_sym x w S) Bx -/(qf B w) -/(nsq w) (dotC x w) -/x => h1.
rewrite ler_pdivrMr //; suff : 0 <= b * (dot w x * b - nsq w) by rewrite pmulr_rge0 // subr_ge0.
by rewrite mulrBr; move: h1 h2; rewrite mulrA mulrC; lra.
Qed.

(** A positive definite form is at least a multiple of |z|^2: strict inequalities leave room. *)
Lemma posdef_gap n (M : 'M[R]_n) : sym M -> posdef M -> exists2 s, 0 < s & forall z, s * nsq z <= qf M z.
Proof.
move=> S pM; have U := posdef_unit pM; set N := invmx M.
have NU : N \in unitmx by rewrite unitmx_inv.
have NS : sym N by rewrite /sym /N trmx_inv S.
set b := fro2 N + 1; have f0 := fro2_ge0 N; have b0 : 0 < b by rewrite ltr_wpDl.
have bN : opbnd N b.
  apply: fro2_opbnd; first exact: ltW.
  by rewrite /b sqrrD1; have := sqr_ge0 (fro2 N); lra.
have pos y : 0 <= qf N y.
  have [->|yn] := eqVneq y 0; first by rewrite qf0.
  have xn : N *m y != 0 by apply: contra yn => /eqP h; rewrite -[y](mulKVmx U) -/N h mulmx0.
  by have := pM _ xn; rewrite /qf mulKVmx // dotC => /ltW.
exists b^-1; first by rewrite invr_gt0.
move=> z; rewrite mulrC -[M]invmxK -/N; apply: inverse_lower => // y; rewrite pos /=.
exact: le_trans (ler_norm _) (qf_opbnd _ bN).
Qed.

(* A symmetric form that is not negative and has an inverse is positive definite *)
Lemma nonneg_unit_posdef n (M : 'M[R]_n) : sym M -> (forall z, 0 <= qf M z) -> M \in unitmx -> posdef M.
Proof.
move=> S pos U z zn; rewrite lt_def pos andbT; apply/eqP => z0.
have yn : 0 < nsq (M *m z).
  by rewrite nsq_gt0 //; apply: contra zn => /eqP h; rewrite -[z](mulKmx U) h mulmx0.
set y := M *m z in yn; have q0 := pos y; set l : R := nsq y / (qf M y + 1).
have := pos (z - l *: y); rewrite /qf mulmxBr -scalemxAr -/y !dotDl !dotDr !dotNl !dotNr !dotZl !dotZr.
have zy : dot z y = 0 by exact: z0.
have zMy : dot z (M *m y) = nsq y by rewrite dot_sym.
rewrite zy zMy -/(qf M y) -/(nsq y).
have l0 : 0 < l by rewrite divr_gt0 // ltr_wpDl.
have E : l * (qf M y + 1) = nsq y by rewrite divfK // gt_eqF // ltr_wpDl.
rewrite -E; move: (qf M y) q0 => w w0; have := mulr_gt0 l0 l0; have := mulr_ge0 (mulr_ge0 (ltW l0) (ltW l0)) w0; lra.
Qed.

(** C1, definiteness. If |X A X^T - I| <= e < 1 for some square X, then X and A are nonsingular and A is positive
    definite. X may come from anywhere; that the product's X is a factor of Cholesky plays no part.
    Used by every upper end of M2, M4 and N0-N4 (surjectivity of G_w) and by D3, D4, Q6 for their normal matrices.
    Not here: that the enclosure of A holds A, and rounding in the residual (R2, R10). *)
Theorem congruence_definite n (A X : 'M[R]_n) e : e < 1 -> opbnd (X *m A *m X^T - 1%:M) e ->
  [/\ X \in unitmx, A \in unitmx & posdef A].
Proof.
move=> e1 h.
have low y : (1 - e) * nsq y <= qf A (X^T *m y).
  have := qf_opbnd y h; rewrite qfB qf1 qf_congr ler_norml => /andP[+ _]; lra.
have e0 : 0 < 1 - e by rewrite subr_gt0.
have U : X \in unitmx.
  rewrite -row_free_unit; apply: inj_row_free => y Xy; apply: nsq_eq0; apply/eqP.
  by rewrite eq_le nsq_ge0 andbT -(pmulr_rle0 _ e0) -(qf0 A) -Xy low.
have UT : X^T \in unitmx by rewrite unitmx_tr.
suff pA : posdef A by split=> //; exact: posdef_unit.
move=> z zn; rewrite -[z](mulKVmx UT); apply: lt_le_trans (low _).
by rewrite mulr_gt0 // nsq_gt0 //; apply: contra zn => /eqP h0; rewrite -[z](mulKVmx UT) h0 mulmx0.
Qed.

(** The same from the Frobenius norm, which is what is computed. *)
Corollary congruence_definite_fro n (A X : 'M[R]_n) e :
  0 <= e < 1 -> fro2 (X *m A *m X^T - 1%:M) <= e ^+ 2 -> [/\ X \in unitmx, A \in unitmx & posdef A].
Proof. by case/andP=> e0 e1 h; apply: (@congruence_definite _ _ _ e) => //; exact: fro2_opbnd. Qed.

Section Congruence.
Variables (n : nat) (A X : 'M[R]_n) (e : R).
Hypotheses (S : sym A) (e0 : 0 <= e) (e1 : e < 1) (h : opbnd (X *m A *m X^T - 1%:M) e).

Lemma congr_bounds y : (1 - e) * nsq y <= qf (X *m A *m X^T) y <= (1 + e) * nsq y.
Proof. by have := qf_opbnd y h; rewrite qfB qf1 ler_norml => /andP[? ?]; apply/andP; split; lra. Qed.

(** C1 and C2, the inverse: X^T X/(1 + e) <= A^-1 <= X^T X/(1 - e) as forms, for symmetric A. With v = C_i u these
    are both ends of every row's modulus (C2), with v = rho the error bound of D3 and D4 (Lemma 1 of heads-
    squared.md). Not here: C2's second-order correction, which tightens the ends. *)
Theorem congruence_inverse v : nsq (X *m v) / (1 + e) <= qf (invmx A) v <= nsq (X *m v) / (1 - e).
Proof.
have [UX UA pA] := congruence_definite e1 h.
have UB : X *m A *m X^T \in unitmx by rewrite !unitmx_mul unitmx_tr UX UA.
have SB : sym (X *m A *m X^T) by rewrite /sym !trmx_mul trmxK S mulmxA.
have -> : qf (invmx A) v = qf (invmx (X *m A *m X^T)) (X *m v).
  rewrite /qf (_ : invmx (X *m A *m X^T) *m (X *m v) = (invmx X)^T *m (invmx A *m v)).
    by rewrite [RHS]dot_mulmx trmxK mulKmx.
  apply: (can_inj (mulKmx UB)); rewrite mulKVmx //.
  by rewrite -!mulmxA [X^T *m _]mulmxA -trmx_mul mulVmx // trmx1 mul1mx mulKVmx.
have p1 : 0 < 1 + e by rewrite ltr_pwDl.
have p2 : 0 < 1 - e by rewrite subr_gt0.
apply/andP; split.
  apply: inverse_lower => // y; have /andP[l u] := congr_bounds y.
  by rewrite u (le_trans _ l) // mulr_ge0 ?nsq_ge0 // ltW.
apply: inverse_upper => //.
by move=> y; have /andP[] := congr_bounds y.
Qed.

(** C1, the least eigenvalue: A is at least (1 - e)/r^2 where |X| <= r. Used for sigma(G_w) >= sqrt(1 - e)/|X|. *)
Theorem congruence_floor r : 0 < r -> opbnd X r -> forall z, (1 - e) / r ^+ 2 * nsq z <= qf A z.
Proof.
move=> r0 hX z; have [UX _ _] := congruence_definite e1 h.
have UT : X^T \in unitmx by rewrite unitmx_tr.
have /andP[l _] := congr_bounds (invmx X^T *m z); move: l; rewrite qf_congr mulKVmx // => l.
apply: le_trans l; rewrite -mulrA ler_wpM2l ?subr_ge0 ?(ltW e1) //.
have r0' := ltW r0; have := opbnd_tr r0' hX (invmx X^T *m z); rewrite mulKVmx // => hz.
by rewrite ler_pdivrMl ?exprn_gt0 // -!sqr_enorm -exprMn ler_pXn2r // nnegrE ?mulr_ge0 ?enorm_ge0.
Qed.
End Congruence.

(** C1, the test of M2 after the congruence: M is definite iff X M X^T is, X nonsingular. *)
Theorem posdef_congr n (M X : 'M[R]_n) : X \in unitmx -> (posdef M <-> posdef (X *m M *m X^T)).
Proof.
move=> UX; have UT : X^T \in unitmx by rewrite unitmx_tr.
split=> pM z zn.
  by rewrite qf_congr; apply: pM; apply: contra zn => /eqP h; rewrite -[z](mulKmx UT) h mulmx0.
rewrite -[z](mulKVmx UT) -qf_congr; apply: pM.
by apply: contra zn => /eqP h; rewrite -[z](mulKVmx UT) h mulmx0.
Qed.
End Definite.
