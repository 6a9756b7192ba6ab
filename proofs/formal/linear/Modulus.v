(** The modulus of the interpolation map as matrix inequalities: M2, M4, N1, M5c, M5d.
    J stands for G_w (n equations, m weights), C for G_u (k numbers of the data), K = J J^T, Q = C C^T. *)
From mathcomp Require Import all_ssreflect all_algebra ring lra.
From Certify Require Import Euclid Core Definite.
Import GRing.Theory Num.Theory Order.Theory.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Local Open Scope ring_scope.

Section Modulus.
Variable R : rcfType.
Variables (n m k : nat) (J : 'M[R]_(n, m)) (C : 'M[R]_(n, k)).

Lemma qf_lmi (c : R) z : qf (c ^+ 2 *: (J *m J^T) - C *m C^T) z = c ^+ 2 * nsq (J^T *m z) - nsq (C^T *m z).
Proof. by rewrite qfB qfZ !qf_gram. Qed.

(* |C^T z| <= c |J^T z| for all z is what the inequality says *)
Lemma lmiP (c : R) : 0 <= c ->
  (forall z, 0 <= qf (c ^+ 2 *: (J *m J^T) - C *m C^T) z) <->
  (forall z, enorm (C^T *m z) <= c * enorm (J^T *m z)).
Proof.
move=> c0; split=> h z; have := h z; rewrite qf_lmi subr_ge0 -!sqr_enorm -exprMn ler_pXn2r //;
  by rewrite nnegrE ?mulr_ge0 ?enorm_ge0.
Qed.

Lemma rinv_dual (s c : R) : 0 < s -> smin_ge J s -> 0 <= c ->
  opbnd (rinv J *m C) c <-> (forall z, enorm (C^T *m z) <= c * enorm (J^T *m z)).
Proof.
move=> s0 hJ c0; split=> h v.
  have := opbnd_tr c0 h (J^T *m v).
  by rewrite trmx_mul -mulmxA (mulmxA (rinv J)^T) -trmx_mul (mul_rinv s0 hJ) trmx1 mul1mx.
set z := invmx (J *m J^T) *m (C *m v).
have -> : rinv J *m C *m v = J^T *m z by rewrite /rinv /z -!mulmxA.
have Kz : J *m J^T *m z = C *m v by rewrite /z mulKVmx //; exact: gram_unit s0 hJ.
have [->|xn] := eqVneq (enorm (J^T *m z)) 0; first by rewrite mulr_ge0 ?enorm_ge0.
have xp : 0 < enorm (J^T *m z) by rewrite lt_def xn enorm_ge0.
rewrite -(ler_pM2l xp) -expr2 enorm_sq_gram Kz dot_mulmx.
apply: le_trans (CS _ _) _; rewrite mulrA [_ * c]mulrC.
by apply: ler_wpM2r; rewrite ?enorm_ge0.
Qed.

(** M2, both directions, where G_w is surjective: c^2 K - Q >= 0 if and only if |G_w^+ G_u| <= c. With
    `aubin_modulus` of Core.v this is the modulus of the linear system. Used by
    `certify/theorems/modulus/kernel.py`. *)
Theorem lmi_modulus (s c : R) : 0 < s -> smin_ge J s -> 0 <= c ->
  (forall z, 0 <= qf (c ^+ 2 *: (J *m J^T) - C *m C^T) z) <-> opbnd (rinv J *m C) c.
Proof. by move=> s0 hJ c0; rewrite (lmiP c0) (rinv_dual s0 hJ c0). Qed.

(** M2 from above, as it is used: c^2 K - Q > 0 proves that G_w is surjective, and that |G_w^+ G_u| is less than c
    (it is at most some d < c). Nothing is assumed of ranks. *)
Theorem lmi_upper (c : R) : 0 < c -> posdef (c ^+ 2 *: (J *m J^T) - C *m C^T) ->
  exists s d : R, [/\ 0 < s, smin_ge J s, 0 <= d < c & opbnd (rinv J *m C) d].
Proof.
move=> c0 pM; have S : sym (c ^+ 2 *: (J *m J^T) - C *m C^T).
  by rewrite /sym linearB linearZ /= !trmx_mul !trmxK.
have [g g0 hg] := posdef_gap S pM.
have c2 : 0 < c ^+ 2 by rewrite exprn_gt0.
have [s s0 hs] : exists2 s : R, 0 < s & smin_ge J s.
  exists (Num.sqrt g / c); first by rewrite divr_gt0 // sqrtr_gt0.
  move=> z; rewrite mulrAC ler_pdivrMr // [leRHS]mulrC.
  rewrite -(@ler_pXn2r _ 2) ?nnegrE ?mulr_ge0 ?enorm_ge0 ?sqrtr_ge0 ?(ltW c0) //.
  rewrite !exprMn (sqr_sqrtr (ltW g0)) !sqr_enorm; have := hg z; rewrite qf_lmi.
  by have := nsq_ge0 (C^T *m z); lra.
(* K is at most b, so g |z|^2 is a part of c^2 K *)
set b := fro2 J^T + 1 + g / c ^+ 2.
have f0 := fro2_ge0 J^T; have gc : 0 < g / c ^+ 2 by rewrite divr_gt0.
have b0 : 0 < b by rewrite /b; lra.
have hb z : nsq (J^T *m z) <= b * nsq z.
  have hJ : opbnd J^T (Num.sqrt (fro2 J^T)) by apply: fro2_opbnd; rewrite ?sqrtr_ge0 // sqr_sqrtr.
  rewrite -!sqr_enorm; apply: le_trans (_ : fro2 J^T * enorm z ^+ 2 <= _).
    rewrite -[X in X * _](sqr_sqrtr f0) -exprMn ler_pXn2r ?nnegrE ?mulr_ge0 ?enorm_ge0 ?sqrtr_ge0 //.
  by apply: ler_wpM2r; rewrite ?sqr_ge0 // /b; lra.
have d2 : 0 <= c ^+ 2 - g / b.
  rewrite subr_ge0 ler_pdivrMr // /b mulrDr [c ^+ 2 * (g / _)]mulrC divfK ?gt_eqF //.
  by rewrite lerDr mulr_ge0 ?(ltW c2) //; lra.
exists s, (Num.sqrt (c ^+ 2 - g / b)); split=> //.
  rewrite sqrtr_ge0 /= -(@ltr_pXn2r _ 2) ?nnegrE ?sqrtr_ge0 ?(ltW c0) // sqr_sqrtr //.
  by rewrite ltrBlDr ltrDl divr_gt0.
rewrite -(lmi_modulus s0 hs) ?sqrtr_ge0 // => z; rewrite qf_lmi sqr_sqrtr // mulrBl.
have := hg z; rewrite qf_lmi; have : g / b * nsq (J^T *m z) <= g * nsq z.
  by rewrite -mulrA ler_wpM2l ?(ltW g0) // ler_pdivrMl.
lra.
Qed.
End Modulus.

Section Rows.
Variable R : rcfType.

(** M4 (and C2): for the part C of G_u that a row moves, |G_w^+ C| <= c if and only if C^T K^-1 C <= c^2. With C = E
    G_i, where E puts the row's equations in their places, C^T K^-1 C is G_i^T (K^-1)_ii G_i. Used by
    `certify/theorems/modulus/rows.py`. *)
Theorem row_modulus n m k (J : 'M[R]_(n, m)) (C : 'M[R]_(n, k)) (s c : R) : 0 < s -> smin_ge J s -> 0 <= c ->
  opbnd (rinv J *m C) c <-> forall v : 'cV_k, qf (C^T *m invmx (J *m J^T) *m C) v <= c ^+ 2 * nsq v.
Proof.
move=> s0 hJ c0; have U := gram_unit s0 hJ.
have E v : nsq (rinv J *m C *m v) = qf (C^T *m invmx (J *m J^T) *m C) v.
  rewrite qf_congrT /qf; set y := invmx _ *m (C *m v).
  have y1 : J *m J^T *m y = C *m v by rewrite /y mulKVmx.
  have -> : rinv J *m C *m v = J^T *m y by rewrite /rinv /y !mulmxA.
  by rewrite -y1 dotC -mulmxA dot_mulmx.
split=> h v.
  by rewrite -E -!sqr_enorm -exprMn ler_pXn2r ?nnegrE ?mulr_ge0 ?enorm_ge0.
by rewrite -(@ler_pXn2r _ 2) ?nnegrE ?mulr_ge0 ?enorm_ge0 // exprMn !sqr_enorm E.
Qed.

(** C2: from a congruence witness X of K, both ends of a row's modulus: |X C v|^2/(1 + e) <= v . C^T K^-1 C v <= |X
    C v|^2/(1 - e). *)
Corollary row_modulus_ends n m k (J : 'M[R]_(n, m)) (C : 'M[R]_(n, k)) (X : 'M[R]_n) (e : R) (v : 'cV_k) :
  0 <= e -> e < 1 -> opbnd (X *m (J *m J^T) *m X^T - 1%:M) e ->
  nsq (X *m C *m v) / (1 + e) <= qf (C^T *m invmx (J *m J^T) *m C) v <= nsq (X *m C *m v) / (1 - e).
Proof.
move=> e0 e1 h; rewrite qf_congrT -mulmxA.
by apply: congruence_inverse => //; rewrite /sym trmx_mul trmxK.
Qed.
End Rows.

(** Lower ends, with G as it is: no linearity, no rank. *)
Section Lower.
Variable R : rcfType.
Variables (n m k : nat) (G : 'cV[R]_k -> 'cV[R]_m -> 'cV[R]_n) (u0 : 'cV[R]_k) (w0 : 'cV[R]_m).
Variables (J : 'M[R]_(n, m)) (C : 'M[R]_(n, k)).

(* G is differentiable at (u0, w0), with the derivatives C by the data and J by the weights *)
Definition differentiable := forall eps : R, 0 < eps -> exists2 d : R, 0 < d & forall u w,
  enorm (u - u0) < d -> enorm (w - w0) < d ->
  enorm (G u w - G u0 w0 - (C *m (u - u0) + J *m (w - w0))) <= eps * (enorm (u - u0) + enorm (w - w0)).

(* S(u) = {w : G(u, w) = 0} is Lipschitz-like at (u0, w0) with modulus c *)
Definition lipschitz_like (c : R) := exists2 eps : R, 0 < eps & forall u u' w,
  enorm (u - u0) < eps -> enorm (u' - u0) < eps -> enorm (w - w0) < eps -> G u w = 0 ->
  exists2 w', G u' w' = 0 & enorm (w' - w) <= c * enorm (u' - u).

Hypotheses (D : differentiable) (G0 : G u0 w0 = 0).

Lemma lower_pairing (c : R) (z : 'cV[R]_n) : 0 <= c -> lipschitz_like c -> enorm (C^T *m z) <= c * enorm (J^T *m z).
Proof.
move=> c0 [r r0 hS]; set a : R := enorm (C^T *m z); set b : R := enorm (J^T *m z).
have [a0|an] := eqVneq a 0; first by rewrite a0 mulr_ge0 ?enorm_ge0.
have ap : 0 < a by rewrite lt_def an enorm_ge0.
have z1 : 0 < enorm z + 1 by rewrite ltr_wpDl ?enorm_ge0.
(* it suffices to lose any t > 0 *)
suff H (t : R) : 0 < t -> a <= c * b + t.
  rewrite leNgt; apply/negP => lt; have := H ((a - c * b) / 2%:R).
  by rewrite divr_gt0 ?subr_gt0 // => /(_ isT); lra.
move=> t0; set eps : R := t / ((enorm z + 1) * (1 + c)).
have q0 : 0 < (enorm z + 1) * (1 + c) by rewrite mulr_gt0 // ltr_pwDl.
have [d d0 hD] := D (divr_gt0 t0 q0 : 0 < eps).
set rho : R := Num.min r d; have rho0 : 0 < rho by rewrite lt_min r0.
set l : R := rho / (1 + c) / (1 + a) / 2%:R.
have c1 : 0 < 1 + c by rewrite ltr_pwDl.
have a1 : 0 < 1 + a by rewrite ltr_pwDl // (ltW ap).
have l0 : 0 < l by rewrite !divr_gt0.
set u : 'cV[R]_k := u0 + l *: (C^T *m z).
have uE : u - u0 = l *: (C^T *m z) by rewrite /u addrAC subrr add0r.
have un : enorm (u - u0) = l * a by rewrite uE enormZ gtr0_norm.
have la : (1 + c) * (l * a) < rho.
  have E : l * 2%:R * (1 + a) * (1 + c) = rho.
    by rewrite /l; field; rewrite !gt_eqF.
  by rewrite -E; have := mulr_gt0 l0 c1; have := mulr_gt0 (mulr_gt0 l0 c1) ap; lra.
have lap : 0 < l * a by rewrite mulr_gt0.
have cla : 0 <= c * (l * a) by rewrite mulr_ge0 // (ltW lap).
have /andP[rr rd] : (rho <= r) && (rho <= d) by rewrite /rho !ge_min !lexx orbT.
have [|||//|w Gw hw] := hS u0 u w0; rewrite ?subrr ?enorm0 ?un //; first by lra.
have wn : enorm (w - w0) <= c * (l * a) by rewrite -un.
have hG : enorm (G u w - G u0 w0 - (C *m (u - u0) + J *m (w - w0))) <= eps * (l * a + enorm (w - w0)).
  by rewrite -un; apply: hD; rewrite ?un; lra.
rewrite Gw G0 subrr sub0r enormN uE in hG.
have P : dot z (C *m (l *: (C^T *m z)) + J *m (w - w0)) = l * a ^+ 2 + dot (J^T *m z) (w - w0).
  rewrite [LHS]dotDr [X in _ + X = _]dot_mulmx; congr (_ + _).
  have -> : C *m (l *: (C^T *m z)) = l *: (C *m (C^T *m z)) by exact: (esym (scalemxAr _ _ _)).
  by rewrite dotZr dot_mulmx /a sqr_enorm.
have h1 : - (b * (c * (l * a))) <= dot (J^T *m z) (w - w0).
  have := CS (J^T *m z) (- (w - w0)); rewrite dotNr enormN -/b => h.
  by have := ler_wpM2l (enorm_ge0 (J^T *m z)) wn; rewrite -/b; lra.
have h2 : dot z (C *m (l *: (C^T *m z)) + J *m (w - w0)) <= t * (l * a).
  apply: le_trans (CS _ _) _; apply: le_trans (ler_wpM2l (enorm_ge0 z) hG) _.
  have e0 : 0 <= eps by apply: ltW; exact: divr_gt0.
  have N2 : l * a + enorm (w - w0) <= (1 + c) * (l * a) by lra.
  have x1 := ler_wpM2l e0 N2.
  have x2 : 0 <= eps * (l * a + enorm (w - w0)) by rewrite mulr_ge0 ?addr_ge0 ?enorm_ge0 ?(ltW lap).
  have x3 : enorm z <= enorm z + 1 by rewrite lerDl.
  apply: le_trans (ler_pM (enorm_ge0 z) x2 x3 x1) _.
  by rewrite le_eqVlt; apply/orP; left; apply/eqP; rewrite /eps; field; rewrite !gt_eqF.
move: h2; rewrite P => h2; rewrite -(ler_pM2r lap); move: h1 h2; rewrite expr2.
have -> : l * (a * a) = a * (l * a) by ring.
lra.
Qed.

(** M2 from below, and M5d: z . Q z >= kappa^2 z . K z > 0 proves that every modulus of S at this point is at least
    kappa, whatever the rank of G_w. G has to be differentiable at the point, and nothing else. *)
Theorem lower_end (kappa c : R) (z : 'cV[R]_n) : 0 <= kappa -> 0 <= c -> lipschitz_like c ->
  0 < qf (J *m J^T) z -> kappa ^+ 2 * qf (J *m J^T) z <= qf (C *m C^T) z -> kappa <= c.
Proof.
rewrite !qf_gram -!sqr_enorm => k0 c0 hS p h; have := lower_pairing z c0 hS.
have b0 : 0 < enorm (J^T *m z) by rewrite lt_def enorm_ge0 andbT -sqrf_eq0 gt_eqF.
rewrite -exprMn ler_pXn2r ?nnegrE ?mulr_ge0 ?enorm_ge0 // in h.
by move=> h2; rewrite -(ler_pM2r b0); exact: le_trans h h2.
Qed.

(** M2, the refutation: K z = 0 and Q z <> 0 prove that S is not Lipschitz-like at all (equal rows give such a z). *)
Theorem not_lipschitz_like (c : R) (z : 'cV[R]_n) : 0 <= c -> J *m J^T *m z = 0 -> C *m C^T *m z != 0 ->
  ~ lipschitz_like c.
Proof.
move=> c0 Kz Qz hS; have := lower_pairing z c0 hS.
have -> : enorm (J^T *m z) = 0.
  by apply/eqP; rewrite -sqrf_eq0 sqr_enorm -qf_gram /qf Kz -(scale0r (0 : 'cV_n)) dotZr mul0r.
rewrite mulr0 => h; move: Qz; rewrite -mulmxA (_ : C^T *m z = 0) ?mulmx0 ?eqxx //.
by apply: enorm_eq0; apply/eqP; rewrite eq_le h enorm_ge0.
Qed.
End Lower.
