(** What the lists of `Relabel.v` hold, entry by entry. *)
From Coq Require Import ZArith List Lia Bool.
From Certify Require Import Packed Relabel.
Import ListNotations.
Local Open Scope Z_scope.

Definition entry (M : list (list Z)) (i j : nat) : Z := nth j (nth i M nil) 0.
Definition wide (p : nat) (M : list (list Z)) := Forall (fun r => length r = p) M.
Definition images (M us : list (list Z)) : list (list Z) := map (fun u => map (fun row => dotz row u) M) us.

Lemma same_lengthP {A B} (a : list A) (b : list B) : same_length a b = true -> length a = length b.
Proof. apply Nat.eqb_eq. Qed.
Lemma zeros_like {A} (l : list A) : zeros (zero_like l) /\ length (zero_like l) = length l.
Proof. split; [now apply Forall_map, Forall_forall|apply map_length]. Qed.
Lemma wide_nth p M i : wide p M -> (i < length M)%nat -> length (nth i M nil) = p.
Proof. intros h hi; unfold wide in h; rewrite Forall_forall in h; now apply h, nth_In. Qed.

Lemma chunks_all {A} k : forall f (l : list A), concat (chunks k f l) = l.
Proof.
induction f as [|f IH]; intros [|x l]; simpl; auto; [now rewrite app_nil_r|].
rewrite IH; apply firstn_skipn.
Qed.
Lemma flat_chunks {A B} k f (l : list A) (g : list A -> list B) (g1 : A -> B) (P : A -> Prop) :
  Forall P l -> (forall c, Forall P c -> g c = map g1 c) -> flat_map g (chunks k f l) = map g1 l.
Proof.
intros hl hg; rewrite <- (chunks_all k f l), Forall_concat, Forall_forall in hl.
rewrite <- (chunks_all k f l) at 2; rewrite flat_map_concat_map, concat_map.
f_equal; apply map_ext_in; auto.
Qed.

Lemma apply_allE k zero M us p : zeros zero -> length zero = p -> wide p us -> apply_all k zero M us = images M us.
Proof.
intros z hz hu; unfold apply_all, images; destruct (max_absP M) as [b0 hM].
apply flat_chunks with (P := fun u => length u = p); [exact hu|].
intros c hc; apply applyE; auto; now rewrite hz.
Qed.

Lemma conses_nth a : forall l i, length a = length l -> (i < length a)%nat ->
  nth i (conses a l) nil = nth i a 0 :: nth i l nil.
Proof. induction a as [|x a IH]; intros [|y l] [|i] h hi; simpl in *; try lia; auto; apply IH; lia. Qed.
Lemma columnsP p M : wide (length p) M ->
  length (columns p M) = length p /\ forall a, (a < length p)%nat ->
  length (nth a (columns p M) nil) = length M /\ forall i, (i < length M)%nat -> entry (columns p M) a i = entry M i a.
Proof.
unfold columns, entry; induction 1 as [|r M hr hM [IHl IH]]; simpl.
- split; [apply map_length|]; intros a ha; split; [|simpl; lia].
  change (@nil Z) with ((fun _ : Z => @nil Z) 0) at 2; now rewrite map_nth.
- assert (hl : length r = length (fold_right conses (map (fun _ => nil) p) M)) by congruence.
  split; [rewrite conses_length; congruence|]; intros a ha; rewrite conses_nth; [|auto|congruence].
  destruct (IH a ha) as [h1 h2]; split; simpl; [now rewrite h1|].
  intros [|i] hi; simpl; auto; apply h2; lia.
Qed.
Lemma columns_wide p M : wide (length p) M -> wide (length M) (columns p M).
Proof.
intros h; destruct (columnsP p M h) as [hl hc]; apply Forall_forall; intros c hin.
destruct (In_nth _ _ nil hin) as [a [ha <-]]; apply hc; congruence.
Qed.

Lemma add_at_length g r : forall k, length (add_at k g r) = length r.
Proof. induction r as [|x r IH]; intros [|k]; simpl; auto. Qed.
Lemma add_at_nth g r : forall k j, (k < length r)%nat ->
  nth j (add_at k g r) 0 = nth j r 0 + if Nat.eqb j k then g else 0.
Proof.
induction r as [|x r IH]; intros [|k] [|j] h; simpl in *; try lia.
rewrite IH; [|lia]; auto.
Qed.
Lemma add_diagonal_entry G : forall k M p, length G = length M -> wide p M -> (k + length M <= p)%nat ->
  length (add_diagonal k G M) = length M /\ wide p (add_diagonal k G M) /\ forall a b, (a < length M)%nat ->
  entry (add_diagonal k G M) a b = entry M a b + if Nat.eqb b (k + a) then nth a G 0 else 0.
Proof.
induction G as [|g G IH]; intros k [|r M] p hl hw hk; simpl in *; try lia.
- split; [auto|split; [constructor|intros; lia]].
- injection hl as hl; inversion hw as [|? ? hr hM]; subst.
  destruct (IH (S k) M (length r) hl hM ltac:(lia)) as [h1 [h2 h3]].
  split; [now rewrite h1|split; [constructor; [apply add_at_length|exact h2]|]].
  intros [|a] b ha; unfold entry in *; simpl.
  + rewrite add_at_nth, Nat.add_0_r; [auto|lia].
  + rewrite h3; [|lia]; now rewrite Nat.add_succ_r.
Qed.

Lemma images_entry M us a i : (a < length us)%nat -> (i < length M)%nat ->
  entry (images M us) a i = dotz (nth i M nil) (nth a us nil).
Proof.
intros ha hi; unfold entry, images.
rewrite (nth_indep _ nil (map (fun row => dotz row nil) M)), (map_nth (fun u => map (fun row => dotz row u) M)) by
  now rewrite map_length.
rewrite (nth_indep _ 0 (dotz nil (nth a us nil))), (map_nth (fun row => dotz row (nth a us nil))) by
  now rewrite map_length.
reflexivity.
Qed.
Lemma images_wide M us : wide (length M) (images M us).
Proof. apply Forall_map, Forall_forall; intros u _; apply map_length. Qed.

(** H, entry by entry: inner products of columns, and the decay on the diagonal. *)
Lemma normal_entry k h p : wide p (rows h) -> length (decay h) = p ->
  let across := columns (decay h) (rows h) in let H := normal_of k h in
  length H = p /\ wide p H /\ forall a b, (a < p)%nat -> (b < p)%nat ->
  entry H a b = dotz (nth b across nil) (nth a across nil) + if Nat.eqb b a then nth a (decay h) 0 else 0.
Proof.
intros hr hd across H; unfold H, normal_of; fold across.
assert (hr' : wide (length (decay h)) (rows h)) by now rewrite hd.
destruct (columnsP _ _ hr') as [cl _]; fold across in cl; rewrite hd in cl.
destruct (zeros_like (rows h)) as [z zl].
rewrite (apply_allE k _ across across (length (rows h)) z zl (columns_wide _ _ hr')).
assert (il : length (images across across) = p) by (unfold images; now rewrite map_length).
assert (iw : wide p (images across across)) by (rewrite <- cl at 1; apply images_wide).
destruct (add_diagonal_entry (decay h) 0 (images across across) p ltac:(congruence) iw ltac:(lia)) as [h1 [h2 h3]].
split; [congruence|split; [exact h2|]]; intros a b ha hb; rewrite h3; [|lia].
now rewrite images_entry by lia.
Qed.

Lemma nth_mapped {A} (f : A -> Z) l i d : (i < length l)%nat -> nth i (map f l) 0 = f (nth i l d).
Proof. intros h; rewrite (nth_indep _ 0 (f d)); [apply map_nth|now rewrite map_length]. Qed.

(* integer square roots, rounded up *)
Lemma sqrt_up X s : 0 <= X -> 0 < s -> let r := Z.sqrt (X / s) + 1 in 0 <= r /\ X <= r * r * s.
Proof.
intros X0 s0 r; assert (x0 : 0 <= X / s) by (apply Z.div_pos; lia).
destruct (Z.sqrt_spec _ x0) as [_ h]; assert (d := Z.mul_succ_div_gt X s s0).
rewrite <- Z.add_1_r in h; fold r in h; split; [assert (p := Z.sqrt_nonneg (X / s)); unfold r; lia|].
assert (X / s + 1 <= r * r) by lia.
assert (g : (X / s + 1) * s <= r * r * s) by (apply Z.mul_le_mono_nonneg_r; lia); lia.
Qed.
