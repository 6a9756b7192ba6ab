(** An executable check over exact integers, proved to be right by Core.v. A = MA/dA (n x m), X = MX/dX (m x n,
    stored as the list of its columns), MA and MX of integers. It says yes iff all sizes fit, n > 0 and
       ||I - A X||_F^2 <= (qn/qd)^2,  qn < qd,   ||X||_F^2 <= (rn/rd)^2.
    No part of the product calls it. *)
From Coq Require Import ZArith List.
From mathcomp Require Import all_ssreflect all_algebra ring lra zify ssrZ.
From Certify Require Import Euclid Core Packed.
Import GRing.Theory Num.Theory Order.Theory.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.

Section Code.
Local Open Scope Z_scope.
Fixpoint sumz (l : list Z) : Z := match l with x :: l' => x + sumz l' | nil => 0 end.
Fixpoint iotan (i n : nat) : list nat :=
  match n with O => nil | S n' => i :: iotan (S i) n' end.
Definition sqz (x : Z) := x * x.
Definition row_res (D : Z) (i n : nat) (a : list Z) (Xt : list (list Z)) : Z :=
  sumz (List.map (fun j => sqz ((if Nat.eqb i j then D else 0)
                                - dotz a (List.nth j Xt nil))) (iotan 0 n)).
Definition res2 (D : Z) (n : nat) (A Xt : list (list Z)) : Z :=
  sumz (List.map (fun i => row_res D i n (List.nth i A nil) Xt) (iotan 0 n)).
Definition sqnorm (Xt : list (list Z)) (n : nat) : Z :=
  sumz (List.map (fun j => let x := List.nth j Xt nil in dotz x x) (iotan 0 n)).
Definition lenok (m : nat) (n : nat) (M : list (list Z)) : bool :=
  List.forallb (fun i => Nat.eqb (List.length (List.nth i M nil)) m) (iotan 0 n).

Definition check (n m : nat) (A Xt : list (list Z)) (dA dX qn qd rn rd : Z) : bool :=
  (lenok m n A && lenok m n Xt
  && Z.ltb 0 dA && Z.ltb 0 dX && Z.leb 0 qn && Z.ltb qn qd && Z.ltb 0 rn && Z.ltb 0 rd
  && Z.leb (res2 (dA * dX) n A Xt * (qd * qd)) (qn * qn * sqz (dA * dX))
  && Z.leb (sqnorm Xt n * (rd * rd)) (rn * rn * (dX * dX))
  && (Nat.ltb 0 n && Nat.eqb (List.length A) n && Nat.eqb (List.length Xt) n))%bool.
End Code.

Section Soundness.
Variable R : rcfType.
Local Open Scope ring_scope.
Definition zr (z : Z) : R := (int_of_Z z)%:~R.
Lemma zrD x y : zr (Z.add x y) = zr x + zr y.
Proof. by rewrite /zr -rmorphD -[in RHS]rmorphD. Qed.
Lemma zrM x y : zr (Z.mul x y) = zr x * zr y.
Proof. by rewrite /zr -rmorphM -[in RHS]rmorphM. Qed.
Lemma zrB x y : zr (Z.sub x y) = zr x - zr y.
Proof. by rewrite /zr -rmorphB -[in RHS]rmorphB. Qed.
Lemma zr0 : zr Z0 = 0. Proof. by []. Qed.
Lemma zr_le x y : Z.leb x y -> zr x <= zr y.
Proof. by rewrite /zr ler_int => ?; lia. Qed.
Lemma zr_lt x y : Z.ltb x y -> zr x < zr y.
Proof. by rewrite /zr ltr_int => ?; lia. Qed.

Lemma sumzE (f : nat -> Z) i n :
  zr (sumz (List.map f (iotan i n))) = \sum_(j < n) zr (f (i + j)%N).
Proof.
elim: n i => [|n IH] i /=; first by rewrite big_ord0.
rewrite zrD IH big_ord_recl addn0; congr (_ + _).
by apply: eq_bigr => j _; rewrite /= addSnnS.
Qed.

Lemma dotzE a b m : length a = m -> length b = m ->
  zr (dotz a b) = \sum_(j < m) zr (List.nth j a Z0) * zr (List.nth j b Z0).
Proof.
elim: a b m => [|x a IH] [|y b] [|m] //=; first by rewrite big_ord0.
move=> [la] [lb]; rewrite zrD zrM (IH _ m) // big_ord_recl /=.
by congr (_ + _).
Qed.

Definition mxof (n m : nat) (d : Z) (M : list (list Z)) : 'M[R]_(n, m) :=
  \matrix_(i, j) (zr (List.nth j (List.nth i M nil) Z0) / zr d).

Lemma lenokP m n M i : lenok m n M -> (i < n)%N -> length (List.nth i M nil) = m.
Proof.
move=> /List.forallb_forall h lti; apply/Nat.eqb_eq/h.
suff H k : (k <= i < k + n)%N -> List.In i (iotan k n) by exact: (H 0%N).
move=> {h lti}; elim: n k => [|n IH] k /=; first by lia.
by move=> h; case: (eqVneq k i) => [->|ne]; [left|right; apply: IH; lia].
Qed.

(** What the integers say, said about the matrices. *)
Theorem check_sound n m A Xt dA dX qn qd rn rd :
  check n m A Xt dA dX qn qd rn rd ->
  let MA := mxof n m dA A in let MX := (mxof n m dX Xt)^T in
  let q := zr qn / zr qd in let r := zr rn / zr rd in
  [/\ 0 <= q < 1, 0 < r, opbnd (1%:M - MA *m MX) q & opbnd MX r].
Proof.
move=> /andP[+ _].
move=> /andP[/andP[/andP[/andP[/andP[/andP[/andP[/andP[/andP[]]]]]]]]].
move=> lA lX /zr_lt dA0 /zr_lt dX0 /zr_le qn0 /[dup] /zr_lt qnd qd0' /zr_lt rn0 /zr_lt rd0.
move=> /zr_le hres /zr_le hnrm MA MX q r; rewrite !zr0 in dA0 dX0 qn0 rn0 rd0.
have qd0 : 0 < zr qd by exact: le_lt_trans qnd.
have q0 : 0 <= q by rewrite divr_ge0 // ltW.
have r0 : 0 < r by rewrite divr_gt0.
split=> //; first by rewrite q0 /= ltr_pdivrMr // mul1r.
- apply: fro2_opbnd => //.
  set D := zr dA * zr dX; have D0 : 0 < D by rewrite mulr_gt0.
  have E : fro2 (1%:M - MA *m MX) = zr (res2 (Z.mul dA dX) n A Xt) / D ^+ 2.
    rewrite /res2 sumzE /fro2 big_distrl /=; apply: eq_bigr => i _.
    rewrite add0n; cbv beta; rewrite /row_res sumzE big_distrl /=; apply: eq_bigr => j _.
    rewrite add0n /sqz; cbv beta; rewrite zrM -expr2 -expr_div_n; congr (_ ^+ 2).
    rewrite zrB (@dotzE _ _ m) ?(lenokP lA) ?(lenokP lX) // !mxE mulrBl; congr (_ - _).
      have -> : Nat.eqb i j = (i == j).
        by apply/idP/idP => [/Nat.eqb_eq/val_inj->//|/eqP->]; rewrite Nat.eqb_refl.
      by case: (i == j); rewrite /= ?zrM ?zr0 ?mul0r // divff // gt_eqF.
    rewrite big_distrl /=; apply: eq_bigr => k _; rewrite !mxE /D.
    by rewrite invfM mulrACA.
  rewrite E ler_pdivrMr ?exprn_gt0 // /q expr_div_n mulrAC ler_pdivlMr ?exprn_gt0 //.
  by move: hres; rewrite /sqz !zrM -!expr2.
- apply: fro2_opbnd; first exact: ltW.
  have E : fro2 MX = zr (sqnorm Xt n) / zr dX ^+ 2.
    rewrite /sqnorm sumzE fro2_cols big_distrl /=; apply: eq_bigr => j _.
    rewrite add0n; cbv beta zeta; rewrite (@dotzE _ _ m) ?(lenokP lX) // big_distrl; apply: eq_bigr => k _ /=.
    by rewrite !mxE expr2 invfM mulrACA.
  rewrite E ler_pdivrMr ?exprn_gt0 // /r expr_div_n mulrAC ler_pdivlMr ?exprn_gt0 //.
  by move: hnrm; rewrite !zrM -!expr2.
Qed.

(** An empty problem is refused, whatever the rest says: it would be true, and about nothing. *)
Theorem check_refuses_empty m A Xt dA dX qn qd rn rd : check 0 m A Xt dA dX qn qd rn rd = false.
Proof. by rewrite /check /= andbF. Qed.

(** A yes proves that A has full row rank, that its smallest singular value is at least (1 - q)/r, and that it has a
    right inverse of norm at most r/(1 - q). *)
Corollary check_certifies n m A Xt dA dX qn qd rn rd :
  check n m A Xt dA dX qn qd rn rd ->
  let MA := mxof n m dA A in
  let q := zr qn / zr qd in let r := zr rn / zr rd in
  [/\ \rank MA = n, smin_ge MA ((1 - q) / r)
    & exists2 B, MA *m B = 1%:M & opbnd B (r / (1 - q))].
Proof.
move=> /check_sound [/andP[q0 q1] r0 hq hr] MA q r.
have [rk AB hB] := approx_right_inverse q1 (ltW r0) hq hr.
split=> //; first exact: (approx_smin q1 (ltW r0) hq hr r0).
by exists ((mxof n m dX Xt)^T *m invmx (MA *m (mxof n m dX Xt)^T)).
Qed.
End Soundness.

