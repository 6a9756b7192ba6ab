(** D3: wrong labels of a squared-loss head, exactly, for every number of them. *)
From mathcomp Require Import all_ssreflect all_algebra ring lra.
From Certify Require Import Euclid Core Definite Ridge.
Import GRing.Theory Num.Theory Order.Theory.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Local Open Scope ring_scope.

Section Largest.
Variable R : realFieldType.
Variables (n : nat) (v : 'I_n -> R).
Definition pos_part (x : R) : R := Num.max x 0.

(* T holds m of the largest values, or everything *)
Definition largest (m : nat) (T : {set 'I_n}) : Prop :=
  (#|T| = m \/ (T = setT /\ (n <= m)%N)) /\ forall i j, i \in T -> j \notin T -> v j <= v i.

Lemma pos_part_ge0 x : 0 <= pos_part x.
Proof. by rewrite /pos_part le_max lexx orbT. Qed.
Lemma pos_part_ge x : x <= pos_part x.
Proof. by rewrite /pos_part le_max lexx. Qed.
Lemma pos_part_mono x y : x <= y -> pos_part x <= pos_part y.
Proof. by move=> h; rewrite /pos_part ge_max !le_max h lexx orbT. Qed.

(** A sort finds such a T, and there is one for every m. *)
Lemma largest_exists m : exists T, largest m T.
Proof.
elim: m => [|m [T [size top]]]; first by exists set0; split; [left; rewrite cards0|move=> i j; rewrite inE].
have [full|[i0 i0T]] : T = setT \/ exists i, i \notin T.
  have [/eqP ->|/eqP h] := boolP (T == setT); first by left.
  by right; apply/existsP; rewrite -negb_forall; apply/negP => /forallP all; case: h; apply/setP => i; rewrite inE all.
  exists T; rewrite full; split; last by move=> i j _; rewrite inE.
  right; split=> //; case: size => [h|[_ h]]; last exact: leq_trans h _.
  by rewrite -ltnS -[n in (n < _)%N]card_ord -cardsT -full h.
have [i iT imax] := @arg_maxP _ R _ i0 (fun i => i \notin T) v i0T.
exists (i |: T); split.
  left; rewrite cardsU1 iT; case: size => [->//|[full _]].
  by move: i0T; rewrite full inE.
move=> a b; rewrite !inE negb_or => /orP[/eqP->|aT] /andP[_ bT]; first exact: imax.
exact: top.
Qed.

(* the m largest beat any m others *)
Lemma largest_sum m T (M : {set 'I_n}) : largest m T -> (#|M| <= m)%N ->
  \sum_(i in M) pos_part (v i) <= \sum_(i in T) pos_part (v i).
Proof.
move=> [size top] hM; set f := fun i => pos_part (v i).
have f0 i : 0 <= f i by exact: pos_part_ge0.
rewrite (big_setID T) /= [leRHS](big_setID M) /= setIC lerD2l.
have [->|[j]] := set_0Vmem (M :\: T).
  by rewrite big_set0; apply: sumr_ge0 => i _; exact: f0.
rewrite in_setD => /andP[jT jM].
have sT : #|T| = m by case: size => [//|[full _]]; move: jT; rewrite full inE.
have cards : (#|M :\: T| <= #|T :\: M|)%N.
  by rewrite -(leq_add2l #|M :&: T|) cardsID setIC cardsID sT.
(* a level between the two *)
have [c c0 [low high]] : exists2 c : R, 0 <= c & (forall i, i \in M :\: T -> f i <= c) /\
    (forall i, i \in T :\: M -> c <= f i).
  have jin : j \in M :\: T by rewrite in_setD jT.
  have [i1 i1in i1max] := @arg_maxP _ R _ j (fun i => i \in M :\: T) f jin.
  exists (f i1); first exact: f0.
  split=> i; first exact: i1max.
  rewrite in_setD => /andP[_ iT]; apply: pos_part_mono; apply: top => //.
  by move: i1in; rewrite in_setD => /andP[].
apply: le_trans (_ : \sum_(i in M :\: T) c <= _); first exact: ler_sum.
apply: le_trans (_ : \sum_(i in T :\: M) c <= _); last exact: ler_sum.
by rewrite !sumr_const -[leLHS]mulr_natr -[leRHS]mulr_natr ler_wpM2l // ler_nat.
Qed.
End Largest.

Section D3.
Variable R : rcfType.
Variables (n p k : nat) (Phi : 'M[R]_(n, p)) (S : 'M[R]_p).
Hypotheses (symS : sym S) (S0 : forall x, 0 <= qf S x) (pH : posdef (normal Phi S)).

(* One condition: the contrast g of the outputs at the row e stays above t0. Y: targets; the contrasts of targets are
   t_i = g . Y_i. C i: the targets that row i may be given, none where it may not change. *)
Variables (e : 'cV[R]_p) (g : 'cV[R]_k) (t0 : R) (Y : 'M[R]_(n, k)) (C : 'I_n -> seq 'rV[R]_k).

(* the head refitted to targets Z: one column an output, each the least of its loss (`refit_least`) *)
Definition head (Z : 'M[R]_(n, k)) : 'M[R]_(p, k) := invmx (normal Phi S) *m (Phi^T *m Z).
Definition contrast (Z : 'M[R]_(n, k)) : R := dot e (head Z *m g) - t0.

Lemma head_columns Z a : col a (head Z) = refit Phi S (col a Z).
Proof. by rewrite /head /refit !colE !mulmxA. Qed.

(* Z is a change of at most m rows of Y *)
Definition change (m : nat) (Z : 'M[R]_(n, k)) := exists2 M : {set 'I_n}, (#|M| <= m)%N &
  forall i, if i \in M then (row i Z \in C i : Prop) else row i Z = row i Y.

(* v_i: what row i can take; 0 where it may not change *)
Let q := influence Phi S e.
Definition taken (i : 'I_n) (c : 'rV[R]_k) : R := q i 0 * (((row i Y) *m g) 0 0 - (c *m g) 0 0).
Variable v : 'I_n -> R.
Hypothesis vmax : forall i c, c \in C i -> taken i c <= v i.
Hypothesis vatt : forall i, if C i is [::] then v i = 0 else exists2 c, c \in C i & taken i c = v i.

Lemma contrast_change Z : contrast Z = contrast Y - \sum_i taken i (row i Z).
Proof.
have lin W : contrast W = \sum_i q i 0 * (row i W *m g) 0 0 - t0.
  rewrite /contrast; congr (_ - _).
  have -> : head W *m g = refit Phi S (W *m g) by rewrite /head /refit !mulmxA.
  rewrite output_linear // /dot; apply: eq_bigr => i _; congr (_ * _).
  by rewrite -row_mul [RHS]mxE.
rewrite !lin [RHS]addrAC; congr (_ - _); rewrite -sumrB; apply: eq_bigr => i _.
by rewrite /taken; ring.
Qed.

Lemma unchanged i Z : row i Z = row i Y -> taken i (row i Z) = 0.
Proof. by move=> ->; rewrite /taken subrr mulr0. Qed.

(** D3 from below: no change of at most m rows takes more than the sum of the m largest positive v_i.
    Used by `certify/theorems/head/rows/squared_labels.py` and `certify/check/theorems/head/rows/squared_labels.py`. *)
Theorem labels_below m T Z : largest v m T -> change m Z ->
  contrast Y - \sum_(i in T) pos_part (v i) <= contrast Z.
Proof.
move=> hT [M hM hZ]; rewrite (contrast_change Z) lerB //.
apply: le_trans (largest_sum hT hM).
rewrite (bigID (mem M)) /= [X in _ + X]big1 ?addr0; last first.
  by move=> i iM; apply: unchanged; have := hZ i; rewrite (negPf iM).
apply: ler_sum => i iM; apply: le_trans (pos_part_ge _); apply: vmax.
by have := hZ i; rewrite iM.
Qed.

(** D3, attained: some change of at most m rows takes exactly that sum. So the least contrast over all changes of at
    most m rows is the contrast less the sum of the m largest, for every m: both ends. *)
Theorem labels_attained m T : largest v m T -> exists2 Z, change m Z &
  contrast Z = contrast Y - \sum_(i in T) pos_part (v i).
Proof.
move=> [size _]; pose M := [set i in T | 0 < v i].
have pick i : i \in M -> exists2 c, c \in C i & taken i c = v i.
  by rewrite inE => /andP[_ vp]; have := vatt i; case: (C i) => [v0|//]; rewrite v0 ltxx in vp.
have [Z hZ] : exists Z : 'M[R]_(n, k), forall i,
    if i \in M then row i Z \in C i /\ taken i (row i Z) = v i else row i Z = row i Y.
  have choice i : exists c, if i \in M then c \in C i /\ taken i c = v i else c = row i Y.
    by case: (boolP (i \in M)) => [/pick[c ? ?]|_]; [exists c|exists (row i Y)].
  have [F hF] := fin_all_exists choice.
  exists (\matrix_i F i) => i; rewrite rowK; exact: hF.
exists Z.
  exists M; last by move=> i; have := hZ i; case: (i \in M) => // -[].
  apply: leq_trans (_ : #|T| <= m)%N.
    by apply: subset_leq_card; apply/subsetP => i; rewrite inE => /andP[].
  by case: size => [->//|[-> h]]; rewrite cardsT card_ord.
rewrite contrast_change; congr (_ - _).
rewrite (bigID (mem M)) /= [X in _ + X]big1 ?addr0; last first.
  by move=> i iM; apply: unchanged; have := hZ i; rewrite (negPf iM).
rewrite [RHS](bigID (fun i => 0 < v i)) /= [X in _ = _ + X]big1 ?addr0; last first.
  by move=> i /andP[_]; rewrite -leNgt /pos_part => ?; apply/max_idPr.
rewrite (eq_bigl (fun i => (i \in T) && (0 < v i))) => [|i]; last by rewrite inE.
apply: eq_bigr => i /andP[iT vi]; have := hZ i; rewrite inE iT vi => -[_ ->].
by rewrite /pos_part; apply/esym/max_idPl; exact: ltW.
Qed.

(** The verdict: the condition survives every change of at most m rows if and only if the m largest sum to less. *)
Corollary labels_exact m T : largest v m T ->
  (forall Z, change m Z -> 0 < contrast Z) <-> \sum_(i in T) pos_part (v i) < contrast Y.
Proof.
move=> hT; split=> [h|h Z hZ].
  by have [Z hZ E] := labels_attained hT; have := h _ hZ; rewrite E subr_gt0.
by apply: lt_le_trans (labels_below hT hZ); rewrite subr_gt0.
Qed.
End D3.

(** v_i from the least and the largest new contrast: v = max(q high, q low), high = t - least, low = t - largest. *)
Theorem swing_ends (R : realFieldType) (q t lo hi : R) (c : seq R) : lo \in c -> hi \in c ->
  (forall x, x \in c -> lo <= x <= hi) ->
  (forall x, x \in c -> q * (t - x) <= Num.max (q * (t - lo)) (q * (t - hi))) /\
  (exists2 x, x \in c & q * (t - x) = Num.max (q * (t - lo)) (q * (t - hi))).
Proof.
move=> hlo hhi h; split.
  move=> x /h /andP[l u]; rewrite le_max; case: (lerP 0 q) => q0.
    by apply/orP; left; apply: ler_wpM2l => //; lra.
  by apply/orP; right; apply: ler_wnM2l; [exact: ltW|lra].
case: (leP (q * (t - lo)) (q * (t - hi))) => _; [by exists hi|by exists lo].
Qed.
