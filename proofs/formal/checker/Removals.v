(** The loops of `Delete.v` as sums over any real closed field R. *)
From Coq Require Import ZArith List.
From mathcomp Require Import all_ssreflect all_algebra ring lra zify ssrZ.
From Certify Require Import Euclid Core Checker Packed Relabel Shapes Sums Delete.
Import GRing.Theory Num.Theory Order.Theory.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Local Open Scope ring_scope.

Section Removals.
Variable R : rcfType.
Local Notation zr := (@zr R).
Local Notation at_ l i := (List.nth i l Z0).
Definition no_span := Span Z0 Z0 Z0.
Local Notation span_at l i := (List.nth i l no_span).

Lemma zr_abs x : zr (Z.abs x) = `|zr x|.
Proof.
case: (Z.abs_spec x) => -[h ->].
  by rewrite ger0_norm // -zr0 -zrS; lia.
by rewrite zrN ltr0_norm // -zr0 -zrL; lia.
Qed.
Lemma zr_over t x : zr (over t x) = Num.max 0 (zr x - zr t).
Proof. by rewrite /over zr_max zrB zr0. Qed.
Lemma zr_reach s : zr (reach s) = Num.max `|zr (low s)| `|zr (high s)|.
Proof. by rewrite /reach zr_max !zr_abs. Qed.
Lemma reach_ge0 s : 0 <= zr (reach s).
Proof. by rewrite zr_reach le_max normr_ge0. Qed.

Lemma longestP M r : forall acc, (zr acc <= zr (longest_from acc M)) /\
  (List.In r M -> zr (squares_from Z0 r) <= zr (longest_from acc M)).
Proof.
elim: M => [|c M IH] acc /=; first by split.
have [a b] := IH (Z.max acc (squares_from Z0 c)); rewrite zr_max ge_max in a; case/andP: a => a1 a2.
by split=> // -[<-|]; [exact: a2|exact: b].
Qed.

Lemma diagonalE k zero X M : zeros zero -> List.Forall (fun u => length u = length zero) M ->
  diagonal k zero X M = List.map (fun r => dotz r (List.map (fun x => dotz x r) X)) M.
Proof.
move=> z hM; rewrite /diagonal; have [b0 hX] := max_absP X.
apply: (@flat_chunks _ _ k (length M) M _ _ (fun u => length u = length zero) hM) => c hc.
rewrite applyE // /dots; elim: c {hc} => [//|r c IH] /=.
by rewrite IH dot_fromE.
Qed.

Lemma spread_pick {A B} (f : A -> B) flags : forall (l : list A) d i, length flags = length l -> (i < length l)%N ->
  List.nth i (spread flags (List.map f (pick flags l))) None =
  if List.nth i flags false then Some (f (List.nth i l d)) else None.
Proof.
elim: flags => [|[] flags IH] [|x l] d [|i] //= [hl] hi; exact: IH.
Qed.
Lemma pick_wide p flags : forall M, wide p M -> wide p (pick flags M).
Proof.
elim: flags => [|f flags IH] [|r M] hM /=; try by constructor.
by inversion hM; subst; case: f; [constructor=> //|]; exact: IH.
Qed.
Lemma spread_length {A} flags : forall l : list A, length (spread flags l) = length flags.
Proof. by elim: flags => [//|[] flags IH] [|x l] //=; rewrite IH. Qed.

Lemma add_columnE err v n : forall ss col acc i, length ss = n -> length col = n -> length acc = n -> (i < n)%N ->
  length (add_column err v ss col acc) = n /\ zr (at_ (add_column err v ss col acc) i) =
  zr (at_ acc i) + Num.max 0 ((`|zr (at_ col i)| + zr err) * zr v - zr (mark (span_at ss i))).
Proof.
elim: n => [//|n IH] [|s ss] [|c col] [|a acc] //= i [ls] [lc] [la] hi.
case: i hi => [|i] hi.
  split; last by rewrite zrD zr_over zrM zrD zr_abs.
  by case: n IH ls lc la hi => [|n] IH ls lc la _; [case: ss ls|congr S; have [] := IH ss col acc 0%N ls lc la isT].
by have [-> ->] := IH ss col acc i ls lc la hi.
Qed.

Definition excess err (all : list span) (i : nat) (c : option (list Z)) (s : span) : R :=
  match c with
  | Some c => Num.max 0 ((`|zr (at_ c i)| + zr err) * zr (reach s) - zr (mark (span_at all i)))
  | None => 0
  end.
Lemma add_columnsE err all n i : length all = n -> (i < n)%N -> forall m ss cols acc, length ss = m ->
  length cols = m -> length acc = n -> (forall l c, List.nth l cols None = Some c -> length c = n) ->
  zr (at_ (add_columns err all ss cols acc) i) = zr (at_ acc i) +
  \sum_(l < m) excess err all i (List.nth l cols None) (span_at ss l).
Proof.
move=> la hi; elim=> [|m IH] [|s ss] [|c cols] acc //=; first by rewrite big_ord0 addr0.
move=> [ls] [lc] lacc hc; rewrite big_ord_recl addrA.
have hc' : forall l c, List.nth l cols None = Some c -> length c = n by move=> l; exact: (hc l.+1).
case: c hc => [c|] hc /=; last by rewrite addr0; exact: IH.
have lcn : length c = n by apply: (hc 0%N).
by have [l1 l2] := add_columnE err (reach s) la lcn lacc hi; rewrite IH // l2.
Qed.
Lemma add_columns_length err all n : length all = n -> forall ss cols acc, length acc = n ->
  (forall l c, List.nth l cols None = Some c -> length c = n) -> length (add_columns err all ss cols acc) = n.
Proof.
move=> la; elim=> [|s ss IH] [|[c|] cols] acc //= lacc hc; apply: IH => //; try by move=> l; exact: (hc l.+1).
case: n la lacc hc => [|n] la lacc hc; first by case: all la.
by have [] := add_columnE err (reach s) la (hc 0%N c erefl) lacc (isT : 0 < n.+1)%N.
Qed.

Lemma column_fromE err tau n : forall acc ss col, length ss = n -> length col = n ->
  zr (column_from err acc tau ss col) = zr acc +
  \sum_(l < n) Num.max 0 ((`|zr (at_ col l)| + zr err) * zr (reach (span_at ss l)) - zr tau).
Proof.
elim: n => [|n IH] acc [|s ss] [|c col] //=; first by rewrite big_ord0 addr0.
by move=> [ls] [lc]; rewrite IH // zrD zr_over zrM zrD zr_abs big_ord_recl addrA.
Qed.

Lemma outsideP err n : forall ks ss cols acc, length ks = n -> length ss = n -> length cols = n ->
  zr acc <= zr (outside_from err acc ks ss cols) /\ forall l, (l < n)%N -> List.nth l cols None = None ->
  zr (root err (at_ ks l)) * zr (reach (span_at ss l)) <= zr (outside_from err acc ks ss cols).
Proof.
elim: n => [|n IH] [|k ks] [|s ss] [|c cols] acc //= [lk] [ls] [lc].
set acc' := match c with Some _ => _ | None => _ end; have [a b] := IH ks ss cols acc' lk ls lc.
have aa : zr acc <= zr acc' by rewrite /acc'; case: (c) => // *; rewrite zr_max le_max lexx.
split; first exact: le_trans aa a.
case=> [|l] hl /= cE; last exact: b.
by apply: le_trans a; rewrite /acc' cE zr_max zrM le_max lexx orbT.
Qed.

Lemma all_holdP err m1 o rsc ksc vs re all : forall mays ss ks rs accs cols,
  all_hold err m1 o rsc ksc vs re all mays ss ks rs accs cols ->
  [/\ length ss = length mays, length ks = length mays, length rs = length mays, length accs = length mays &
    length cols = length mays /\ forall i, List.nth i mays false -> holds err m1 o rsc ksc vs re all (span_at ss i)
      (at_ ks i) (at_ rs i) (at_ accs i) (List.nth i cols None)].
Proof.
elim=> [|m mays IH] [|s ss] [|k ks] [|r rs] [|a accs] [|c cols] //=; first by move=> _; split=> //; split=> // -[].
move=> /andP[h0 /IH[-> -> -> -> [-> hi]]]; split=> //; split=> // -[|i] /=; last exact: hi.
by move=> mT; move: h0; rewrite mT.
Qed.

Lemma zr_gain q s : zr (gain q s) = Num.max (zr q * zr (low s)) (zr q * zr (high s)).
Proof. by rewrite /gain zr_max !zrM. Qed.
Lemma gains_fromE tau n : forall qs ss acc, length qs = n -> length ss = n -> zr (gains_from acc tau qs ss) = zr acc +
  \sum_(i < n) Num.max 0 (zr (gain (at_ qs i) (span_at ss i)) - zr tau).
Proof.
elim: n => [|n IH] [|q qs] [|s ss] acc //=; first by rewrite big_ord0 addr0.
by move=> [lq] [ls]; rewrite IH // zrD zr_over big_ord_recl addrA.
Qed.
Lemma losses_fromE n : forall qs ss gone acc, length qs = n -> length ss = n -> length gone = n ->
  zr (losses_from acc qs ss gone) = zr acc +
  \sum_(i < n | List.nth i gone false) zr (gain (Z.opp (at_ qs i)) (span_at ss i)).
Proof.
elim: n => [|n IH] [|q qs] [|s ss] [|g gone] acc //=; first by rewrite big_ord0 addr0.
move=> [lq] [ls] [lg]; rewrite IH // [in RHS]big_mkcond big_ord_recl /= addrA -big_mkcond /=; congr (_ + _).
by case: g; rewrite ?zrD ?addr0.
Qed.

Lemma goesP mays : forall left gone, goes left mays gone -> [/\ length gone = length mays,
  (#|[set i : 'I_(length mays) | List.nth i gone false]| <= Z.to_nat left)%N &
  forall i, List.nth i gone false -> List.nth i mays false].
Proof.
elim: mays => [|m mays IH] left [|g gone] //=.
  by move=> _; split=> //; rewrite (_ : [set _ | _] = set0) ?cards0 //; apply/setP => -[].
have E : [set i : 'I_(length mays).+1 | List.nth i (g :: gone) false] =
    (if g then [set ord0] else set0) :|: [set lift ord0 j | j in [set i : 'I_(length mays) | List.nth i gone false]].
  apply/setP => i; case: (unliftP ord0 i) => [j|] ->; rewrite !inE /=.
    rewrite mem_imset; last exact: lift_inj.
    by rewrite inE; case: (g); rewrite ?inE //= ; case: eqP => // /eqP; rewrite -val_eqE.
  have -> : (ord0 \in [set lift ord0 j | j in [set i : 'I_(length mays) | List.nth i gone false]]) = false.
    by apply/imsetP => -[j _ /eqP]; rewrite -val_eqE.
  by case: (g); rewrite ?inE ?eqxx.
have card : (#|[set i : 'I_(length mays).+1 | List.nth i (g :: gone) false]| <=
    g + #|[set i : 'I_(length mays) | List.nth i gone false]|)%N.
  rewrite E; apply: leq_trans (leq_card_setU _ _) _; rewrite card_imset; last exact: lift_inj.
  by case: (g); rewrite ?cards1 ?cards0.
case: g E card => E card; last first.
  by move=> /IH[-> h1 h2]; split=> //; [exact: leq_trans card h1|case].
move=> /andP[/andP[mT /Z.ltb_lt l0] /IH[-> h1 h2]]; split=> //; last by case.
by apply: leq_trans card _; rewrite add1n; move: h1 l0; clear; set k := #|_|; lia.
Qed.
End Removals.
