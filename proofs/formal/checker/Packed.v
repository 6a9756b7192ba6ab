(** Products of an integer matrix with many vectors at once: the vectors are packed into one long integer for each
    column, w bits a vector, so that one multiplication of long integers serves all of them. What comes out is proved
    to be the plain inner products, whatever the numbers are (`applyE`). *)
From Coq Require Import ZArith List Lia.
Import ListNotations.
Local Open Scope Z_scope.

Fixpoint dotz (a b : list Z) : Z :=
  match a, b with x :: a', y :: b' => x * y + dotz a' b' | _, _ => 0 end.
(* the same from the front, so that no stack grows *)
Fixpoint dot_from (acc : Z) (a b : list Z) : Z :=
  match a, b with x :: a', y :: b' => dot_from (acc + x * y) a' b' | _, _ => acc end.
Fixpoint max_from (acc : Z) (l : list Z) : Z :=
  match l with x :: l' => max_from (Z.max acc (Z.abs x)) l' | nil => acc end.
Definition max_abs (M : list (list Z)) : Z := List.fold_left max_from M 0.

Fixpoint push (w : Z) (u acc : list Z) : list Z :=
  match u, acc with x :: u', a :: acc' => (x + Z.shiftl a w) :: push w u' acc' | _, _ => nil end.
Fixpoint pack (w : Z) (zero : list Z) (us : list (list Z)) : list Z :=
  match us with u :: us' => push w u (pack w zero us') | nil => zero end.
(* balanced digits, one for each element of us *)
Fixpoint unpack (w half : Z) (us : list (list Z)) (N : Z) : list Z :=
  match us with
  | _ :: us' => let high := Z.shiftr (N + half) w in (N - Z.shiftl high w) :: unpack w half us' high
  | nil => nil
  end.
Fixpoint conses (a : list Z) (l : list (list Z)) : list (list Z) :=
  match a, l with x :: a', y :: l' => (x :: y) :: conses a' l' | _, _ => nil end.

(* us, each by all rows of M; zero: as many zeros as a row has entries; big: at least max_abs M *)
Definition apply (big : Z) (zero : list Z) (M us : list (list Z)) : list (list Z) :=
  let w := Z.log2 (1 + Z.of_nat (List.length zero) * (big * max_abs us)) + 2 in
  let half := Z.shiftl 1 (w - 1) in
  let packed := pack w zero us in
  List.fold_right (fun row => conses (unpack w half us (dot_from 0 row packed))) (List.map (fun _ => nil) us) M.

Lemma dot_fromE a : forall acc b, dot_from acc a b = acc + dotz a b.
Proof. induction a as [|x a IH]; intros acc [|y b]; simpl; try lia; rewrite IH; lia. Qed.

Lemma max_from_le l : forall acc, acc <= max_from acc l /\ Forall (fun x => Z.abs x <= max_from acc l) l.
Proof.
induction l as [|x l IH]; intros acc; simpl; [split; [lia|constructor]|].
destruct (IH (Z.max acc (Z.abs x))) as [a b]; split; [lia|constructor; [lia|exact b]].
Qed.

Lemma max_abs_from M : forall acc, acc <= fold_left max_from M acc /\
  Forall (Forall (fun x => Z.abs x <= fold_left max_from M acc)) M.
Proof.
induction M as [|r M IH]; intros acc; simpl; [split; [lia|constructor]|].
destruct (IH (max_from acc r)) as [a b]; destruct (max_from_le r acc) as [c d].
split; [lia|constructor; [|exact b]].
revert d; apply Forall_impl; intros x; lia.
Qed.
Lemma max_absP M : 0 <= max_abs M /\ Forall (Forall (fun x => Z.abs x <= max_abs M)) M.
Proof. exact (max_abs_from M 0). Qed.

Definition zeros (z : list Z) := Forall (fun x => x = 0) z.
Lemma dotz_zeros r : forall z, zeros z -> dotz r z = 0.
Proof.
induction r as [|x r IH]; intros [|y z] h; simpl; auto.
inversion h; subst; rewrite IH; auto; lia.
Qed.

Lemma push_length w u : forall acc, length acc = length u -> length (push w u acc) = length u.
Proof. induction u as [|x u IH]; intros [|a acc] h; simpl in *; auto. Qed.
Lemma dotz_push w (w0 : 0 <= w) r : forall u acc, length acc = length u ->
  dotz r (push w u acc) = dotz r u + 2 ^ w * dotz r acc.
Proof.
induction r as [|x r IH]; intros [|y u] [|a acc] h; simpl in *; try lia.
injection h as h; rewrite (IH u acc h), Z.shiftl_mul_pow2; auto; ring.
Qed.

Fixpoint value (w : Z) (ds : list Z) : Z := match ds with d :: ds' => d + 2 ^ w * value w ds' | nil => 0 end.
Lemma pack_value w zero us (w0 : 0 <= w) r : zeros zero -> Forall (fun u => length u = length zero) us ->
  length (pack w zero us) = length zero /\ dotz r (pack w zero us) = value w (map (dotz r) us).
Proof.
intros z h; induction h as [|u us hu h [IHl IH]]; simpl; [split; [auto|now apply dotz_zeros]|].
split; [rewrite push_length; congruence|].
rewrite dotz_push; [|auto|congruence]; now rewrite IH.
Qed.

Lemma unpack_value w half us : forall ds, 1 <= w -> half = 2 ^ (w - 1) -> length ds = length us ->
  Forall (fun d => Z.abs d < half) ds -> unpack w half us (value w ds) = ds.
Proof.
induction us as [|u us IH]; intros [|d ds] w1 hh hl h; simpl in *; try discriminate; auto.
inversion h as [|? ? hd hds]; subst; injection hl as hl.
assert (E : 2 ^ w = 2 * 2 ^ (w - 1)).
{ rewrite <- Z.pow_succ_r; [f_equal; lia|lia]. }
assert (H : Z.shiftr (d + 2 ^ w * value w ds + 2 ^ (w - 1)) w = value w ds).
{ rewrite Z.shiftr_div_pow2; [|lia].
  replace (d + 2 ^ w * value w ds + 2 ^ (w - 1)) with ((d + 2 ^ (w - 1)) + value w ds * 2 ^ w) by ring.
  rewrite Z.div_add; [|lia]; rewrite Z.div_small; lia. }
rewrite H, Z.shiftl_mul_pow2; [|lia]; f_equal; [ring|]; now apply IH.
Qed.

Lemma dotz_bound a b : 0 <= a -> 0 <= b -> forall r u, Forall (fun x => Z.abs x <= a) r ->
  Forall (fun x => Z.abs x <= b) u -> Z.abs (dotz r u) <= Z.of_nat (length u) * (a * b).
Proof.
intros a0 b0 r; induction r as [|x r IH]; intros [|y u] hr hu; simpl dotz; simpl length; try nia.
inversion hr as [|? ? hx hr']; inversion hu as [|? ? hy hu']; subst; specialize (IH u hr' hu').
assert (hxy : Z.abs (x * y) <= a * b) by (rewrite Z.abs_mul; apply Z.mul_le_mono_nonneg; lia).
rewrite Nat2Z.inj_succ, Z.mul_succ_l; lia.
Qed.

Lemma conses_length a : forall l, length a = length l -> length (conses a l) = length l.
Proof. induction a as [|x a IH]; intros [|y l] h; simpl in *; auto. Qed.
Lemma conses_map (f : list Z -> Z) (g : list Z -> list Z) us :
  conses (map f us) (map g us) = map (fun u => f u :: g u) us.
Proof. induction us as [|u us IH]; simpl; [auto|now rewrite IH]. Qed.

(** What `apply` computes: entry i of its answer for u is row i of M by u. *)
Theorem applyE big zero M us : zeros zero -> 0 <= big -> Forall (Forall (fun x => Z.abs x <= big)) M ->
  Forall (fun u => length u = length zero) us ->
  apply big zero M us = map (fun u => map (fun row => dotz row u) M) us.
Proof.
intros z b0 hM hus; unfold apply.
set (X := Z.of_nat (length zero) * (big * max_abs us)); set (w := Z.log2 (1 + X) + 2).
destruct (max_absP us) as [m0 hm].
assert (X0 : 0 <= X) by (unfold X; apply Z.mul_nonneg_nonneg; [lia|now apply Z.mul_nonneg_nonneg]).
assert (l0 := Z.log2_nonneg (1 + X)).
assert (Hw : 1 + X < 2 ^ (w - 1)).
{ replace (w - 1) with (Z.succ (Z.log2 (1 + X))) by (unfold w; lia); apply Z.log2_spec; lia. }
induction hM as [|row M hr hM IH]; simpl; [auto|].
rewrite IH, dot_fromE, Z.add_0_l.
destruct (@pack_value w zero us ltac:(unfold w; lia) row z hus) as [_ ->].
rewrite unpack_value; [apply conses_map|unfold w; lia| |now rewrite map_length|].
- rewrite Z.shiftl_mul_pow2; [lia|unfold w; lia].
- apply Forall_map, Forall_forall; intros u hu.
  rewrite Forall_forall in hus, hm; specialize (hus u hu); specialize (hm u hu).
  assert (h := dotz_bound big (max_abs us) b0 m0 row u hr hm); rewrite hus in h; fold X in h.
  rewrite Z.shiftl_mul_pow2; [lia|unfold w; lia].
Qed.
