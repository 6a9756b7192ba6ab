(** R2 of proofs/rounding.md for one order of summation: |fl(x.y) - x.y| <= n u sum |x_i y_i| + n (1 + n u) eta, for any
    n, gradual underflow included, in any radix-beta format with round to nearest (ties as one likes).
    Overflow is not modelled: kernels refuse a result that is not finite. It is a theorem about rounding, not about any
    program: that a matrix product of the machine is such a sum is E0, an assumption. *)
From Coq Require Import Reals Lra Lia List Psatz.
From Flocq Require Import Core Relative Plus_error.
Import ListNotations.
Local Open Scope R_scope.

Section Dot.
Variables (beta : radix) (emin prec : Z).
Context {prec_gt_0_ : Prec_gt_0 prec}.
Variable choice : Z -> bool.
Notation format := (generic_format beta (FLT_exp emin prec)).
Notation rnd := (round beta (FLT_exp emin prec) (Znearest choice)).
Notation u := (u_ro beta prec).
Let ur := u / (1 + u).
Let eta := / 2 * bpow beta emin.

Lemma u_pos : 0 < u.
Proof. unfold u_ro. assert (H := bpow_gt_0 beta (- prec + 1)). lra. Qed.
Lemma ur_mul : u = ur * (1 + u).
Proof. unfold ur. assert (H := u_pos). field. lra. Qed.
Lemma ur_bnd : 0 < ur <= u.
Proof.
assert (H := u_pos). assert (E := ur_mul). split.
- unfold ur. apply Rdiv_lt_0_compat; lra.
- assert (0 < ur) by (unfold ur; apply Rdiv_lt_0_compat; lra). nra.
Qed.

Lemma rnd_format x : format (rnd x).
Proof. apply generic_format_round; auto with typeclass_instances. Qed.

(* rounding of a sum of two floats: relative error, and error <= |b| *)
Lemma add_rel a b : format a -> format b ->
  Rabs (rnd (a + b) - (a + b)) <= ur * Rabs (a + b).
Proof.
intros Fa Fb.
destruct (FLT_plus_error_N_ex beta emin prec choice a b Fa Fb) as [eps [He ->]].
replace ((a + b) * (1 + eps) - (a + b)) with (eps * (a + b)) by ring.
rewrite Rabs_mult. apply Rmult_le_compat_r; auto using Rabs_pos.
Qed.
Lemma add_near a b : format a -> Rabs (rnd (a + b) - (a + b)) <= Rabs b.
Proof.
intros Fa.
destruct (round_N_pt beta (FLT_exp emin prec) choice (a + b)) as [_ H].
specialize (H a Fa).
replace (a - (a + b)) with (- b) in H by ring. now rewrite Rabs_Ropp in H.
Qed.

(* fl(... fl(fl(p1) + fl(p2)) + ... ): recursive summation of rounded reals.
   The list is in reverse order of accumulation. *)
Fixpoint fsum (l : list R) : R :=
  match l with
  | [] => 0
  | [p] => rnd p
  | p :: l' => rnd (fsum l' + rnd p)
  end.
Fixpoint ssum (l : list R) := match l with [] => 0 | p :: l' => p + ssum l' end.
Fixpoint asum (l : list R) := match l with [] => 0 | p :: l' => Rabs p + asum l' end.

Lemma asum_ge0 l : 0 <= asum l.
Proof. induction l; simpl; [lra|]. assert (H := Rabs_pos a). lra. Qed.
Lemma ssum_asum l : Rabs (ssum l) <= asum l.
Proof.
induction l; simpl; [rewrite Rabs_R0; lra|].
eapply Rle_trans; [apply Rabs_triang|lra].
Qed.
Lemma fsum_format l : format (fsum l).
Proof.
destruct l as [|p [|p' l]]; simpl; [apply generic_format_0| |]; apply rnd_format.
Qed.

(* the one-step inequality, in pure real arithmetic *)
Lemma step (n S P D e1 d Q : R) :
  2 <= n -> 0 <= S -> 0 <= P -> 0 <= D <= (n - 1) * u * S ->
  0 <= e1 <= ur * P -> Q <= P + e1 ->
  d <= Q -> d <= ur * (S + D + Q) ->
  D + e1 + d <= n * u * (S + P).
Proof.
intros Hn HS HP HD He HQ Hd1 Hd2.
assert (U := ur_bnd). assert (U0 := u_pos). assert (E := ur_mul).
destruct (Rle_or_lt P (u * S)) as [c|c].
- assert (d <= P + ur * P) by lra.
  assert (ur * P <= u * P) by (apply Rmult_le_compat_r; lra).
  assert (0 <= (n - 2) * (u * P)) by (apply Rmult_le_pos; [lra|nra]).
  nra.
- assert (H1 : ur * (S + D + Q) <= ur * (S + (n - 1) * u * S + (P + ur * P))).
  { apply Rmult_le_compat_l; lra. }
  assert (H2 : ur * (S + (n - 1) * u * S + (P + ur * P))
     = ur * S + ur * (n - 1) * (u * S) + ur * P + ur * ur * P) by ring.
  assert (H3 : D + e1 + d <= (n-1)*u*S + ur * P +
     (ur * S + ur * (n - 1) * (u * S) + ur * P + ur * ur * P)) by lra.
  apply Rle_trans with (1 := H3).
  (* worst case P = u S *)
  assert (G : 0 <= n * u - 2 * ur - ur * ur) by nra.
  assert (K : 0 <= (n * u - 2 * ur - ur * ur) * (P - u * S))
    by (apply Rmult_le_pos; lra).
  assert (W : 0 <= S * (ur * (n * u * u - u * ur))).
  { apply Rmult_le_pos; [lra|]. apply Rmult_le_pos; [lra|]. nra. }
  assert (E2 : S * (ur * (n * u * u - u * ur)) =
     S * (n * u * (ur * (1 + u)) * 1 - ur * n * u - u * ur * ur)) by ring.
  rewrite <- E in E2.
  assert (E3 : S * u = S * (ur * (1 + u))) by (rewrite <- E; ring).
  nra.
Qed.

Theorem fsum_bound_rel (l : list R) :
  (forall p, In p l -> Rabs (rnd p - p) <= ur * Rabs p) ->
  Rabs (fsum l - ssum l) <= INR (length l) * u * asum l.
Proof.
induction l as [|p l IH]; intros Hl.
- simpl. rewrite Rminus_0_r, Rabs_R0. lra.
- assert (U := ur_bnd). assert (U0 := u_pos).
  assert (Hp : Rabs (rnd p - p) <= ur * Rabs p) by (apply Hl; now left).
  destruct l as [|p' l].
  { simpl. rewrite !Rplus_0_r, Rmult_1_l.
    apply Rle_trans with (1 := Hp). apply Rmult_le_compat_r; [apply Rabs_pos|lra]. }
  assert (IH' : Rabs (fsum (p' :: l) - ssum (p' :: l))
      <= INR (length (p' :: l)) * u * asum (p' :: l)).
  { apply IH. intros q Hq. apply Hl. now right. }
  clear IH Hl. set (l' := p' :: l) in *.
  change (fsum (p :: l')) with (rnd (fsum l' + rnd p)).
  change (ssum (p :: l')) with (p + ssum l').
  change (asum (p :: l')) with (Rabs p + asum l').
  change (length (p :: l')) with (S (length l')). rewrite S_INR.
  assert (Hn : 1 <= INR (length l')).
  { change 1 with (INR 1). apply le_INR. unfold l'. simpl. lia. }
  set (D := fsum l' - ssum l') in *. set (e := rnd p - p) in *.
  set (d := rnd (fsum l' + rnd p) - (fsum l' + rnd p)).
  replace (rnd (fsum l' + rnd p) - (p + ssum l')) with (D + e + d)
    by (unfold D, e, d; ring).
  eapply Rle_trans; [apply Rabs_triang|].
  eapply Rle_trans; [apply Rplus_le_compat_r, Rabs_triang|].
  rewrite (Rplus_comm (Rabs p)).
  apply step with (Q := Rabs (rnd p)).
  + lra.
  + apply asum_ge0.
  + apply Rabs_pos.
  + split; [apply Rabs_pos|].
    replace (INR (length l') + 1 - 1) with (INR (length l')) by ring. exact IH'.
  + split; [apply Rabs_pos|exact Hp].
  + replace (rnd p) with (p + e) by (unfold e; ring). apply Rabs_triang.
  + apply add_near, fsum_format.
  + eapply Rle_trans; [apply add_rel; [apply fsum_format|apply rnd_format]|].
    apply Rmult_le_compat_l; [lra|].
    replace (fsum l' + rnd p) with (ssum l' + D + rnd p) by (unfold D; ring).
    eapply Rle_trans; [apply Rabs_triang|]. apply Rplus_le_compat_r.
    eapply Rle_trans; [apply Rabs_triang|]. apply Rplus_le_compat_r, ssum_asum.
Qed.

(* gradual underflow: replace each p by a nearby p' with the same rounding *)
Lemma separate l : exists l',
  length l' = length l /\ fsum l' = fsum l /\
  (forall p, In p l' -> Rabs (rnd p - p) <= ur * Rabs p) /\
  Rabs (ssum l' - ssum l) <= INR (length l) * eta /\
  asum l' <= asum l + INR (length l) * eta.
Proof.
induction l as [|p l (l' & L & F & G & H1 & H2)].
- exists []. simpl. rewrite Rminus_0_r, Rabs_R0. repeat split; try lra. intros p [].
- destruct (relative_error_N_FLT'_ex_separate beta emin prec prec_gt_0_ choice p)
    as (p' & R1 & (et & Het & Ep) & (ep & Hep & R2)).
  exists (p' :: l'). split; [simpl; congruence|].
  split.
  { destruct l as [|q l]; destruct l' as [|q' l']; try discriminate L.
    - simpl. congruence.
    - change (rnd (fsum (q' :: l') + rnd p') = rnd (fsum (q :: l) + rnd p)).
      congruence. }
  split.
  { intros q [<-|Hq]; [|now apply G]. rewrite R2.
    replace (p' * (1 + ep) - p') with (ep * p') by ring. rewrite Rabs_mult.
    apply Rmult_le_compat_r; [apply Rabs_pos|exact Hep]. }
  change (length (p :: l)) with (S (length l)). rewrite S_INR. simpl ssum. simpl asum.
  rewrite Ep. fold eta in Het. split.
  + replace (p + et + ssum l' - (p + ssum l)) with ((ssum l' - ssum l) + et) by ring.
    eapply Rle_trans; [apply Rabs_triang|]. lra.
  + assert (T := Rabs_triang p et). lra.
Qed.

(** An inner product, computed by recursive summation of rounded
    products, gradual underflow allowed. *)
Definition products (x y : list R) := map (fun ab => fst ab * snd ab) (combine x y).
Definition fdot (x y : list R) := fsum (products x y).
Definition edot (x y : list R) := ssum (products x y).
Definition adot (x y : list R) := asum (products x y).

Theorem fdot_error (x y : list R) : let n := INR (length (combine x y)) in
  Rabs (fdot x y - edot x y) <= n * u * adot x y + n * (1 + n * u) * eta.
Proof.
intros n. unfold fdot, edot, adot.
destruct (separate (products x y)) as (l' & L & F & G & H1 & H2).
assert (Hn : INR (length (products x y)) = n).
{ unfold products. now rewrite length_map. }
assert (B := fsum_bound_rel l' G). rewrite L, F, Hn in B. rewrite Hn in *.
assert (n0 : 0 <= n) by apply pos_INR. assert (U0 := u_pos).
replace (fsum (products x y) - ssum (products x y)) with
  ((fsum (products x y) - ssum l') + (ssum l' - ssum (products x y))) by ring.
eapply Rle_trans; [apply Rabs_triang|].
assert (n * u * asum l' <= n * u * (asum (products x y) + n * eta)).
{ apply Rmult_le_compat_l; [apply Rmult_le_pos; lra|lra]. }
lra.
Qed.
End Dot.

(** The same in binary64: u = 2^-53, eta = 2^-1075. *)
Corollary fdot_error_b64 choice (x y : list R) : let n := INR (length (combine x y)) in
  Rabs (fdot radix2 (-1074) 53 choice x y - edot x y)
    <= n * bpow radix2 (-53) * adot x y
       + n * (1 + n * bpow radix2 (-53)) * bpow radix2 (-1075).
Proof.
intros n.
assert (P : Prec_gt_0 53) by (unfold Prec_gt_0; lia).
assert (H := @fdot_error radix2 (-1074) 53 P choice x y).
replace (u_ro radix2 53) with (bpow radix2 (-53)) in H.
2:{ unfold u_ro. change (- 53 + 1)%Z with (-52)%Z.
    replace (/2) with (bpow radix2 (-1)) by (simpl; lra).
    rewrite <- bpow_plus. reflexivity. }
replace (/2 * bpow radix2 (-1074)) with (bpow radix2 (-1075)) in H.
2:{ replace (/2) with (bpow radix2 (-1)) by (simpl; lra).
    rewrite <- bpow_plus. reflexivity. }
exact H.
Qed.
