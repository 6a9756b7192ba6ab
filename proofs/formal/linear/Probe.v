(** Random probes: a matrix with a large entry is hardly ever small on all random integer columns. By counting, no
    measure. Columns v have n entries drawn independently and uniformly from the N = 2B + 1 integers -B..B; m
    columns are drawn. The claim for a checker: a witness is fixed, then V is drawn, and E V (E the residual,
    exact) is compared with tau. If all its entries are at most tau in size, then all entries of E are below a,
    unless an event of probability at most (k/N)^m has happened, k any whole number with k a > 2 tau. *)
From mathcomp Require Import all_ssreflect all_algebra ring lra zify.
From Certify Require Import Euclid.
Import GRing.Theory Num.Theory Order.Theory.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Local Open Scope ring_scope.

Lemma leq_power m n e : (m <= n)%N -> (m ^ e <= n ^ e)%N.
Proof. by case: e => [|e] h; rewrite ?expn0 // leq_exp2r. Qed.

Section Probe.
Variable R : realFieldType.
Variables (B : nat).
Let N := (2 * B).+1.

(* the integer that a draw stands for *)
Definition entry (i : 'I_N) : R := i%:R - B%:R.

(* On a line with slope e, at most k of the draws give a value within tau *)
Lemma on_a_line (e r a tau : R) (k : nat) : 0 < a -> a <= `|e| -> 2%:R * tau < k%:R * a ->
  (#|[pred i : 'I_N | (`|e * entry i + r| <= tau)%R]| <= k)%N.
Proof.
move=> a0 he hk; set P := [pred i | _].
have [i0 Pi0|none] := pickP P; last by rewrite eq_card0.
have [j Pj minj] := arg_minnP (fun i : 'I_N => val i) Pi0.
have near i : P i -> (i < j + k)%N.
  move=> Pi; rewrite ltnNge; apply/negP => far.
  have E : e * entry i + r - (e * entry j + r) = e * (i%:R - j%:R) by rewrite /entry; ring.
  have := ler_normB (e * entry i + r) (e * entry j + r).
  rewrite E normrM -natrB; last by apply: leq_trans far; rewrite leq_addr.
  rewrite [`|_%:R|]ger0_norm ?ler0n // => h.
  have hi : `|e * entry i + r| <= tau := Pi.
  have hj : `|e * entry j + r| <= tau := Pj.
  have kk : k%:R <= (i - j)%:R :> R by rewrite ler_nat; lia.
  have : k%:R * a <= `|e| * (i - j)%:R by rewrite mulrC; apply: ler_pM => //; apply: ltW.
  lra.
rewrite cardE -(size_map val) -(size_iota j k); apply: uniq_leq_size.
  by rewrite map_inj_uniq ?enum_uniq //; exact: val_inj.
move=> _ /mapP[i + ->]; rewrite mem_enum => Pi.
by rewrite mem_iota near // andbT; exact: minj.
Qed.

Variables (n : nat).
Notation column := {ffun 'I_n -> 'I_N}.

(* e . v, exactly *)
Definition pairing (e : 'I_n -> R) (v : column) : R := \sum_j e j * entry (v j).

(* v with another entry in place j *)
Definition put (v : column) (j : 'I_n) (i : 'I_N) : column := [ffun l => if l == j then i else v l].

Lemma put_put v j i : put (put v j i) j (v j) = v.
Proof. by apply/ffunP => l; rewrite !ffunE; case: eqP => [->|//]. Qed.

Lemma pairing_put e v j i : pairing e (put v j i) = e j * entry i + \sum_(l | l != j) e l * entry (v l).
Proof.
rewrite /pairing (bigD1 j) //= ffunE eqxx; congr (_ + _).
by apply: eq_bigr => l /negPf lj; rewrite ffunE lj.
Qed.

(** One column: if some entry of the row e is at least a in size, then among all N^n columns at most the share k/N has
    |e . v| <= tau. Written without division. *)
Theorem one_column (e : 'I_n -> R) (j : 'I_n) (a tau : R) (k : nat) : 0 < a -> a <= `|e j| ->
  2%:R * tau < k%:R * a -> (#|[pred v : column | (`|pairing e v| <= tau)%R]| * N <= k * #|{: column}|)%N.
Proof.
move=> a0 he hk; set P := [pred v | _].
pose swap (x : column * 'I_N) := (put x.1 j x.2, x.1 j).
have swapK : involutive swap.
  by move=> [v i]; rewrite /swap /= put_put ffunE eqxx.
have -> : (#|P| * N = \sum_(x : column * 'I_N) P (put x.1 j x.2))%N.
  rewrite (reindex_inj (inv_inj swapK)) /=.
  under eq_bigr do rewrite put_put.
  rewrite -(pair_bigA _ (fun v (i : 'I_N) => nat_of_bool (P v))) /=.
  under eq_bigr do rewrite sum_nat_const card_ord mulnC.
  by rewrite -big_distrl /= -big_mkcond /= sum1_card.
rewrite -(pair_bigA _ (fun v i => nat_of_bool (P (put v j i)))) /=.
rewrite mulnC -sum_nat_const; apply: leq_sum => v _.
rewrite -big_mkcond /= sum1_card; apply: leq_trans (on_a_line (\sum_(l | l != j) e l * entry (v l)) a0 he hk).
apply: subset_leq_card; apply/subsetP => i; rewrite unfold_in => h; rewrite inE.
by have : `|pairing e (put v j i)| <= tau := h; rewrite pairing_put.
Qed.

(** All probes at once: if some entry of E is at least a in size, then among all draws of m columns at most the
    share (k/N)^m makes every entry of E V at most tau. This is the false-accept bound of a probe: a verdict
    "all entries of E are below a" from "all entries of E V are at most tau" is wrong for at most that share of
    the draws. Not here: that the draws are uniform, independent and made after E is fixed; the sharper bound by
    the row norm. *)
Theorem probes (p m : nat) (E : 'M[R]_(p, n)) (a tau : R) (k : nat) (i : 'I_p) (j : 'I_n) : 0 < a -> a <= `|E i j| ->
  2%:R * tau < k%:R * a ->
  (#|[pred V : {ffun 'I_m -> column} | [forall c, forall r, (`|pairing (E r) (V c)| <= tau)%R]]| * N ^ m
   <= k ^ m * #|{: {ffun 'I_m -> column}}|)%N.
Proof.
move=> a0 he hk; set Q := [pred V | _].
pose P := [pred v : column | `|pairing (E i) v| <= tau].
have le : (#|Q| <= #|P| ^ m)%N.
  rewrite -[X in (_ ^ X)%N](card_ord m) -card_ffun_on; apply: subset_leq_card; apply/subsetP => V.
  by rewrite !inE => /forallP h; apply/ffun_onP => c; rewrite inE; have /forallP := h c; exact.
rewrite [#|{: {ffun 'I_m -> _}}|]card_ffun card_ord -expnMn.
by apply: leq_trans (leq_mul le (leqnn _)) _; rewrite -expnMn; apply: leq_power; exact: (one_column a0 he hk).
Qed.
End Probe.

(** The numbers of a check: entries from -2^b..2^b and m columns. For every a with 2^b a > 16 tau the share is at
    most 2^-4m: sixteen columns give 2^-64, and the verdict |E_ij| < a, a little more than 16 tau/2^b. *)
Corollary probes_share (R : realFieldType) (n p m b : nat) (E : 'M[R]_(p, n)) (a tau : R) (i : 'I_p) (j : 'I_n) :
  (3 <= b)%N -> 0 < a -> a <= `|E i j| -> 16%:R * tau < (2 ^ b)%:R * a ->
  (#|[pred V : {ffun 'I_m -> {ffun 'I_n -> 'I_(2 * 2 ^ b).+1}} |
      [forall c, forall r, (`|pairing (E r) (V c)| <= tau)%R]]| * 2 ^ (4 * m)
   <= #|{: {ffun 'I_m -> {ffun 'I_n -> 'I_(2 * 2 ^ b).+1}}}|)%N.
Proof.
move=> b3 a0 he hk; have hk' : 2%:R * tau < (2 ^ (b - 3))%:R * a.
  have E3 : (2 ^ b = 8 * 2 ^ (b - 3))%N by rewrite -{1}(subnKC b3) expnD.
  by move: hk; rewrite E3 natrM; lra.
have := @probes R (2 ^ b) n p m E a tau _ i j a0 he hk'; set Q := #|_|; set T := #|_| => h.
have pos : (0 < (2 ^ (b - 3)) ^ m)%N by rewrite !expn_gt0.
rewrite -(leq_pmul2l pos); apply: leq_trans h; rewrite mulnCA leq_mul2l; apply/orP; right.
rewrite expnM -expnMn; apply: leq_power; have -> : (2 ^ (b - 3) * 2 ^ 4 = 2 * 2 ^ b)%N.
  by rewrite -{2}(subnKC b3) expnD mulnC mulnA.
exact: leqnSn.
Qed.
