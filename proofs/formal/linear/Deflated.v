(** W3: c is above the largest eigenvalue of G, from a few vectors V. *)
From mathcomp Require Import all_ssreflect all_algebra ring lra.
From Certify Require Import Euclid Core Definite.
Import GRing.Theory Num.Theory Order.Theory.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Local Open Scope ring_scope.

Section Deflated.
Variable R : rcfType.

(* Cauchy-Schwarz of a positive definite form *)
Lemma form_CS n (A : 'M[R]_n) (b x : 'cV[R]_n) : sym A -> posdef A -> dot b (A *m x) ^+ 2 <= qf A b * qf A x.
Proof.
move=> symA pA; have pos y : 0 <= qf A y by have [->|/pA/ltW//] := eqVneq y 0; rewrite qf0.
have P s : 0 <= qf A b + s * dot b (A *m x) *+ 2 + s ^+ 2 * qf A x.
  have := pos (b + s *: x); rewrite /qf mulmxDr -scalemxAr !dotDl !dotDr !dotZl !dotZr (dot_sym x b symA).
  by move: (dot b (A *m b)) (dot b (A *m x)) (dot x (A *m x)) => u y z; rewrite mulr2n; lra.
have [xz|xn] := eqVneq x 0; first by rewrite xz mulmx0 qf0 -(scale0r (0 : 'cV_n)) dotZr !mul0r mulr0 expr0n.
have xp := pA _ xn; have := P (- dot b (A *m x) / qf A x); move: (dot b (A *m x)) (qf A b) xp => u y xp.
have -> : y + - u / qf A x * u *+ 2 + (- u / qf A x) ^+ 2 * qf A x = y - u ^+ 2 / qf A x.
  by rewrite mulr2n; field; rewrite gt_eqF.
by rewrite subr_ge0 ler_pdivrMr.
Qed.

Variables (n m : nat) (G : 'M[R]_n) (V : 'M[R]_(n, m)) (B Th : 'M[R]_m) (c tau : R).
Hypothesis symG : sym G.
Let E : 'M[R]_(n, m) := G *m V - V *m Th.
Let S : 'M[R]_m := c *: (V^T *m V) - V^T *m G *m V.

Lemma trace_sum : sym S -> \tr (E *m invmx S *m E^T) = \sum_i qf (invmx S) (row i E)^T.
Proof.
move=> symS; rewrite /mxtrace; apply: eq_bigr => i _.
rewrite /qf /dot mxE; apply: eq_bigr => j _; rewrite !mxE mulrC; congr (_ * _).
have T : (invmx S)^T = invmx S by rewrite trmx_inv symS.
by apply: eq_bigr => l _; rewrite !mxE mulrC -[in LHS]T mxE.
Qed.

(* E y is short where y . S y is small *)
Lemma defect y : sym S -> posdef S -> nsq (E *m y) <= (\sum_i qf (invmx S) (row i E)^T) * qf S y.
Proof.
move=> symS pS; have U := posdef_unit pS.
rewrite /nsq {1}/dot big_distrl /=; apply: ler_sum => i _.
have -> : (E *m y) i 0 = dot (invmx S *m (row i E)^T) (S *m y).
  by rewrite dot_sym // mulKVmx // dotC mxE; apply: eq_bigr => l _; rewrite !mxE.
rewrite -expr2; apply: le_trans (form_CS _ _ symS pS) _.
by rewrite le_eqVlt; apply/orP; left; apply/eqP; congr (_ * _); rewrite /qf mulKVmx // dotC.
Qed.

(** W3: if |G - V B V^T| <= tau, S = c V^T V - V^T G V > 0 and tr(E S^-1 E^T) < c - tau with E = G V - V Theta for some
    Theta, then c I - G > 0. V, B and Theta may come from anywhere. Used by `certify/check/linalg/deflated.py`. *)
Theorem deflated : opbnd (G - V *m B *m V^T) tau -> posdef S -> \tr (E *m invmx S *m E^T) < c - tau ->
  posdef (c *: 1%:M - G).
Proof.
move=> hG pS htr x xn.
have symS : sym S by rewrite /sym /S linearB linearZ /= !trmx_mul !trmxK symG mulmxA.
have US := posdef_unit pS.
have SE y : qf S y = c * nsq (V *m y) - qf G (V *m y).
  rewrite /S qfB qfZ qf_congrT; congr (_ * _ - _).
  by rewrite -{1}(mulmx1 V^T) qf_congrT qf1.
have UV : V^T *m V \in unitmx.
  rewrite -unitmx_tr -row_free_unit; apply: inj_row_free => y; rewrite trmxK => VVy.
  have Vy : V *m y = 0.
    by apply: nsq_eq0; rewrite -qf1 -qf_congrT mulmx1 /qf VVy -(scale0r (0 : 'cV_m)) dotZr mul0r.
  apply/eqP; apply: contraT => /pS; rewrite SE Vy qf0 nsq0 mulr0 subrr ltxx //.
set y := invmx (V^T *m V) *m (V^T *m x); set v := V *m y; set z := x - v.
have Vz : V^T *m z = 0 by rewrite /z mulmxBr /v mulmxA /y mulKVmx // subrr.
have vz : dot v z = 0 by rewrite dotC /v dot_mulmx Vz -(scale0r (0 : 'cV_m)) dotZl mul0r.
have xE : x = v + z by rewrite /z addrC subrK.
have Gv : dot z (G *m v) = dot z (E *m y).
  rewrite /E mulmxBl dotDr dotNr -[V *m Th *m y]mulmxA [dot z (V *m _)]dot_mulmx Vz.
  by rewrite -(scale0r (0 : 'cV_m)) dotZl mul0r subr0 /v mulmxA.
have Gz : qf G z <= tau * nsq z.
  have := qf_opbnd z hG; rewrite qfB qf_congr Vz qf0 subr0; exact: le_trans (ler_norm _).
have Sy : qf S y = c * nsq v - qf G v by exact: SE.
have v0 : y = 0 -> v = 0 by move=> y0; rewrite /v y0 mulmx0.
clearbody z v.
have form : qf (c *: 1%:M - G) x = qf S y - 2%:R * dot z (E *m y) + (c * nsq z - qf G z).
  rewrite qfB qfZ qf1 Sy -Gv xE /qf /nsq mulmxDr !dotDl !dotDr (dotC z v) vz (dot_sym v z symG).
  by move: (dot v v) (dot z z) (dot v (G *m v)) (dot z (G *m v)) (dot z (G *m z)) => *; ring.
have w2 : dot z (E *m y) ^+ 2 <= nsq z * (\tr (E *m invmx S *m E^T) * qf S y).
  apply: le_trans (CS_sq _ _) _; apply: ler_wpM2l; first exact: nsq_ge0.
  by rewrite trace_sum //; exact: defect.
have t0 : 0 <= \tr (E *m invmx S *m E^T).
  rewrite trace_sum //; apply: sumr_ge0 => i _.
  have -> : qf (invmx S) (row i E)^T = qf S (invmx S *m (row i E)^T) by rewrite /qf mulKVmx // dotC.
  by have [->|/pS/ltW//] := eqVneq (invmx S *m (row i E)^T) 0; rewrite qf0.
suff pos : 0 < qf S y - 2%:R * dot z (E *m y) + (c - tau) * nsq z by rewrite form; move: Gz pos; rewrite mulrBl; lra.
have q0 := nsq_ge0 z; have k0 : 0 < c - tau by exact: le_lt_trans htr.
have [y0|/pS a0] := eqVneq y 0.
  rewrite y0 qf0 mulmx0 -(scale0r (0 : 'cV_n)) dotZr mul0r mulr0 subrr add0r mulr_gt0 // nsq_gt0 //.
  by apply: contra xn => /eqP z0; rewrite xE z0 (v0 y0) addr0.
rewrite -(pmulr_rgt0 _ a0); move: w2 a0 htr t0 q0 k0.
move: (qf S y) (dot z (E *m y)) (nsq z) (\tr _) (c - tau) => a w q t k w2 a0 tk t0 q0 k0.
have [qz|qn] := eqVneq q 0.
  rewrite qz mul0r in w2; have w0 : w = 0 by apply/eqP; rewrite -sqrf_eq0 eq_le w2 sqr_ge0.
  by rewrite qz w0 !mulr0 subr0 addr0 mulr_gt0.
have qp : 0 < q by rewrite lt_def qn.
have h1 : q * (t * a) < q * (k * a) by rewrite ltr_pM2l // ltr_pM2r.
by have h2 := sqr_ge0 (a - w); rewrite sqrrB mulr2n in h2; nra.
Qed.
End Deflated.
