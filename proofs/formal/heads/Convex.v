(** Convex heads: how near a refit is to any weights. D1a, and the algebra of D1c and D1f. Weights of all outputs
    stand in one column v; A_i v are the outputs of row i, slope_i the gradient of its loss by them (with the
    label that the change gives it), mu the decay of every weight. *)
From mathcomp Require Import all_ssreflect all_algebra ring lra.
From Certify Require Import Euclid Core Definite.
Import GRing.Theory Num.Theory Order.Theory.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Local Open Scope ring_scope.

Section Refit.
Variable R : rcfType.
Variables (n k q : nat) (A : 'I_n -> 'M[R]_(k, q)) (slope : 'I_n -> 'cV[R]_k -> 'cV[R]_k) (mu : R).
Hypothesis mu0 : 0 < mu.
(* the gradient of a convex function is monotone: all that is asked of the losses *)
Hypothesis monotone : forall i (a b : 'cV_k), 0 <= dot (slope i a - slope i b) (a - b).
Definition gradient (v : 'cV[R]_q) : 'cV[R]_q := \sum_i (A i)^T *m slope i (A i *m v) + mu *: v.

Lemma dot_suml (I : finType) (F : I -> 'cV[R]_q) (d : 'cV[R]_q) : dot (\sum_i F i) d = \sum_i dot (F i) d.
Proof.
rewrite (big_morph (fun x => dot x d) (id1 := 0) (op1 := +%R)) // => [x y|]; first exact: dotDl.
by rewrite -(scale0r (0 : 'cV_q)) dotZl mul0r.
Qed.

Lemma strongly_monotone v w : mu * nsq (v - w) <= dot (gradient v - gradient w) (v - w).
Proof.
rewrite /gradient opprD addrACA -sumrB -scalerBr dotDl dotZl -/(nsq _) lerDr dot_suml.
apply: sumr_ge0 => i _; rewrite -mulmxBr -[A i]trmxK -dot_mulmx trmxK; have := monotone i (A i *m v) (A i *m w).
by rewrite -mulmxBr.
Qed.

(** D1a: where the gradient is 0 at w, |w - v| <= |gradient(v)|/mu for every v. Used by
    `certify/systems/head/rows/refit.py` and `certify/check/theorems/head/rows/refitted/refit.py` (D2). Not
    here: that the refit exists and is where the gradient is 0 (a minimum of a function that is strongly convex
    and has slopes), and D1b, where the intercept carries no decay. *)
Theorem refit_near v w : gradient w = 0 -> enorm (w - v) <= enorm (gradient v) / mu.
Proof.
move=> w0; rewrite ler_pdivlMr //; have := strongly_monotone v w; rewrite w0 subr0 => h.
have [->|dn] := eqVneq (enorm (w - v)) 0; first by rewrite mul0r enorm_ge0.
have dp : 0 < enorm (w - v) by rewrite lt_def dn enorm_ge0.
have c := le_trans h (CS _ _); rewrite -sqr_enorm -[v - w]opprB enormN expr2 mulrA in c.
by rewrite mulrC -(ler_pM2r dp).
Qed.

(** ... so there is one such w at most. *)
Corollary refit_unique v w : gradient v = 0 -> gradient w = 0 -> v = w.
Proof.
move=> v0 w0; have := refit_near v w0; rewrite v0 enorm0 mul0r => h.
by apply/esym/eqP; rewrite -subr_eq0; apply/eqP/enorm_eq0/eqP; rewrite eq_le h enorm_ge0.
Qed.
End Refit.

Section Ellipsoid.
Variable R : rcfType.
Variables (q : nat) (A : 'M[R]_q) (g d : 'cV[R]_q).
Hypotheses (symA : sym A) (pA : posdef A).

(** D1c and D1f, the end: from A(d) + g . d <= 0 the motion d lies in an ellipsoid about -A^-1 g/2. *)
Theorem in_ellipsoid : qf A d + dot g d <= 0 -> qf A (d + 2%:R^-1 *: (invmx A *m g)) <= 4%:R^-1 * qf (invmx A) g.
Proof.
have U := posdef_unit pA; set a := invmx A *m g; have Aa : A *m a = g by rewrite /a mulKVmx.
rewrite /qf mulmxDr -scalemxAr Aa !dotDl !dotDr !dotZl !dotZr (dot_sym _ _ symA) Aa -/a (dotC a g) (dotC d g).
by move: (dot d (A *m d)) (dot g d) (dot g a) => x y z; lra.
Qed.

(** ... and every functional e is within |e|_* |g|_*/2 of its value there, |x|_*^2 = x . A^-1 x. *)
Theorem functional_in_ellipsoid e : qf A d + dot g d <= 0 ->
  dot e (d + 2%:R^-1 *: (invmx A *m g)) ^+ 2 <= 4%:R^-1 * qf (invmx A) e * qf (invmx A) g.
Proof.
move=> /in_ellipsoid; have U := posdef_unit pA; move: (d + _) => x h.
set b := invmx A *m e; have Ab : A *m b = e by rewrite /b mulKVmx.
have -> : dot e x = dot b (A *m x) by rewrite -Ab dotC (dot_sym _ _ symA).
have eb : qf (invmx A) e = qf A b by rewrite /qf -/b Ab dotC.
have pos y : 0 <= qf A y.
  by have [->|/pA/ltW//] := eqVneq y 0; rewrite qf0.
have cs : dot b (A *m x) ^+ 2 <= qf A b * qf A x.
  have P s : 0 <= qf A b + s * dot b (A *m x) *+ 2 + s ^+ 2 * qf A x.
    have := pos (b + s *: x); rewrite /qf mulmxDr -scalemxAr !dotDl !dotDr !dotZl !dotZr (dot_sym x b symA).
    by move: (dot b (A *m b)) (dot b (A *m x)) (dot x (A *m x)) => u y z; rewrite mulr2n; lra.
  have [xz|xn] := eqVneq x 0; first by rewrite xz mulmx0 qf0 -(scale0r (0 : 'cV_q)) dotZr !mul0r mulr0 expr0n.
  have xp := pA xn; have := P (- dot b (A *m x) / qf A x); move: (dot b (A *m x)) (qf A b) xp => u y xp.
  have -> : y + - u / qf A x * u *+ 2 + (- u / qf A x) ^+ 2 * qf A x = y - u ^+ 2 / qf A x.
    by rewrite mulr2n; field; rewrite gt_eqF.
  by rewrite subr_ge0 ler_pdivrMr.
by apply: le_trans cs _; rewrite eb -[leRHS]mulrA [leRHS]mulrCA; apply: ler_wpM2l; rewrite ?pos.
Qed.
End Ellipsoid.
