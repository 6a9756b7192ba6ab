(** Right inverses and linear systems: what W1, M1, F1 and Q4 say about matrices as they are. *)
From mathcomp Require Import all_ssreflect all_algebra ring lra.
From Certify Require Import Euclid.
Import GRing.Theory Num.Theory Order.Theory.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Local Open Scope ring_scope.

(** Q4 (compensation), the equation: if A X = I then the weights W + X(A0 - A)W give from the inputs A what W gave
    from A0. Over any commutative ring. Used by `certify/theorems/distance/compensation.py`. Not here: how far A
    moves for a budget of the data (the constants of Q4 and Q8), and the layers before. *)
Theorem compensation (K : comRingType) n m k (A A0 : 'M[K]_(n, m))
   (W : 'M[K]_(m, k)) (X : 'M[K]_(m, n)) :
  A *m X = 1%:M -> A *m (W + X *m (A0 - A) *m W) = A0 *m W.
Proof. by move=> AX; rewrite mulmxDr !mulmxA AX mul1mx mulmxBl addrC subrK. Qed.

Section Core.
Variable R : rcfType.

(** Q4, how long that change of the weights is, in the Frobenius norm: at most |X| |A0 - A| |W|_F. *)
Theorem compensation_size n m k (A A0 : 'M[R]_(n, m)) (W : 'M[R]_(m, k))
    (X : 'M[R]_(m, n)) r e :
  0 <= r -> opbnd X r -> opbnd (A0 - A) e ->
  fro2 (X *m (A0 - A) *m W) <= (r * e) ^+ 2 * fro2 W.
Proof. by move=> r0 hX hE; apply: fro2M; apply: opbndM. Qed.

(* sigma_min > 0 implies full row rank *)
Lemma smin_row_free n m (A : 'M[R]_(n, m)) s : 0 < s -> smin_ge A s -> row_free A.
Proof.
move=> s0 hA; rewrite -kermx_eq0; apply/eqP/row_matrixP => i.
rewrite row0; apply: trmx_inj; rewrite trmx0; apply: enorm_eq0.
set u := (row i (kermx A))^T.
have := hA u.
have -> : A^T *m u = 0.
  by rewrite /u -trmx_mul -row_mul mulmx_ker row0 trmx0.
rewrite enorm0 pmulr_rle0 // => h; apply/eqP.
by rewrite eq_le h enorm_ge0.
Qed.

(** A matrix that moves by at most e keeps sigma - e of its least singular value (used with an enclosure of radius
    e). *)
Theorem smin_perturb n m (A0 E : 'M[R]_(n, m)) s e :
  0 <= e -> smin_ge A0 s -> opbnd E e -> smin_ge (A0 + E) (s - e).
Proof.
move=> e0 hA hE u; rewrite linearD /= mulmxDl.
have h1 := hA u; have h2 := opbnd_tr e0 hE u.
have := enormB (A0^T *m u) (- (E^T *m u)); rewrite enormN opprK mulrBl; lra.
Qed.

(** ... and full row rank where e < sigma. *)
Corollary rank_persists n m (A0 E : 'M[R]_(n, m)) s e :
  0 <= e -> e < s -> smin_ge A0 s -> opbnd E e -> \rank (A0 + E)%R = n.
Proof.
move=> e0 es hA hE; have se : 0 < s - e by rewrite subr_gt0.
by have := smin_row_free se (smin_perturb e0 hA hE); rewrite /row_free => /eqP.
Qed.

(* The right inverse A^T (A A^T)^-1; `rinv_least` below: it gives the shortest solution *)
Definition rinv n m (A : 'M[R]_(n, m)) : 'M_(m, n) := A^T *m invmx (A *m A^T).

Lemma enorm_sq_gram n m (A : 'M[R]_(n, m)) u :
  enorm (A^T *m u) ^+ 2 = dot u (A *m A^T *m u).
Proof. by rewrite sqr_enorm /nsq -dot_mulmx mulmxA. Qed.

Lemma gram_unit n m (A : 'M[R]_(n, m)) s :
  0 < s -> smin_ge A s -> A *m A^T \in unitmx.
Proof.
move=> s0 hA; rewrite -row_free_unit.
apply: (@smin_row_free _ _ _ (s ^+ 2)); first by rewrite exprn_gt0.
move=> u; rewrite trmx_mul trmxK.
have h := hA u; have hs := enorm_sq_gram A u.
have hcs := CS u (A *m A^T *m u); rewrite -hs in hcs.
have [u0|un0] := eqVneq (enorm u) 0; first by rewrite u0 mulr0 enorm_ge0.
have up : 0 < enorm u by rewrite lt_def un0 enorm_ge0.
rewrite -(ler_pM2l up); apply: le_trans hcs.
have su0 : 0 <= s * enorm u by rewrite mulr_ge0 ?ltW.
have -> : enorm u * (s ^+ 2 * enorm u) = (s * enorm u) ^+ 2 by ring.
by rewrite ler_pXn2r ?nnegrE ?enorm_ge0.
Qed.

Lemma mul_rinv n m (A : 'M[R]_(n, m)) s :
  0 < s -> smin_ge A s -> A *m rinv A = 1%:M.
Proof. by move=> s0 hA; rewrite /rinv mulmxA mulmxV //; exact: gram_unit hA. Qed.

(** Its norm is at most 1/sigma. *)
Theorem rinv_bnd n m (A : 'M[R]_(n, m)) s :
  0 < s -> smin_ge A s -> opbnd (rinv A) s^-1.
Proof.
move=> s0 hA y; set z := invmx (A *m A^T) *m y.
have zE : rinv A *m y = A^T *m z by rewrite /rinv -mulmxA.
have yE : A *m A^T *m z = y by rewrite /z mulKVmx //; exact: gram_unit hA.
rewrite zE ler_pdivlMl //.
have [w0|wn0] := eqVneq (enorm (A^T *m z)) 0; first by rewrite w0 mulr0 enorm_ge0.
have wp : 0 < enorm (A^T *m z) by rewrite lt_def wn0 enorm_ge0.
rewrite -(ler_pM2l wp) mulrCA -expr2 enorm_sq_gram yE.
have h1 := CS z y; have h2 := hA z; have h3 := enorm_ge0 y.
apply: le_trans (ler_wpM2l (ltW s0) h1) _.
by rewrite mulrA; apply: ler_wpM2r.
Qed.

(** Both at once for every matrix within e. *)
Corollary rinv_perturb n m (A0 E : 'M[R]_(n, m)) s e :
  0 <= e -> e < s -> smin_ge A0 s -> opbnd E e ->
  (A0 + E) *m rinv (A0 + E) = 1%:M /\ opbnd (rinv (A0 + E)) (s - e)^-1.
Proof.
move=> e0 es hA hE.
have h := smin_perturb e0 hA hE; have se : 0 < s - e by rewrite subr_gt0.
by split; [exact: mul_rinv h | exact: rinv_bnd h].
Qed.

(* An approximate right inverse, wherever it comes from *)
Section Approx.
Variables (n m : nat) (A : 'M[R]_(n, m)) (X : 'M[R]_(m, n)) (q r : R).
Hypotheses (q0 : 0 <= q) (q1 : q < 1) (r0 : 0 <= r).
Hypotheses (hres : opbnd (1%:M - A *m X) q) (hX : opbnd X r).

Lemma approx_unit_bnd : A *m X \in unitmx /\ opbnd (invmx (A *m X)) (1 - q)^-1.
Proof.
have low v : (1 - q) * enorm v <= enorm (A *m X *m v).
  have h := hres v; have := enormB v (v - A *m X *m v).
  have -> : v - (v - A *m X *m v) = A *m X *m v by rewrite opprB addrC subrK.
  move: h; rewrite mulmxBl mul1mx mulrBl mul1r; lra.
have q1' : 0 < 1 - q by rewrite subr_gt0.
have U : A *m X \in unitmx.
  rewrite -unitmx_tr -row_free_unit; apply: (@smin_row_free _ _ _ (1 - q)) => //.
  by move=> u; rewrite trmxK; exact: low.
split=> // v; rewrite ler_pdivlMl //.
by apply: le_trans (low _) _; rewrite mulKVmx.
Qed.

(** If |I - A X| <= q < 1 and |X| <= r, then A has full row rank and a right inverse of norm at most r/(1 - q): the
    residual proves it, X may come from anywhere. *)
Theorem approx_right_inverse :
  [/\ \rank A = n, A *m (X *m invmx (A *m X)) = 1%:M
    & opbnd (X *m invmx (A *m X)) (r / (1 - q))].
Proof.
have [U hU] := approx_unit_bnd.
have AX1 : A *m (X *m invmx (A *m X)) = 1%:M by rewrite mulmxA mulmxV.
split=> //; last exact: opbndM.
have : row_free A by apply/row_freeP; exists (X *m invmx (A *m X)).
by rewrite /row_free => /eqP.
Qed.

(** ... and sigma(A) >= (1 - q)/r. *)
Theorem approx_smin : 0 < r -> smin_ge A ((1 - q) / r).
Proof.
move=> rp u; have [_ AX1 hB] := approx_right_inverse.
set B := X *m _ in AX1 hB.
have q1' : 0 < 1 - q by rewrite subr_gt0.
have c0 : 0 <= r / (1 - q) by rewrite divr_ge0 // ltW.
have := opbnd_tr c0 hB (A^T *m u).
rewrite mulmxA -trmx_mul AX1 trmx1 mul1mx -[(1 - q) / r]invf_div.
by rewrite ler_pdivrMl // divr_gt0.
Qed.
End Approx.

(** F1: if g moves by at most L |w - w0| on the ball of radius rad and |g(w0)| >= delta, then no zero of g is nearer
    than min(rad, delta/L). g is any map: the pairing of the residuals with z (p = 1), or all of them. Not here:
    that the L of the product is such a number (passes over a ball, the mean value theorem). *)
Theorem zero_set_far n p (g : 'cV[R]_n -> 'cV[R]_p) w0 rad L delta :
  0 < L ->
  (forall w, enorm (w - w0) < rad -> enorm (g w - g w0) <= L * enorm (w - w0)) ->
  delta <= enorm (g w0) ->
  forall w, g w = 0 -> Num.min rad (delta / L) <= enorm (w - w0).
Proof.
move=> L0 hL hd w gw; rewrite ge_min; case: (leP rad _) => //= hw.
have := hL _ hw; rewrite gw sub0r enormN => h.
by rewrite ler_pdivrMr // mulrC; exact: le_trans h.
Qed.

(* The Lipschitz modulus of S(u) = { w | A w = b + B u } *)
Section Aubin.
Variables (n m k : nat) (A : 'M[R]_(n, m)) (b : 'cV[R]_n) (B : 'M[R]_(n, k)) (s : R).
Hypotheses (s0 : 0 < s) (hA : smin_ge A s).
Definition sol (u : 'cV[R]_k) (w : 'cV[R]_m) : Prop := A *m w = b + B *m u.

(* Aubin property with modulus c at (u0,w0), with radius eps *)
Definition aubin u0 w0 c := exists2 eps : R, 0 < eps &
  forall u u' w, enorm (u - u0) < eps -> enorm (u' - u0) < eps ->
    enorm (w - w0) < eps -> sol u w ->
    exists2 w', sol u' w' & enorm (w' - w) <= c * enorm (u' - u).

Lemma rinv_least (w : 'cV[R]_m) y : A *m w = y -> enorm (rinv A *m y) <= enorm w.
Proof.
move=> Aw; set z := invmx (A *m A^T) *m y.
have zE : rinv A *m y = A^T *m z by rewrite /rinv -mulmxA.
have yE : A *m A^T *m z = y by rewrite /z mulKVmx //; exact: gram_unit s0 hA.
rewrite zE; have [w0|wn0] := eqVneq (enorm (A^T *m z)) 0.
  by rewrite w0 enorm_ge0.
have wp : 0 < enorm (A^T *m z) by rewrite lt_def wn0 enorm_ge0.
rewrite -(ler_pM2l wp) -expr2 enorm_sq_gram yE -Aw dot_mulmx.
exact: CS.
Qed.

(* A bound of A^+ B bounds the motion everywhere *)
Theorem lipschitz_sol c : opbnd (rinv A *m B) c ->
  forall u u' w, sol u w -> exists2 w', sol u' w' & enorm (w' - w) <= c * enorm (u' - u).
Proof.
move=> hc u u' w Sw; exists (w + rinv A *m B *m (u' - u)).
  have E : A *m (rinv A *m B *m (u' - u)) = B *m (u' - u).
    by rewrite -[rinv A *m B *m _]mulmxA mulmxA (mul_rinv s0 hA) mul1mx.
  by rewrite /sol mulmxDr Sw E mulmxBr addrA addrAC addrK.
by rewrite addrAC subrr add0r; exact: hc.
Qed.

(* ... and no smaller modulus works, even locally *)
Theorem aubin_exact u0 w0 c : sol u0 w0 -> aubin u0 w0 c -> opbnd (rinv A *m B) c.
Proof.
move=> S0 [eps e0 h] v; set t := eps / (1 + enorm v) / 2%:R.
have vp : 0 < 1 + enorm v by rewrite ltr_pwDl // enorm_ge0.
have t0 : 0 < t by rewrite !divr_gt0.
have tv : t * enorm v < eps.
  rewrite /t mulrAC ltr_pdivrMr // mulrAC ltr_pdivrMr //.
  by have := enorm_ge0 v; nra.
have [|||//|w' Sw' hw'] := h u0 (u0 + t *: v) w0; rewrite ?subrr ?enorm0 //.
  by rewrite addrAC subrr add0r enormZ gtr0_norm.
move: hw'; rewrite addrAC subrr add0r enormZ gtr0_norm // => hw'.
have E : A *m (w' - w0) = B *m (t *: v).
  by rewrite mulmxBr Sw' S0 mulmxDr opprD addrACA subrr add0r addrAC subrr add0r.
have := le_trans (rinv_least E) hw'.
rewrite mulmxA -scalemxAr enormZ gtr0_norm // mulrCA.
by rewrite ler_pM2l.
Qed.

(** M1 for systems that are linear: c is a modulus of the Aubin property of S at (u0, w0) if and only if |A^+ B| <=
    c. So the least one is the norm of A^+ B. Used by `certify/systems/interpolation/linearisation.py`. Not
    here: M1 itself, which says the same of C1 systems by the theorem of Lyusternik and Graves. *)
Corollary aubin_modulus u0 w0 c : sol u0 w0 ->
  (aubin u0 w0 c <-> opbnd (rinv A *m B) c).
Proof.
move=> S0; split; first exact: aubin_exact.
move=> hc; exists 1 => // u u' w _ _ _ Sw; exact: lipschitz_sol.
Qed.
End Aubin.
End Core.
