(** D4, the comparison (Lemma 2 and Theorem D4a of heads-squared.md) for one set of deleted rows.
    K : their block of the hat matrix; r : their residuals; c : their influences on a contrast. *)
From mathcomp Require Import all_ssreflect all_algebra ring lra.
From Certify Require Import Euclid Core Definite.
Import GRing.Theory Num.Theory Order.Theory.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Local Open Scope ring_scope.

Section Comparison.
Variable R : rcfType.
Variables (m : nat) (K : 'M[R]_m) (r c : 'cV[R]_m) (xi : 'I_m -> R).
Definition diag i : R := 1 - K i i.
Definition first i : R := r i 0 / diag i.
Hypothesis xi0 : forall i, 0 < xi i.
Hypothesis dom : forall i, \sum_(l | l != i) `|K i l| * (`|first l| + xi l) < diag i * xi i.

Lemma diag_gt0 i : 0 < diag i.
Proof.
rewrite -(pmulr_lgt0 _ (xi0 i)); apply: le_lt_trans (dom i).
by apply: sumr_ge0 => l _; rewrite mulr_ge0 ?addr_ge0 ?normr_ge0 // ltW.
Qed.

Lemma entry_of (y : 'cV[R]_m) i : ((1%:M - K) *m y) i 0 = diag i * y i 0 - \sum_(l | l != i) K i l * y l 0.
Proof.
rewrite mulmxBl mul1mx !mxE (bigD1 i) //= /diag; ring.
Qed.

(* where a vector is largest in units of xi it rules itself out, if it is larger than what pulls at it *)
Lemma largest_ratio (y : 'I_m -> R) (t : R) : 0 <= t ->
  (forall i, diag i * `|y i| <= \sum_(l | l != i) `|K i l| * (`|y l| + t * `|first l|)) ->
  forall i, `|y i| <= t * xi i.
Proof.
move=> t0 h i; rewrite leNgt; apply/negP => big.
pose f l := `|y l| / xi l.
have [j _ jmax] := @arg_maxP _ R _ i (fun=> true) f isT.
have tj : t < f j.
  by apply: lt_le_trans (jmax i isT); rewrite /f ltr_pdivlMr.
have fj : f j * xi j = `|y j| by rewrite /f divfK // gt_eqF.
have le l : `|y l| + t * `|first l| <= f j * (`|first l| + xi l).
  have a : `|y l| <= f j * xi l by rewrite -ler_pdivrMr //; exact: jmax.
  have b : t * `|first l| <= f j * `|first l| by apply: ler_wpM2r => //; exact: ltW.
  by rewrite mulrDr addrC lerD.
have s : diag j * `|y j| <= f j * (\sum_(l | l != j) `|K j l| * (`|first l| + xi l)).
  apply: le_trans (h j) _; rewrite big_distrr /=; apply: ler_sum => l _.
  by rewrite mulrCA; apply: ler_wpM2l.
have fp : 0 < f j by exact: le_lt_trans tj.
have s2 : f j * (\sum_(l | l != j) `|K j l| * (`|first l| + xi l)) < f j * (diag j * xi j).
  by rewrite ltr_pM2l //; exact: dom.
by have := le_lt_trans s s2; rewrite -fj mulrCA ltxx.
Qed.

(** Lemma 2: I - K is nonsingular. *)
Theorem comparison_unit : 1%:M - K \in unitmx.
Proof.
rewrite -unitmx_tr -row_free_unit; apply: inj_row_free => y; rewrite trmxK => Ny.
apply/matrixP => i b; rewrite ord1 [RHS]mxE; apply/eqP; rewrite -normr_le0.
have := @largest_ratio (fun i => y i 0) 0 (lexx 0) _ i; rewrite mul0r; apply=> l.
have := entry_of y l; rewrite Ny mxE => /esym/eqP; rewrite subr_eq0 => /eqP E.
rewrite -[diag l]gtr0_norm ?diag_gt0 // -normrM E; apply: le_trans (ler_norm_sum _ _ _) _.
by apply: ler_sum => z _; rewrite normrM mul0r addr0.
Qed.

(** Lemma 2: the solution is within xi of r/D, entry by entry. *)
Theorem comparison (s : 'cV[R]_m) : (1%:M - K) *m s = r -> forall i, `|s i 0 - first i| <= xi i.
Proof.
move=> Ns i; have := @largest_ratio (fun i => s i 0 - first i) 1 ler01 _ i; rewrite mul1r; apply=> j.
have := entry_of s j; rewrite Ns => rE.
have dj := diag_gt0 j.
have E : diag j * (s j 0 - first j) = \sum_(l | l != j) K j l * s l 0.
  by rewrite mulrBr /first [_ * (_ / _)]mulrC divfK ?gt_eqF // rE; ring.
rewrite -[diag j]gtr0_norm // -normrM E; apply: le_trans (ler_norm_sum _ _ _) _.
apply: ler_sum => l _; rewrite normrM ler_wpM2l // mul1r.
by have := ler_normD (s l 0 - first l) (first l); rewrite subrK.
Qed.

(** Theorem D4a, first order: c . (I - K)^-1 r is at most the sum of c_i x_i + |c_i| xi_i, x = r/D. *)
Theorem first_order (s : 'cV[R]_m) : (1%:M - K) *m s = r -> dot c s <= \sum_i (c i 0 * first i + `|c i 0| * xi i).
Proof.
move=> Ns; apply: ler_sum => i _; have h := comparison Ns i.
have -> : c i 0 * s i 0 = c i 0 * first i + c i 0 * (s i 0 - first i) by ring.
by rewrite lerD2l; apply: le_trans (ler_norm _) _; rewrite normrM ler_wpM2l.
Qed.

(** Theorem D4a, second order: with y = c/D, and K symmetric, the pairs with their signs, and the third order by
    size. *)
Definition weight i : R := c i 0 / diag i.
Theorem second_order (s : 'cV[R]_m) : K^T = K -> (1%:M - K) *m s = r ->
  dot c s <= \sum_i (c i 0 * first i
    + \sum_(l | l != i) 2%:R^-1 * K i l * (weight i * first l + weight l * first i)
    + `|\sum_(l | l != i) K i l * weight l| * xi i).
Proof.
move=> symK Ns.
pose y : 'cV[R]_m := \col_i weight i. pose x : 'cV[R]_m := \col_i first i. pose d := s - x.
pose O (z : 'cV[R]_m) i := \sum_(l | l != i) K i l * z l 0.
have Nz z i : ((1%:M - K) *m z) i 0 = diag i * z i 0 - O z i by exact: entry_of.
have Ny : forall i, c i 0 = diag i * y i 0.
  by move=> i; rewrite mxE /weight mulrC divfK // gt_eqF // diag_gt0.
have Nx : forall i, r i 0 = diag i * x i 0.
  by move=> i; rewrite mxE /first mulrC divfK // gt_eqF // diag_gt0.
have Nd i : ((1%:M - K) *m d) i 0 = O x i.
  by rewrite mulmxBr Ns [LHS]mxE [X in _ + X]mxE Nz Nx; ring.
have swap : \sum_i O y i * d i 0 = \sum_i y i 0 * O d i.
  rewrite /O; under eq_bigr do rewrite big_distrl /= .
  under [RHS]eq_bigr do rewrite big_distrr /= .
  rewrite [LHS](exchange_big_dep predT) //=; apply: eq_bigr => i _; apply: eq_big => [l|l _]; first by rewrite eq_sym.
  have -> : K l i = K i l by rewrite -[in RHS]symK mxE.
  ring.
have E : dot c s = \sum_i (c i 0 * first i + y i 0 * O x i + O y i * d i 0).
  rewrite !big_split /= swap -!big_split /=; apply: eq_bigr => i _.
  have := Nd i; rewrite Nz Ny -/(first i) => h.
  have -> : O x i = diag i * d i 0 - O d i by [].
  have -> : s i 0 = first i + d i 0 by rewrite /d !mxE; ring.
  ring.
rewrite E !big_split /=; apply: lerD; last first.
  apply: ler_sum => i _; apply: le_trans (ler_norm _) _; rewrite normrM; apply: ler_pM => //.
    by rewrite le_eqVlt; apply/orP; left; apply/eqP; congr `|_|; apply: eq_bigr => l _; rewrite mxE.
  by have := comparison Ns i; rewrite /d !mxE.
rewrite lerD2l le_eqVlt; apply/orP; left; apply/eqP.
have sym2 : \sum_i \sum_(l | l != i) K i l * (weight l * first i) =
    \sum_i \sum_(l | l != i) K i l * (weight i * first l).
  rewrite (exchange_big_dep predT) //=; apply: eq_bigr => i _; apply: eq_big => [l|l _]; first by rewrite eq_sym.
  by have -> : K l i = K i l by rewrite -[in RHS]symK mxE.
have -> : \sum_i y i 0 * O x i = \sum_i \sum_(l | l != i) K i l * (weight i * first l).
  apply: eq_bigr => i _; rewrite /O big_distrr /=; apply: eq_bigr => l _; rewrite !mxE; ring.
have -> : \sum_i \sum_(l | l != i) 2%:R^-1 * K i l * (weight i * first l + weight l * first i) =
    2%:R^-1 * (\sum_i \sum_(l | l != i) K i l * (weight i * first l) +
      \sum_i \sum_(l | l != i) K i l * (weight l * first i)).
  rewrite -big_split /= big_distrr /=; apply: eq_bigr => i _; rewrite -big_split big_distrr /=.
  by apply: eq_bigr => l _; ring.
by rewrite sym2; field.
Qed.
End Comparison.
