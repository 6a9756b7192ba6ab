(** The loops of `Relabel.v` as sums over any real closed field R. *)
From Coq Require Import ZArith List.
From mathcomp Require Import all_ssreflect all_algebra ring lra zify ssrZ.
From Certify Require Import Euclid Core Checker Packed Relabel Shapes.
Import GRing.Theory Num.Theory Order.Theory.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Local Open Scope ring_scope.

Section Sums.
Variable R : rcfType.
Local Notation zr := (@zr R).
Local Notation at_ l i := (List.nth i l Z0).

Lemma zrN x : zr (Z.opp x) = - zr x.
Proof. by rewrite -[Z.opp x]/(Z.sub 0 x) zrB zr0 sub0r. Qed.
Lemma zrS x y : Z.leb x y = (zr x <= zr y).
Proof. by rewrite /zr ler_int; apply/idP/idP; lia. Qed.
Lemma zrL x y : Z.ltb x y = (zr x < zr y).
Proof. by rewrite /zr ltr_int; apply/idP/idP; lia. Qed.
Lemma zr_max x y : zr (Z.max x y) = Num.max (zr x) (zr y).
Proof.
case: (Z.max_spec x y) => -[h ->]; apply/esym.
  by apply/max_idPr; rewrite -zrS; lia.
by apply/max_idPl; rewrite -zrS; lia.
Qed.
Lemma zr_nat (m : Z) : Z.leb 0 m -> zr m = (Z.to_nat m)%:R.
Proof. by move=> h; rewrite /zr -[RHS]mulrz_nat; congr (_%:~R); lia. Qed.

Lemma residualE s e im p : forall acc, length e = p -> length im = p ->
  zr (residual_from acc s e im) = zr acc + \sum_(a < p) (zr s * zr (at_ e a) - zr (at_ im a)) ^+ 2.
Proof.
elim: p e im => [|p IH] [|x e] [|y im] acc //=; first by rewrite big_ord0 addr0.
by move=> [le] [li]; rewrite IH // zrD zrM zrB zrM big_ord_recl addrA -expr2.
Qed.

Lemma squares_fromE l p : forall acc, length l = p ->
  zr (squares_from acc l) = zr acc + \sum_(a < p) zr (at_ l a) ^+ 2.
Proof.
elim: l p => [|x l IH] [|p] acc //=; first by rewrite big_ord0 addr0.
by move=> [ll]; rewrite (IH p) // zrD zrM big_ord_recl addrA -expr2.
Qed.

Lemma sum_squaresE M m p : forall acc, length M = m -> wide p M ->
  zr (List.fold_left squares_from M acc) = zr acc + \sum_(j < m) \sum_(a < p) zr (entry M j a) ^+ 2.
Proof.
elim: M m => [|c M IH] [|m] acc //=; first by rewrite big_ord0 addr0.
move=> [lM] w; inversion w; subst; rewrite (IH (length M)) // (@squares_fromE c (length c)) // big_ord_recl addrA.
by [].
Qed.

Lemma off_unitE one M p : forall k m, length M = m -> wide p M -> (k + m <= p)%N ->
  zr (off_unit k one M) = \sum_(j < m) \sum_(a < p) (zr (entry M j a) - zr one *+ (a == (k + j)%N :> nat)) ^+ 2.
Proof.
elim: M => [|c M IH] k [|m] //=; first by rewrite big_ord0.
move=> [lM] w km; inversion w as [|? ? lc wM]; subst; rewrite zrD (IH k.+1 (length M)) //; last by lia.
rewrite (@squares_fromE _ (length c)) ?add_at_length // zr0 add0r big_ord_recl; congr (_ + _).
  apply: eq_bigr => a _; rewrite add_at_nth; last by lia.
  rewrite addn0 zrD; congr ((_ + _) ^+ 2).
  have -> : Nat.eqb a k = (a == k :> nat) by apply/idP/idP => [/Nat.eqb_eq/eqP//|/eqP->]; rewrite Nat.eqb_refl.
  by case: (_ == _); rewrite ?zrN ?mulr1n ?mulr0n ?oppr0 ?zr0.
by apply: eq_bigr => j _; apply: eq_bigr => a _; rewrite lift0 addnS.
Qed.

Lemma excess_fromE tau qs ts cs n : forall acc, length qs = n -> length ts = n -> length cs = n ->
  zr (excess_from acc tau qs ts cs) = zr acc +
  \sum_(i < n) Num.max 0 (zr (swing (at_ qs i) (at_ ts i) (List.nth i cs nil)) - zr tau).
Proof.
elim: n qs ts cs => [|n IH] [|q qs] [|t ts] [|c cs] acc //=; first by rewrite big_ord0 addr0.
by move=> [lq] [lt] [lc]; rewrite IH // zrD zr_max zrB zr0 big_ord_recl addrA.
Qed.

Lemma total_fromE ts cs n : forall acc, length ts = n -> length cs = n ->
  zr (total_from acc ts cs) = zr acc +
  \sum_(i < n) zr (largest_square (Z.mul (at_ ts i) (at_ ts i)) (List.nth i cs nil)).
Proof.
elim: n ts cs => [|n IH] [|t ts] [|c cs] acc //=; first by rewrite big_ord0 addr0.
by move=> [lt] [lc]; rewrite IH // zrD big_ord_recl addrA.
Qed.

Lemma swing_ge0 q t cs : 0 <= zr (swing q t cs).
Proof. by elim: cs => [|c cs IH] /=; [rewrite zr0|rewrite zr_max le_max IH orbT]. Qed.
Lemma swing_ge q t cs c : c \in cs -> zr q * (zr t - zr c) <= zr (swing q t cs).
Proof.
elim: cs => [//|d cs IH] /=; rewrite in_cons zr_max le_max zrM zrB => /orP[/eqP->|/IH->]; first by rewrite lexx.
by rewrite orbT.
Qed.

Lemma largest_square_ge cs : forall acc, zr acc <= zr (largest_square acc cs) /\
  forall c, c \in cs -> zr c ^+ 2 <= zr (largest_square acc cs).
Proof.
elim: cs => [|d cs IH] acc /=; first by split.
have [a b] := IH (Z.max acc (Z.mul d d)); rewrite zr_max zrM -expr2 in a; rewrite ge_max in a.
case/andP: a => a1 a2; split=> // c; rewrite in_cons => /orP[/eqP->//|]; exact: b.
Qed.

Lemma length_root X (x : R) : x = zr X -> 0 <= x -> Num.sqrt x <= zr (Z.add (Z.sqrt X) (Zpos xH)).
Proof.
move=> xE x0; have X0 : Z.le Z0 X by apply/Z.leb_le; rewrite zrS zr0 -xE.
have [r0 rE] := sqrt_up _ _ X0 Z.lt_0_1; rewrite Z.div_1_r Z.mul_1_r in r0 rE.
move/Z.leb_le: r0; move/Z.leb_le: rE; rewrite !zrS zr0 zrM -xE => le r0.
by rewrite -(ger0_norm r0) -sqrtr_sqr ler_wsqrtr // expr2.
Qed.

Lemma root_up X (x k : R) : 0 < k -> x = zr X / k ^+ 2 -> 0 <= x ->
  Num.sqrt x <= zr (Z.add (Z.sqrt X) (Zpos xH)) / k.
Proof.
move=> k0 xE x0; have k2 : 0 < k ^+ 2 by rewrite exprn_gt0.
have E : x * k ^+ 2 = zr X by rewrite xE divfK // gt_eqF.
rewrite ler_pdivlMr // -[k in leLHS](gtr0_norm k0) -sqrtr_sqr -sqrtrM //.
by apply: (length_root E); rewrite mulr_ge0 // ltW.
Qed.

Lemma leastP l x : List.In x l -> Z.leb (least l) x.
Proof.
case: l => [//|y l] /=; have h : forall l a, (Z.leb (List.fold_left Z.min l a) a) /\
  (forall x, List.In x l -> Z.leb (List.fold_left Z.min l a) x).
  elim=> [|z l' IH] a /=; first by split=> //; exact: Z.leb_refl.
  have [h1 h2] := IH (Z.min a z); split; first by lia.
  by move=> w [<-|/h2//]; lia.
have [h1 h2] := h l y; move=> [<-//|/h2//].
Qed.

(* a permitted list of new targets differs in few places, and there by codes *)
Lemma permittedP ts : forall left cs news, permitted left ts cs news ->
  [/\ length news = length ts, length cs = length ts &
    exists2 M : {set 'I_(length ts)}, (#|M| <= Z.to_nat left)%N &
    forall i, if i \in M then at_ news i \in List.nth i cs nil : Prop else at_ news i = at_ ts i].
Proof.
elim: ts => [|t ts IH] left [|c cs] [|x news] //=.
  by move=> _; split=> //; exists set0; [rewrite cards0|case].
have liftM (M : {set 'I_(length ts)}) i : (lift ord0 i \in [set lift ord0 j | j in M]) = (i \in M).
  by rewrite mem_imset //; exact: lift_inj.
have not0 (M : {set 'I_(length ts)}) : (ord0 \in [set lift ord0 j | j in M]) = false.
  by apply/imsetP => -[j _ /eqP]; rewrite -val_eqE.
case: (Z.eqb_spec t x) => [->|ne].
  move=> /IH[h1 h2 [M hM hi]]; split; rewrite ?h1 ?h2 //; exists [set lift ord0 j | j in M].
    by rewrite card_imset //; exact: lift_inj.
  by move=> i; case: (unliftP ord0 i) => [j|] ->; rewrite ?liftM ?not0 //=; exact: hi.
move=> /andP[/andP[l0 /List.existsb_exists[y [hy /Z.eqb_eq xy]]]] /IH[h1 h2 [M hM hi]].
split; rewrite ?h1 ?h2 //; exists (ord0 |: [set lift ord0 j | j in M]).
  rewrite cardsU1 not0 card_imset; last exact: lift_inj.
  by move/Z.ltb_lt: l0 => l0; rewrite /= add1n; move: hM l0; clear; set k := #|M|; lia.
move=> i; case: (unliftP ord0 i) => [j|] ->; rewrite !inE /=; last first.
  rewrite {}xy; elim: c hy {ne l0 h1 h2 hi} => [//|d c IHc] /= [->|/IHc]; rewrite in_cons ?eqxx // => ->.
  by rewrite orbT.
by rewrite liftM; exact: hi.
Qed.
End Sums.
