(** D4a for one output, with computed numbers: what a check over integers has to find so that an output stays on its
    side of a level whichever rows, at most k of those that may go, are deleted.
    A span [a_i, b_i] of each such row is said to hold the entry i of (I - K_MM)^-1 r_M for every such M. It does if no
    k - 1 others, with the largest size of their spans, pull the entry out of it. *)
From mathcomp Require Import all_ssreflect all_algebra ring lra.
From Certify Require Import Euclid Core Definite Ridge Comparison Deletions.
Import GRing.Theory Num.Theory Order.Theory.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Local Open Scope ring_scope.

(* any k terms add up to at most k tau and what is above tau *)
Lemma over_level (R : rcfType) n (B : 'I_n -> R) (tau : R) (L P : {set 'I_n}) k : 0 <= tau -> (#|L| <= k)%N ->
  L \subset P -> \sum_(l in L) B l <= k%:R * tau + \sum_(l in P) Num.max 0 (B l - tau).
Proof.
move=> t0 Lk LP; apply: (@le_trans _ _ (\sum_(l in L) tau + \sum_(l in L) Num.max 0 (B l - tau))).
  by rewrite -big_split; apply: ler_sum => l _; rewrite -lerBlDl le_max lexx orbT.
rewrite lerD //; first by rewrite sumr_const -[leLHS]mulr_natl ler_wpM2r // ler_nat.
rewrite [leRHS](bigID (mem L)) /=.
have -> : \sum_(l in P | l \in L) Num.max 0 (B l - tau) = \sum_(l in L) Num.max 0 (B l - tau).
  by apply: eq_bigl => l; rewrite andbC andb_idr // => /(subsetP LP).
by rewrite lerDl; apply: sumr_ge0 => l _; rewrite le_max lexx.
Qed.

Section Spans.
Variable R : rcfType.
Variables (n p : nat) (Phi : 'M[R]_(n, p)) (S : 'M[R]_p).
Hypotheses (symS : sym S) (S0 : forall x, 0 <= qf S x) (pH : posdef (normal Phi S)).

(* the hat matrix, and the residuals of the targets *)
Definition hat : 'M[R]_n := Phi *m invmx (normal Phi S) *m Phi^T.
Definition left_over (t : 'cV[R]_n) : 'cV[R]_n := t - Phi *m refit Phi S t.

Section Exact.
Variables (t : 'cV[R]_n) (e : 'cV[R]_p).
Let K := hat. Let r := left_over t. Let c := influence Phi S e.
Variables (A : {set 'I_n}) (k : nat) (a b pull : 'I_n -> R).
Definition extent i : R := Num.max `|a i| `|b i|.
Hypotheses (pull0 : forall i, i \in A -> 0 <= pull i) (diag0 : forall i, i \in A -> 0 < 1 - K i i)
  (pulled : forall i (L : {set 'I_n}), i \in A -> L \subset A -> i \notin L -> (#|L| < k)%N ->
    \sum_(l in L) `|K i l| * extent l <= pull i)
  (below : forall i, i \in A -> pull i < r i 0 - (1 - K i i) * a i)
  (above : forall i, i \in A -> pull i < (1 - K i i) * b i - r i 0).
Let x i := r i 0 / (1 - K i i).
Let xi i := Num.min (x i - a i) (b i - x i).

Let within i : a i <= x i - xi i /\ x i + xi i <= b i.
Proof.
by split; rewrite /xi; [rewrite lerBrDl -lerBrDr|rewrite -lerBrDl]; rewrite ge_min lexx ?orbT.
Qed.

Let xi_dom i : i \in A -> pull i < (1 - K i i) * xi i.
Proof.
move=> iA; have d := diag0 iA; have xE : (1 - K i i) * x i = r i 0 by rewrite mulrC divfK // gt_eqF.
have := below iA; have := above iA; rewrite -xE -!mulrBr /xi; case: (leP (x i - a i) (b i - x i)) => //.
Qed.
Let xi0 i : i \in A -> 0 < xi i.
Proof.
move=> iA; rewrite -(pmulr_rgt0 _ (diag0 iA)); exact: le_lt_trans (pull0 iA) (xi_dom iA).
Qed.
Let far i : i \in A -> `|x i| + xi i <= extent i.
Proof.
move=> iA; have [l u] := within i; rewrite /extent le_max; case: (lerP 0 (x i)) => s.
  by apply/orP; right; rewrite ger0_norm //; apply: le_trans u _; exact: ler_norm.
by apply/orP; left; rewrite -[leRHS]normrN; apply: le_trans _ (ler_norm _); rewrite ltr0_norm //; move: l; lra.
Qed.
Let pulled_by i (L : {set 'I_n}) : i \in A -> L \subset A -> i \notin L -> (#|L| < k)%N ->
  \sum_(l in L) `|K i l| * (`|x l| + xi l) <= pull i.
Proof.
move=> iA LA iL Lk; apply: le_trans (pulled iA LA iL Lk); apply: ler_sum => l lL.
by rewrite ler_wpM2l // far // (subsetP LA).
Qed.

(** D4a with spans: without any at most k rows M of A the normal matrix is positive definite, and the output at e
    falls by at most the sum over M of max(c_i a_i, c_i b_i). *)
Theorem spans_hold (M : {set 'I_n}) : M \subset A -> (#|M| <= k)%N -> posdef (normal (rows_of (~: M) Phi) S) /\
  dot e (refit Phi S t) - \sum_(i in M) Num.max (c i 0 * a i) (c i 0 * b i) <= dot e (refit_without Phi S t M).
Proof.
move=> MA Mk; split; first exact: (@without_posdef R n p Phi S t e symS S0 pH A k xi pull xi0 pulled_by xi_dom M MA Mk).
have [_] := @deletions_first_order R n p Phi S t e symS pH A k xi pull xi0 pulled_by xi_dom M MA Mk.
apply: le_trans; rewrite lerB //; apply: ler_sum => i iM; rewrite -/(c) -/(x i).
have [l u] := within i; rewrite le_max; case: (lerP 0 (c i 0)) => s.
  by apply/orP; right; rewrite ger0_norm // -mulrDr ler_wpM2l.
apply/orP; left; rewrite ltr0_norm //; have -> : c i 0 * x i + - c i 0 * xi i = c i 0 * (x i - xi i) by ring.
by rewrite ler_wnM2l // ltW.
Qed.
End Exact.

(* ---- computed numbers ---- *)
Variable sigma : R.
Hypotheses (s0 : 0 < sigma) (inv : forall rho, qf (invmx (normal Phi S)) rho <= nsq rho / sigma).

(** Any u stands for H^-1 f: each entry of Phi u is wrong by at most |f - H u|/sqrt(sigma). *)
Lemma influence_near (f u : 'cV[R]_p) (err : R) i : 0 <= err -> nsq (f - normal Phi S *m u) <= err ^+ 2 * sigma ->
  `|influence Phi S f i 0 - (Phi *m u) i 0| <= err.
Proof.
move=> e0 h; have E : influence Phi S f - Phi *m u = influence Phi S (f - normal Phi S *m u).
  by rewrite /influence -mulmxBr; congr (_ *m _); rewrite mulmxBr mulKmx // posdef_unit.
have -> : influence Phi S f i 0 - (Phi *m u) i 0 = (influence Phi S (f - normal Phi S *m u)) i 0.
  by rewrite -E [RHS]mxE; congr (_ + _); rewrite [RHS]mxE.
rewrite -(@ler_pXn2r _ 2) ?nnegrE // real_normK ?num_real //.
apply: (@le_trans _ _ (nsq (influence Phi S (f - normal Phi S *m u)))).
  by rewrite /nsq /dot (bigD1 i) //= -expr2 lerDl; apply: sumr_ge0 => j _; rewrite -expr2 sqr_ge0.
apply: le_trans (influence_bound S0 pH _) _; apply: le_trans (inv _) _.
by rewrite ler_pdivrMr.
Qed.

Lemma hat_influence i l : hat i l = influence Phi S (row l Phi)^T i 0.
Proof.
rewrite /hat /influence -mulmxA [LHS]mxE [RHS]mxE; apply: eq_bigr => j _; congr (_ * _).
by rewrite !mxE; apply: eq_bigr => a _; rewrite !mxE.
Qed.

(** The hat matrix through any approximate inverse X: |K_il - phi_i . X phi_l| <= |I - H X| |phi_l|/sqrt(sigma). *)
Lemma hat_near (X : 'M[R]_p) (eps long err : R) i l : 0 <= eps -> opbnd (1%:M - normal Phi S *m X) eps -> 0 <= err ->
  nsq (row l Phi)^T <= long -> eps ^+ 2 * long <= err ^+ 2 * sigma ->
  `|hat i l - (Phi *m (X *m (row l Phi)^T)) i 0| <= err.
Proof.
move=> p0 hX e0 hl he; rewrite hat_influence; apply: influence_near => //; apply: le_trans he.
have -> : (row l Phi)^T - normal Phi S *m (X *m (row l Phi)^T) = (1%:M - normal Phi S *m X) *m (row l Phi)^T.
  by rewrite mulmxBl mul1mx mulmxA.
rewrite -sqr_enorm; apply: le_trans (_ : (eps * enorm (row l Phi)^T) ^+ 2 <= _).
  by rewrite ler_pXn2r ?nnegrE ?mulr_ge0 ?enorm_ge0 //; exact: hX.
by rewrite exprMn sqr_enorm ler_wpM2l // sqr_ge0.
Qed.

(** K is a Gram matrix: |K_il| <= s_i s_l where s_i^2 is at least K_ii. *)
Lemma hat_CS (s : 'I_n -> R) i l : (forall i, 0 <= s i) -> (forall i, hat i i <= s i ^+ 2) -> `|hat i l| <= s i * s l.
Proof.
move=> sp hs; have U := posdef_unit pH; set G := invmx (normal Phi S).
pose w i := G *m (row i Phi)^T.
have E j m : hat j m = dot (w j) (normal Phi S *m w m).
  rewrite (dot_sym _ _ (normal_sym _ symS)) {2}/w mulKVmx // hat_influence /influence -/G -/(w m) mxE.
  by apply: eq_bigr => a _; rewrite mulrC !mxE.
have nn z : 0 <= qf (normal Phi S) z by rewrite qf_normal addr_ge0 ?nsq_ge0.
have nE z : qf (normal Phi S) z = dot z (normal Phi S *m z) by [].
have cs : hat i l ^+ 2 <= hat i i * hat l l.
  have [y0|yn] := eqVneq (hat l l) 0.
    have : qf (normal Phi S) (w l) = 0 by rewrite nE -E.
    have [w0|zn] := eqVneq (w l) 0; last by move/eqP; rewrite gt_eqF //; exact: pH.
    by move=> _; rewrite y0 mulr0 E w0 mulmx0 /dot big1 ?expr0n // => j _; rewrite [X in _ * X]mxE mulr0.
  have lp : 0 < hat l l by rewrite lt_def yn E; exact: nn.
  have := nn (hat l l *: w i - hat i l *: w l).
  rewrite nE mulmxBr -!scalemxAr !dotDl !dotDr !dotNl !dotNr !dotZl !dotZr -!E.
  have -> : hat l i = hat i l by rewrite !E (dot_sym (w l) (w i) (normal_sym _ symS)).
  set A := hat l l in lp *; set B := hat i i; set C := hat i l => h.
  have : 0 <= A * (B * A - C ^+ 2) by apply: le_trans h _; rewrite le_eqVlt; apply/orP; left; apply/eqP; ring.
  by rewrite pmulr_rge0 // subr_ge0.
rewrite -(@ler_pXn2r _ 2) ?nnegrE ?mulr_ge0 // real_normK ?num_real // exprMn; apply: le_trans cs _.
by apply: ler_pM => //; rewrite E; exact: nn.
Qed.
End Spans.
