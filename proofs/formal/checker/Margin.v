(** D3 for one output, with computed influences: what a check over integers has to find so that an output stays on
    its side of t0 whatever at most m of the targets become, and so that some such change takes it across.
    Any u stands for H^-1 e; its residual e - H u decides how far its influences are from the true ones. *)
From mathcomp Require Import all_ssreflect all_algebra ring lra.
From Certify Require Import Euclid Core Definite Ridge.
Import GRing.Theory Num.Theory Order.Theory.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Local Open Scope ring_scope.

Section Least.
Variable R : rcfType.
Variables (n p : nat) (Phi : 'M[R]_(n, p)) (S : 'M[R]_p).

(* v minimises the squared loss with decay for the targets t *)
Definition minimiser (t : 'cV[R]_n) (v : 'cV[R]_p) := forall x, loss Phi S t v <= loss Phi S t x.

Hypotheses (symS : sym S) (S0 : forall x, 0 <= qf S x).

Lemma normal_ge0 x : 0 <= qf (normal Phi S) x.
Proof. by rewrite qf_normal addr_ge0 ?nsq_ge0. Qed.

(** A form that is at least sigma in every direction: its inverse is at most 1/sigma. *)
Lemma floor_inverse sigma : 0 < sigma -> smin_ge (normal Phi S) sigma ->
  [/\ posdef (normal Phi S), forall rho, qf (invmx (normal Phi S)) rho <= nsq rho / sigma &
  forall y, sigma * enorm y <= enorm (normal Phi S *m y)].
Proof.
move=> s0 h; have sH := normal_sym Phi symS.
have U : normal Phi S \in unitmx.
  rewrite -row_free_unit; exact: smin_row_free h.
have pH := nonneg_unit_posdef sH normal_ge0 U; split=> // [rho|y]; last by rewrite -{1}sH; exact: h.
rewrite /qf; set x := invmx _ *m rho; have Hx : normal Phi S *m x = rho by rewrite /x mulKVmx.
have l := h x; rewrite sH Hx in l.
rewrite ler_pdivlMr // -sqr_enorm expr2 mulrC.
apply: le_trans (ler_wpM2l (ltW s0) (CS _ _)) _; rewrite mulrCA.
by apply: ler_wpM2l; rewrite ?enorm_ge0.
Qed.

Lemma decay_inverse sigma : 0 < sigma -> (forall x, sigma * nsq x <= qf S x) ->
  [/\ posdef (normal Phi S), forall rho, qf (invmx (normal Phi S)) rho <= nsq rho / sigma &
  forall y, sigma * enorm y <= enorm (normal Phi S *m y)].
Proof.
move=> s0 h.
have low x : sigma * nsq x <= qf (normal Phi S) x.
  by rewrite qf_normal; apply: le_trans (h x) _; rewrite lerDr nsq_ge0.
have pH : posdef (normal Phi S) by move=> z zn; apply: lt_le_trans (low z); rewrite mulr_gt0 // nsq_gt0.
split=> // [rho|y]; first by apply: inverse_upper => //; exact: posdef_unit.
have [->|yn] := eqVneq (enorm y) 0; first by rewrite mulr0 enorm_ge0.
have yp : 0 < enorm y by rewrite lt_def yn enorm_ge0.
rewrite -(ler_pM2l yp) mulrCA -expr2 sqr_enorm; apply: le_trans (low y) _.
by rewrite /qf; exact: CS.
Qed.

Hypothesis pH : posdef (normal Phi S).
Lemma minimiserP t v : minimiser t v <-> v = refit Phi S t.
Proof.
split=> [h|-> x]; last first.
  by have [->//|xn] := eqVneq x (refit Phi S t); apply/ltW/refit_least.
apply/eqP; apply: contraT => vn; have := refit_least symS pH vn.
by rewrite ltNge h.
Qed.
(** How far any weights w are from the minimiser, through any v: its gradient decides. *)
Theorem minimiser_within sigma t (w v : 'cV[R]_p) : 0 < sigma ->
  (forall y, sigma * enorm y <= enorm (normal Phi S *m y)) ->
  enorm (w - refit Phi S t) <= enorm (w - v) + enorm (normal Phi S *m v - Phi^T *m t) / sigma.
Proof.
move=> s0 low; have -> : w - refit Phi S t = (w - v) + (v - refit Phi S t) by rewrite addrA subrK.
apply: le_trans (enormD _ _) _; rewrite lerD2l ler_pdivlMr // mulrC; apply: le_trans (low _) _.
by rewrite mulmxBr /refit mulKVmx // posdef_unit.
Qed.
End Least.

Section Margin.
Variable R : rcfType.
Variables (n p : nat) (Phi : 'M[R]_(n, p)) (S : 'M[R]_p).
Hypotheses (symS : sym S) (S0 : forall x, 0 <= qf S x) (pH : posdef (normal Phi S)).
Variable sigma : R.
Hypotheses (s0 : 0 < sigma) (inv : forall rho, qf (invmx (normal Phi S)) rho <= nsq rho / sigma).

(* t: targets; C i: the targets that row i may be given, none where it may not change *)
Variables (t : 'cV[R]_n) (C : 'I_n -> seq R).

(** t' is a change of at most m of the targets t. *)
Definition relabelled (m : nat) (t' : 'cV[R]_n) := exists2 M : {set 'I_n}, (#|M| <= m)%N &
  forall i, if i \in M then (t' i 0 \in C i : Prop) else t' i 0 = t i 0.

Variables (total : R).
Hypothesis size : exists2 b : 'I_n -> R, \sum_i b i <= total &
  forall i, t i 0 ^+ 2 <= b i /\ forall c, c \in C i -> c ^+ 2 <= b i.

Lemma relabelled_size m t' : relabelled m t' -> nsq t' <= total.
Proof.
move=> [M _ h]; have [b hb le] := size; apply: le_trans hb.
apply: ler_sum => i _; rewrite -expr2; have := h i; have [a c] := le i.
by case: (i \in M) => [|->//]; exact: c.
Qed.

Variables (e u : 'cV[R]_p) (q : 'cV[R]_n) (err : R).
Hypotheses (qE : q = Phi *m u) (err0 : 0 <= err)
  (errE : nsq (e - normal Phi S *m u) * total <= err ^+ 2 * sigma).

Lemma output_near t' : nsq t' <= total -> `|dot e (refit Phi S t') - dot q t'| <= err.
Proof.
move=> ht; rewrite output_linear // -dotNl -dotDl.
set d := influence _ _ _ + _; set rho := e - normal Phi S *m u.
have dE : d = influence Phi S rho.
  rewrite /d qE /influence -mulmxBr; congr (_ *m _).
  by rewrite mulmxBr mulKmx // posdef_unit.
have dn : nsq d <= nsq rho / sigma by rewrite dE; exact: le_trans (influence_bound S0 pH rho) (inv rho).
rewrite -(@ler_pXn2r _ 2) ?nnegrE // real_normK ?num_real //.
apply: le_trans (CS_sq _ _) _; apply: le_trans (ler_pM (nsq_ge0 _) (nsq_ge0 _) dn ht) _.
by rewrite mulrAC ler_pdivrMr.
Qed.

(** Every change of at most m targets takes at most m tau + sum (v_i - tau)_+, for any tau. *)
Theorem stays m (v : 'I_n -> R) tau t0 : 0 <= tau ->
  (forall i, 0 <= v i) -> (forall i c, c \in C i -> q i 0 * (t i 0 - c) <= v i) ->
  t0 < dot q t - (m%:R * tau + \sum_i Num.max 0 (v i - tau)) - err ->
  forall t', relabelled m t' -> t0 < dot e (refit Phi S t').
Proof.
move=> tau0 v0 vC ok t' ht'; have ht := relabelled_size ht'; have [M hM h] := ht'.
have near := output_near ht; rewrite ler_norml in near; case/andP: near => near _.
suff : dot q t - dot q t' <= m%:R * tau + \sum_i Num.max 0 (v i - tau) by move: near ok; lra.
have -> : dot q t - dot q t' = \sum_i q i 0 * (t i 0 - t' i 0).
  by rewrite -sumrB; apply: eq_bigr => i _; rewrite mulrBr.
apply: (@le_trans _ _ (\sum_(i in M) tau + \sum_i Num.max 0 (v i - tau))).
  rewrite (bigID (mem M)) /= [X in _ + X]big1 ?addr0 => [|i iM]; last first.
    by have := h i; rewrite (negPf iM) => ->; rewrite subrr mulr0.
  apply: (@le_trans _ _ (\sum_(i in M) (tau + Num.max 0 (v i - tau)))).
    apply: ler_sum => i iM; have := h i; rewrite iM => /(vC i) le; apply: le_trans le _.
    by rewrite -lerBlDl le_max lexx orbT.
  rewrite big_split lerD2l [leRHS](bigID (mem M)) /= lerDl; apply: sumr_ge0 => i _.
  by rewrite le_max lexx.
rewrite lerD2r sumr_const -[leLHS]mulr_natl ler_wpM2r // ler_nat //.
Qed.

(** A change whose computed output lies beyond t0 by more than the error. *)
Theorem falls m t' t0 : relabelled m t' -> dot q t' + err < t0 -> dot e (refit Phi S t') < t0.
Proof.
move=> h; have := output_near (relabelled_size h); rewrite ler_norml => /andP[_]; lra.
Qed.
End Margin.
