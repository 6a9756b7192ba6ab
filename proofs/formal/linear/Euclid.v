(** Euclidean geometry of columns, and bounds of matrices as operators, over any real closed field R (the real numbers
    are one: AtR.v). Norms of matrices are said without a supremum:
      opbnd A c   :  |A v| <= c |v| for all v, "the spectral norm of A is at most c";
      smin_ge A s :  s |u| <= |A^T u| for all u, "the least of the n singular values of the n x m matrix A is >= s".
    No claim of the product is here; every other file rests on it. *)
From mathcomp Require Import all_ssreflect all_algebra ring lra.
Import GRing.Theory Num.Theory Order.Theory.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Local Open Scope ring_scope.

Section Euclid.
Variable R : rcfType.
Implicit Types (n m k p : nat).

Definition dot n (u v : 'cV[R]_n) : R := \sum_i u i 0 * v i 0.
Definition nsq n (u : 'cV[R]_n) : R := dot u u.
Definition enorm n (u : 'cV[R]_n) : R := Num.sqrt (nsq u).

Lemma dotC n (u v : 'cV[R]_n) : dot u v = dot v u.
Proof. by apply: eq_bigr => i _; rewrite mulrC. Qed.
Lemma dotDl n (u v w : 'cV[R]_n) : dot (u + v) w = dot u w + dot v w.
Proof. by rewrite -big_split; apply: eq_bigr => i _; rewrite !mxE mulrDl. Qed.
Lemma dotDr n (u v w : 'cV[R]_n) : dot w (u + v) = dot w u + dot w v.
Proof. by rewrite dotC dotDl !(dotC w). Qed.
Lemma dotZl n a (u v : 'cV[R]_n) : dot (a *: u) v = a * dot u v.
Proof. by rewrite /dot big_distrr /=; apply: eq_bigr => i _; rewrite !mxE mulrA. Qed.
Lemma dotZr n a (u v : 'cV[R]_n) : dot u (a *: v) = a * dot u v.
Proof. by rewrite dotC dotZl dotC. Qed.
Lemma dotNl n (u v : 'cV[R]_n) : dot (- u) v = - dot u v.
Proof. by rewrite -scaleN1r dotZl mulN1r. Qed.
Lemma dotNr n (u v : 'cV[R]_n) : dot u (- v) = - dot u v.
Proof. by rewrite dotC dotNl dotC. Qed.

Lemma dot_mulmx n m (A : 'M[R]_(n, m)) (u : 'cV_n) (v : 'cV_m) :
  dot u (A *m v) = dot (A^T *m u) v.
Proof.
rewrite /dot; under eq_bigr do rewrite mxE big_distrr /=.
rewrite exchange_big /=; apply: eq_bigr => j _.
rewrite mxE big_distrl /=; apply: eq_bigr => i _.
by rewrite mxE mulrA [u i 0 * _]mulrC.
Qed.

Lemma nsq_ge0 n (u : 'cV[R]_n) : 0 <= nsq u.
Proof. by apply: sumr_ge0 => i _; rewrite -expr2 sqr_ge0. Qed.
Lemma nsq_eq0 n (u : 'cV[R]_n) : nsq u = 0 -> u = 0.
Proof.
move=> /eqP; rewrite psumr_eq0 => [/allP h|i _]; last by rewrite -expr2 sqr_ge0.
apply/matrixP => i j; rewrite ord1 mxE; apply/eqP.
by have := h i (mem_index_enum _); rewrite /= -expr2 sqrf_eq0.
Qed.
Lemma nsq0 n : nsq (0 : 'cV[R]_n) = 0.
Proof. by rewrite /nsq -(scale0r (0 : 'cV[R]_n)) dotZl mul0r. Qed.

Lemma enorm_ge0 n (u : 'cV[R]_n) : 0 <= enorm u.
Proof. exact: sqrtr_ge0. Qed.
Lemma sqr_enorm n (u : 'cV[R]_n) : enorm u ^+ 2 = nsq u.
Proof. by rewrite sqr_sqrtr // nsq_ge0. Qed.
Lemma enorm_eq0 n (u : 'cV[R]_n) : enorm u = 0 -> u = 0.
Proof. by move=> h; apply: nsq_eq0; rewrite -sqr_enorm h expr0n. Qed.
Lemma enorm0 n : enorm (0 : 'cV[R]_n) = 0.
Proof. by rewrite /enorm nsq0 sqrtr0. Qed.
Lemma enormZ n a (u : 'cV[R]_n) : enorm (a *: u) = `|a| * enorm u.
Proof.
by rewrite /enorm /nsq dotZl dotZr mulrA -expr2 sqrtrM ?sqr_ge0 // sqrtr_sqr.
Qed.
Lemma enormN n (u : 'cV[R]_n) : enorm (- u) = enorm u.
Proof. by rewrite -scaleN1r enormZ normrN1 mul1r. Qed.

(* Cauchy-Schwarz *)
Lemma CS_sq n (u v : 'cV[R]_n) : dot u v ^+ 2 <= nsq u * nsq v.
Proof.
have [v0|vn0] := eqVneq (nsq v) 0.
  by rewrite (nsq_eq0 v0) -(scale0r (0 : 'cV_n)) /nsq !dotZr !mul0r mulr0 expr0n.
have vp : 0 < nsq v by rewrite lt_def vn0 nsq_ge0.
have := nsq_ge0 (nsq v *: u - dot u v *: v).
rewrite /nsq !dotDl !dotDr !dotNl !dotNr !dotZl !dotZr -/(nsq v) -/(nsq u).
rewrite (dotC v u).
set a := nsq v; set b := nsq u; set c := dot u v.
have -> : a * (a * b) - a * (c * c) + (- (c * (a * c)) - - (c * (c * a)))
   = a * (b * a - c ^+ 2) by ring.
by rewrite pmulr_rge0 // subr_ge0.
Qed.

Lemma CS n (u v : 'cV[R]_n) : dot u v <= enorm u * enorm v.
Proof.
apply: le_trans (ler_norm _) _.
rewrite -(@ler_pXn2r _ 2) ?nnegrE ?mulr_ge0 ?enorm_ge0 ?normr_ge0 //.
by rewrite exprMn !sqr_enorm real_normK ?num_real // CS_sq.
Qed.

Lemma enormD n (u v : 'cV[R]_n) : enorm (u + v) <= enorm u + enorm v.
Proof.
rewrite -(@ler_pXn2r _ 2) ?nnegrE ?addr_ge0 ?enorm_ge0 //.
rewrite sqrrD !sqr_enorm /nsq dotDl !dotDr (dotC v u) -!/(nsq _).
have := CS u v; lra.
Qed.
Lemma enormB n (u v : 'cV[R]_n) : enorm u - enorm v <= enorm (u - v).
Proof. by have := enormD (u - v) v; rewrite subrK; lra. Qed.

(* ---------------------------------------------------------------- *)
Definition opbnd n m (A : 'M[R]_(n, m)) (c : R) :=
  forall v : 'cV_m, enorm (A *m v) <= c * enorm v.
Definition smin_ge n m (A : 'M[R]_(n, m)) (s : R) :=
  forall u : 'cV_n, s * enorm u <= enorm (A^T *m u).

Lemma opbnd_tr n m (A : 'M[R]_(n, m)) c : 0 <= c -> opbnd A c -> opbnd A^T c.
Proof.
move=> c0 hA u; set w := A^T *m u.
have [w0|wn0] := eqVneq (enorm w) 0.
  by rewrite w0 mulr_ge0 ?enorm_ge0.
have wp : 0 < enorm w by rewrite lt_def wn0 enorm_ge0.
rewrite -(ler_pM2l wp) -expr2 sqr_enorm /nsq {1}/w -dot_mulmx.
apply: le_trans (CS _ _) _; rewrite mulrC [leRHS]mulrCA mulrA.
by have := ler_wpM2r (enorm_ge0 u) (hA w); lra.
Qed.

Lemma opbndM n m k (A : 'M[R]_(n, m)) (B : 'M[R]_(m, k)) a b :
  0 <= a -> opbnd A a -> opbnd B b -> opbnd (A *m B) (a * b).
Proof.
move=> a0 hA hB v; rewrite -mulmxA; apply: le_trans (hA _) _.
by rewrite -mulrA; apply: ler_wpM2l.
Qed.
Lemma opbndD n m (A B : 'M[R]_(n, m)) a b :
  opbnd A a -> opbnd B b -> opbnd (A + B) (a + b).
Proof.
move=> hA hB v; rewrite mulmxDl mulrDl.
exact: le_trans (enormD _ _) (lerD (hA v) (hB v)).
Qed.

(* Squared Frobenius norm and its relation to the operator bound *)
Definition fro2 n m (A : 'M[R]_(n, m)) : R := \sum_i \sum_j A i j ^+ 2.
Lemma fro2_cols n m (A : 'M[R]_(n, m)) : fro2 A = \sum_j nsq (col j A).
Proof.
rewrite /fro2 exchange_big; apply: eq_bigr => j _; apply: eq_bigr => i _ /=.
by rewrite !mxE expr2.
Qed.
Lemma fro2_ge0 n m (A : 'M[R]_(n, m)) : 0 <= fro2 A.
Proof. by do 2![apply: sumr_ge0 => ? _]; exact: sqr_ge0. Qed.

(* ||A||_2 <= ||A||_F, in the squared form used by the exact checker *)
Lemma fro2_opbnd n m (A : 'M[R]_(n, m)) c : 0 <= c -> fro2 A <= c ^+ 2 -> opbnd A c.
Proof.
move=> c0 hA v; rewrite -(@ler_pXn2r _ 2) ?nnegrE ?mulr_ge0 ?enorm_ge0 //.
rewrite exprMn !sqr_enorm.
apply: le_trans (ler_wpM2r (nsq_ge0 v) hA).
rewrite /fro2 big_distrl /= /nsq {1}/dot; apply: ler_sum => i _.
have -> : (A *m v) i 0 = dot (row i A)^T v.
  by rewrite mxE; apply: eq_bigr => j _; rewrite !mxE.
rewrite -expr2; apply: le_trans (CS_sq _ _) _.
apply: ler_wpM2r; first exact: nsq_ge0.
by rewrite le_eqVlt; apply/orP; left; apply/eqP; apply: eq_bigr => j _; rewrite !mxE expr2.
Qed.

(* ||A B||_F <= ||A||_2 ||B||_F  (squared) *)
Lemma fro2M n m k (A : 'M[R]_(n, m)) (B : 'M[R]_(m, k)) a :
  opbnd A a -> fro2 (A *m B) <= a ^+ 2 * fro2 B.
Proof.
move=> hA; rewrite !fro2_cols big_distrr /=; apply: ler_sum => j _.
have -> : col j (A *m B) = A *m col j B by rewrite !colE mulmxA.
have h := hA (col j B); have h0 := enorm_ge0 (A *m col j B).
by rewrite -!sqr_enorm -exprMn ler_pXn2r ?nnegrE //; exact: le_trans h.
Qed.
End Euclid.
