(** R2 of proofs/rounding.md as it is used: ANY order of summation, with or without fused multiply-add. *)
From Coq Require Import Reals Lra Lia Psatz.
From Flocq Require Import Core Relative Plus_error.
From Certify Require Import FloatDot.
Local Open Scope R_scope.
Section Tree.
Variables (beta : radix) (emin prec : Z).
Context {prec_gt_0_ : Prec_gt_0 prec}.
Variable choice : Z -> bool.
Notation rnd := (round beta (FLT_exp emin prec) (Znearest choice)).
Notation u := (u_ro beta prec).
Notation ur := (u / (1 + u)).
Notation eta := (/ 2 * bpow beta emin).

(* p stands for an exact product x_i*y_i *)
Inductive tree := Leaf (p : R) | Node (a b : tree) | Fma (a : tree) (p : R).
Fixpoint ev t := match t with
  | Leaf p => rnd p | Node a b => rnd (ev a + ev b) | Fma a p => rnd (ev a + p) end.
Fixpoint ex t := match t with Leaf p => p | Node a b => ex a + ex b | Fma a p => ex a + p end.
Fixpoint ab t := match t with
  | Leaf p => Rabs p | Node a b => ab a + ab b | Fma a p => ab a + Rabs p end.
Fixpoint cnt t := match t with Leaf p => 1 | Node a b => cnt a + cnt b | Fma a p => cnt a + 1 end.
Fixpoint good t := match t with
  | Leaf p => Rabs (rnd p - p) <= ur * Rabs p
  | Node a b => good a /\ good b
  | Fma a p => good a /\ Rabs (rnd (ev a + p) - (ev a + p)) <= ur * Rabs (ev a + p) end.

Lemma cnt_ge1 t : 1 <= cnt t. Proof. induction t; simpl; lra. Qed.
Lemma ab_ge0 t : 0 <= ab t.
Proof. induction t; simpl; try assert (H := Rabs_pos p); lra. Qed.
Lemma ex_ab t : Rabs (ex t) <= ab t.
Proof.
induction t; simpl; [lra| |]; eapply Rle_trans; try apply Rabs_triang; lra.
Qed.
Lemma ev_format t : generic_format beta (FLT_exp emin prec) (ev t).
Proof. destruct t; apply generic_format_round; auto with typeclass_instances. Qed.
Lemma ev_ab t D : Rabs (ev t - ex t) <= D -> Rabs (ev t) <= ab t + D.
Proof.
intros H. replace (ev t) with (ex t + (ev t - ex t)) by ring.
eapply Rle_trans; [apply Rabs_triang|]. assert (E := ex_ab t). lra.
Qed.

Local Opaque u_ro bpow.
Lemma node_step n1 n2 S1 S2 d : 1 <= n1 -> 1 <= n2 -> 0 <= S1 -> 0 <= S2 ->
  d <= S1 + n1 * u * S1 -> d <= S2 + n2 * u * S2 ->
  d <= ur * ((S1 + n1 * u * S1) + (S2 + n2 * u * S2)) ->
  d <= n2 * u * S1 + n1 * u * S2.
Proof.
intros N1 N2 P1 P2 H1 H2 H3.
assert (U := ur_bnd beta prec). assert (U0 := u_pos beta prec). assert (E := ur_mul beta prec).
destruct (Rle_or_lt S2 (u * S1)) as [c|c].
{ destruct (Rle_or_lt S2 S1) as [c'|c'].
  - assert (0 <= (n2 - 1) * u * (S1 - S2)) by (repeat apply Rmult_le_pos; lra).
    assert (0 <= (n1 - 1) * u * S2) by (repeat apply Rmult_le_pos; lra). lra.
  - assert (0 <= (n2 - 1) * u * S1) by (repeat apply Rmult_le_pos; lra).
    assert (0 <= n1 * u * (S2 - S1)) by (repeat apply Rmult_le_pos; lra). lra. }
destruct (Rle_or_lt S1 (u * S2)) as [c2|c2].
{ destruct (Rle_or_lt S1 S2) as [c'|c'].
  - assert (0 <= (n1 - 1) * u * (S2 - S1)) by (repeat apply Rmult_le_pos; lra).
    assert (0 <= (n2 - 1) * u * S1) by (repeat apply Rmult_le_pos; lra). lra.
  - assert (0 <= (n1 - 1) * u * S2) by (repeat apply Rmult_le_pos; lra).
    assert (0 <= n2 * u * (S1 - S2)) by (repeat apply Rmult_le_pos; lra). lra. }
apply Rle_trans with (1 := H3).
set (r := u / (1 + u)) in *.
assert (A1 : 0 <= (n2 - 1) * u * (S1 - r * S2)).
{ repeat apply Rmult_le_pos; try lra. assert (r * S2 <= u * S2) by (apply Rmult_le_compat_r; lra). lra. }
assert (A2 : 0 <= (n1 - 1) * u * (S2 - r * S1)).
{ repeat apply Rmult_le_pos; try lra. assert (r * S1 <= u * S1) by (apply Rmult_le_compat_r; lra). lra. }
assert (E1 : u * S1 = r * (1 + u) * S1) by (rewrite <- E; ring).
assert (E2 : u * S2 = r * (1 + u) * S2) by (rewrite <- E; ring).
lra.
Qed.

Lemma fma_step n1 S P d : 1 <= n1 -> 0 <= S -> 0 <= P ->
  d <= P -> d <= ur * ((S + n1 * u * S) + P) -> d <= n1 * u * P + u * S + u * P.
Proof.
intros N1 HS HP H1 H2.
assert (U := ur_bnd beta prec). assert (U0 := u_pos beta prec).
assert (0 <= n1 * u * P) by (repeat apply Rmult_le_pos; lra).
assert (0 <= u * P) by (apply Rmult_le_pos; lra).
destruct (Rle_or_lt P (u * S)) as [c|c]; [lra|].
set (r := u / (1 + u)) in *. apply Rle_trans with (1 := H2).
assert (r * S <= u * S) by (apply Rmult_le_compat_r; lra).
assert (r * P <= u * P) by (apply Rmult_le_compat_r; lra).
assert (r * (n1 * u * S) <= u * (n1 * P)).
{ apply Rmult_le_compat; try lra; [repeat apply Rmult_le_pos; lra|].
  rewrite Rmult_assoc. apply Rmult_le_compat_l; lra. }
lra.
Qed.

Theorem tree_bound_rel t : good t -> Rabs (ev t - ex t) <= cnt t * u * ab t.
Proof.
assert (U := ur_bnd beta prec). assert (U0 := u_pos beta prec).
induction t as [p|a IHa b IHb|a IHa p]; simpl.
- intros H. rewrite Rmult_1_l. apply Rle_trans with (1 := H).
  apply Rmult_le_compat_r; [apply Rabs_pos|apply U].
- intros [Ga Gb]. specialize (IHa Ga). specialize (IHb Gb).
  set (d := rnd (ev a + ev b) - (ev a + ev b)).
  replace (rnd (ev a + ev b) - (ex a + ex b))
    with ((ev a - ex a) + (ev b - ex b) + d) by (unfold d; ring).
  eapply Rle_trans; [apply Rabs_triang|].
  eapply Rle_trans; [apply Rplus_le_compat_r, Rabs_triang|].
  assert (Qa := ev_ab _ _ IHa). assert (Qb := ev_ab _ _ IHb).
  assert (K : Rabs d <= cnt b * u * ab a + cnt a * u * ab b).
  { apply node_step; try apply cnt_ge1; try apply ab_ge0.
    - eapply Rle_trans; [|exact Qa]. unfold d. rewrite (Rplus_comm (ev a)).
      apply add_near; auto; apply ev_format.
    - eapply Rle_trans; [|exact Qb]. apply add_near; auto; apply ev_format.
    - eapply Rle_trans; [apply add_rel; auto; apply ev_format|].
      apply Rmult_le_compat_l; [lra|].
      eapply Rle_trans; [apply Rabs_triang|]. lra. }
  lra.
- intros [Ga Hr]. specialize (IHa Ga).
  set (d := rnd (ev a + p) - (ev a + p)) in *.
  replace (rnd (ev a + p) - (ex a + p)) with ((ev a - ex a) + d) by (unfold d; ring).
  eapply Rle_trans; [apply Rabs_triang|].
  assert (Qa := ev_ab _ _ IHa).
  assert (K : Rabs d <= cnt a * u * Rabs p + u * ab a + u * Rabs p).
  { apply fma_step; try apply cnt_ge1; try apply ab_ge0; try apply Rabs_pos.
    - apply add_near; auto; apply ev_format.
    - apply Rle_trans with (1 := Hr). apply Rmult_le_compat_l; [lra|].
      eapply Rle_trans; [apply Rabs_triang|]. lra. }
  lra.
Qed.

(* gradual underflow *)
Lemma tree_separate t : exists t', ev t' = ev t /\ good t' /\ cnt t' = cnt t /\
  Rabs (ex t' - ex t) <= cnt t * eta /\ ab t' <= ab t + cnt t * eta.
Proof.
induction t as [p|a (a' & Ea & Ga & Ca & Xa & Ba) b (b' & Eb & Gb & Cb & Xb & Bb)
               |a (a' & Ea & Ga & Ca & Xa & Ba) p].
- destruct (relative_error_N_FLT'_ex_separate beta emin prec prec_gt_0_ choice p)
    as (p' & R1 & (et & Het & Ep) & (ep & Hep & R2)).
  exists (Leaf p'); simpl. split; [exact R1|]. split.
  { rewrite R2. replace (p' * (1 + ep) - p') with (ep * p') by ring. rewrite Rabs_mult.
    apply Rmult_le_compat_r; [apply Rabs_pos|exact Hep]. }
  split; [reflexivity|]. rewrite Ep. split.
  + replace (p + et - p) with et by ring. lra.
  + assert (T := Rabs_triang p et). lra.
- exists (Node a' b'); simpl. rewrite Ea, Eb, Ca, Cb. repeat split; auto.
  + replace (ex a' + ex b' - (ex a + ex b)) with ((ex a' - ex a) + (ex b' - ex b)) by ring.
    eapply Rle_trans; [apply Rabs_triang|]. lra.
  + lra.
- destruct (relative_error_N_FLT'_ex_separate beta emin prec prec_gt_0_ choice (ev a + p))
    as (x' & R1 & (et & Het & Ep) & (ep & Hep & R2)).
  exists (Fma a' (p + et)); simpl. rewrite Ea, Ca.
  replace (ev a + (p + et)) with x' by (rewrite Ep; ring).
  split; [exact R1|]. split.
  { split; [exact Ga|]. rewrite R2.
    replace (x' * (1 + ep) - x') with (ep * x') by ring. rewrite Rabs_mult.
    apply Rmult_le_compat_r; [apply Rabs_pos|exact Hep]. }
  split; [reflexivity|]. split.
  + replace (ex a' + (p + et) - (ex a + p)) with ((ex a' - ex a) + et) by ring.
    eapply Rle_trans; [apply Rabs_triang|]. lra.
  + assert (T := Rabs_triang p et). lra.
Qed.

(** A tree over n exact products errs by at most n u sum |x_i y_i| + n (1 + n u) eta: every float of the prover
    rests on it (`certify/rigor/fp.py`; the code has (n + 2) u, R0 pays for flushed underflow). The checker has
    no floats. *)
Theorem tree_error t :
  Rabs (ev t - ex t) <= cnt t * u * ab t + cnt t * (1 + cnt t * u) * eta.
Proof.
destruct (tree_separate t) as (t' & E & G & C & X & B).
assert (H := tree_bound_rel t' G). rewrite E, C in H.
assert (U0 := u_pos beta prec). assert (N := cnt_ge1 t).
replace (ev t - ex t) with ((ev t - ex t') + (ex t' - ex t)) by ring.
eapply Rle_trans; [apply Rabs_triang|].
assert (cnt t * u * ab t' <= cnt t * u * (ab t + cnt t * eta)).
{ apply Rmult_le_compat_l; [apply Rmult_le_pos; lra|lra]. }
lra.
Qed.
End Tree.
