(** What a yes of `Relabel.check` means: it speaks of every minimiser of the training loss, for every choice of changed
    targets, over any real closed field R (the real numbers are one). *)
From Coq Require Import ZArith List.
From mathcomp Require Import all_ssreflect all_algebra ring lra zify ssrZ.
From Certify Require Import Euclid Core Definite Ridge Margin Checker Packed Relabel Shapes Sums.
Import GRing.Theory Num.Theory Order.Theory.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Local Open Scope ring_scope.

Section Relabelled.
Variable R : rcfType.
Local Notation zr := (@zr R).
Local Notation at_ l i := (List.nth i l Z0).

(* the side of t on which y lies *)
Definition side (up : bool) (y t : R) : Prop := if up then t < y else y < t.

Section Head.
Variable h : head.
Let n := length (rows h).
Let p := length (decay h).
Let fs := zr (feature_scale h).
Let ts := zr (target_scale h).

(** The head that the integers are about. *)
Definition Phi : 'M[R]_(n, p) := \matrix_(i, j) (zr (entry (rows h) i j) / fs).
Definition Decay : 'M[R]_p := \matrix_(i, j) ((zr (at_ (decay h) i) / fs ^+ 2) *+ (i == j)).
Definition given : 'cV[R]_n := \col_i (zr (at_ (targets h) i) / ts).
Definition may (i : 'I_n) : seq R := [seq zr c / ts | c <- List.nth i (codes h) nil].
Definition today : 'cV[R]_p := \col_j (zr (at_ (weights h) j) / zr (weight_scale h)).
Definition level : R := zr (threshold h) / ts.
Definition at_point (x : point) : 'cV[R]_p := \col_j (zr (at_ (features x) j) / fs).

Variable us : Z.
Hypothesis wf : well_formed h us.
Lemma wfP : [/\ (0 < n)%N /\ (0 < p)%N, wide p (rows h),
  [/\ length (targets h) = n, length (codes h) = n & length (weights h) = p],
  forall j, (j < p)%N -> 0 <= zr (at_ (decay h) j) & [/\ 0 < fs, 0 < ts, 0 < zr (weight_scale h) & 0 < zr us]].
Proof.
move: wf; rewrite /well_formed => /andP[/andP[/andP[/andP[/andP[/andP[/andP[/andP[/andP[/andP[]]]]]]]]]].
move=> /Nat.ltb_lt n0 /Nat.ltb_lt p0 /List.forallb_forall rw /same_lengthP lt /same_lengthP lc /same_lengthP lw.
move=> /List.forallb_forall d0; rewrite !(@zrL R) !zr0 => f0 t0 w0 u0; split=> //.
- by split; apply/ssrnat.ltP.
- by apply/List.Forall_forall => r /rw /same_lengthP.
- move=> j jp; rewrite -zr0 -zrS; apply: d0; apply: List.nth_In; apply/ssrnat.ltP; exact: jp.
Qed.

Lemma decay_sym : sym Decay.
Proof. by apply/matrixP => i j; rewrite !mxE eq_sym; case: eqP => // ->. Qed.
Lemma decay_form x : qf Decay x = \sum_(j < p) zr (at_ (decay h) j) / fs ^+ 2 * x j 0 ^+ 2.
Proof.
rewrite /qf /dot; apply: eq_bigr => j _; rewrite mxE (bigD1 j) //= big1 => [|i ij].
  by rewrite addr0 mxE eqxx mulr1n expr2 mulrCA mulrA.
by rewrite mxE eq_sym (negPf ij) mulr0n mul0r.
Qed.
Lemma decay_ge0 x : 0 <= qf Decay x.
Proof.
have [_ _ _ d0 [f0 _ _ _]] := wfP; rewrite decay_form; apply: sumr_ge0 => j _.
by rewrite mulr_ge0 ?sqr_ge0 // divr_ge0 ?d0 // sqr_ge0.
Qed.

Variable chunk : nat.
Let H := normal_of chunk h.
Lemma normalE : [/\ length H = p, wide p H &
  forall a b : 'I_p, normal Phi Decay a b = zr (entry H a b) / fs ^+ 2].
Proof.
have [_ rw _ _ [f0 _ _ _]] := wfP.
have [lH [wH E]] := normal_entry chunk h p rw (erefl _); split=> // a b.
have [cl cols] := columnsP (decay h) (rows h) rw.
have [la ca] := cols a ltac:(apply/ssrnat.ltP; exact: ltn_ord).
have [lb cb] := cols b ltac:(apply/ssrnat.ltP; exact: ltn_ord).
rewrite E; [|exact/ssrnat.ltP/ltn_ord|exact/ssrnat.ltP/ltn_ord].
rewrite zrD (@dotzE R _ _ n) // mulrDl; rewrite /normal !mxE; congr (_ + _); last first.
  have -> : Nat.eqb b a = (a == b).
    by apply/idP/idP => [/Nat.eqb_eq/val_inj->//|/eqP->]; rewrite Nat.eqb_refl.
  by case: (a == b); rewrite ?mulr1n ?mulr0n ?zr0 ?mul0r.
rewrite big_distrl /=; apply: eq_bigr => i _; rewrite !mxE.
have := ca i ltac:(apply/ssrnat.ltP; exact: ltn_ord); have := cb i ltac:(apply/ssrnat.ltP; exact: ltn_ord).
by rewrite /entry => -> ->; field; rewrite gt_eqF.
Qed.

(* the matrix that columns of integers stand for, and how far H times it is from the identity *)
Definition approx (inverse : list (list Z)) (isc : Z) : 'M[R]_p :=
  \matrix_(a, j) (fs ^+ 2 * zr (entry inverse j a) / zr isc).
Lemma inverse_off inverse isc : length inverse = p -> wide p inverse -> 0 < zr isc ->
  fro2 (1%:M - normal Phi Decay *m approx inverse isc) =
  zr (off_unit 0 isc (apply_all chunk (zero_like (decay h)) H inverse)) / zr isc ^+ 2.
Proof.
move=> li wi i0; have [_ _ _ _ [f0 _ _ _]] := wfP; have [lH wH HE] := normalE.
have [z zl] := zeros_like (decay h); rewrite (apply_allE chunk _ H inverse p z zl wi).
have lI : length (images H inverse) = p by rewrite /images List.map_length.
have wI : wide p (images H inverse) by rewrite -lH; exact: images_wide.
rewrite (@off_unitE R isc _ p 0%N p lI wI (leqnn p)).
rewrite /fro2 exchange_big big_distrl /=; apply: eq_bigr => j _; rewrite big_distrl /=; apply: eq_bigr => a _.
rewrite -expr_div_n -[LHS]sqrrN; congr (_ ^+ 2); rewrite !mxE opprB mulrBl add0n; congr (_ - _); last first.
  by rewrite -val_eqE /=; case: (_ == _); rewrite ?mulr1n ?mulr0n ?mul0r // divff // gt_eqF.
have ja : (j < length inverse)%coq_nat by rewrite li; apply/ssrnat.ltP.
have aH : (a < length H)%coq_nat by rewrite lH; apply/ssrnat.ltP.
rewrite images_entry // (@dotzE R _ _ p) ?(wide_nth p) //.
rewrite big_distrl /=; apply: eq_bigr => b _; rewrite HE mxE; field.
by rewrite !gt_eqF.
Qed.

(** A floor of the form that was accepted is one. *)
Lemma floor_sound inverse isc sigma : floor_of chunk h H inverse isc = Some sigma ->
  [/\ 0 < zr sigma.1, 0 < zr sigma.2, posdef (normal Phi Decay),
  forall rho, qf (invmx (normal Phi Decay)) rho <= nsq rho / (zr sigma.1 / (zr sigma.2 * fs ^+ 2)) &
  forall y, zr sigma.1 / (zr sigma.2 * fs ^+ 2) * enorm y <= enorm (normal Phi Decay *m y)].
Proof.
have [[n0 p0] _ _ d0 [f0 _ _ _]] := wfP; have f2 : 0 < fs ^+ 2 by rewrite exprn_gt0.
rewrite /floor_of (@zrL R) zr0; case: ltP => [l0 [<-] /=|_].
  have one : zr (Zpos xH) = 1 by [].
  have [] := @decay_inverse R n p Phi Decay (zr (least (decay h)) / fs ^+ 2).
  - by rewrite divr_gt0.
  - move=> x; rewrite decay_form /nsq /dot big_distrr /=; apply: ler_sum => j _.
    rewrite -expr2 ler_wpM2r ?sqr_ge0 // ler_wpM2r ?invr_ge0 ?(ltW f2) // -zrS.
    by apply: leastP; apply: List.nth_In; apply/ssrnat.ltP.
  by rewrite one mul1r.
case: ifP => // /andP[/andP[/andP[/same_lengthP li /List.forallb_forall ic]]].
have wi : wide p inverse by apply/List.Forall_forall => c /ic/same_lengthP.
have [lH wH HE] := normalE.
rewrite (@zrL R) (@zrS R) zr0 => i0 le /Some_inj<-.
rewrite -[snd _]/(Z.mul _ _) -[fst _]/isc.
set r := Z.add (Z.sqrt _) _; rewrite !zrM in le *.
have two : zr (Zpos (xO xH)) = 2%:R by [].
have four : zr (Zpos (xO (xO xH))) = 2%:R * 2%:R by rewrite -natrM.
pose X := approx inverse isc.
have sq0 : Z.le Z0 (List.fold_left squares_from inverse Z0).
  apply/Z.leb_le; rewrite (@zrS R) (@sum_squaresE R inverse p p Z0 li wi) zr0 add0r.
  by do 2![apply: sumr_ge0 => ? _]; exact: sqr_ge0.
have [r0 rE] := sqrt_up _ _ sq0 (Z.lt_0_1); rewrite Z.div_1_r -/r Z.mul_1_r in r0 rE.
have rp : 0 < zr r.
  rewrite -zr0 -zrL /r; have := Z.sqrt_nonneg (List.fold_left squares_from inverse Z0); lia.
have rS : \sum_(j < p) \sum_(a < p) zr (entry inverse j a) ^+ 2 <= zr r ^+ 2.
  by move/Z.leb_le: rE; rewrite (@zrS R) (@sum_squaresE R inverse p p Z0 li wi) zr0 add0r zrM expr2.
have E : fro2 (1%:M - normal Phi Decay *m X) <= (2%:R^-1) ^+ 2.
  rewrite inverse_off //.
  rewrite ler_pdivrMr ?exprn_gt0 // exprVn expr2 mulrC ler_pdivlMr ?mulr_gt0 // mulrC -four expr2; exact: le.
have F : fro2 X <= (fs ^+ 2 * zr r / zr isc) ^+ 2.
  have -> : fro2 X = (fs ^+ 2 / zr isc) ^+ 2 * \sum_(j < p) \sum_(a < p) zr (entry inverse j a) ^+ 2.
    rewrite /fro2 exchange_big big_distrr /=; apply: eq_bigr => j _; rewrite big_distrr /=; apply: eq_bigr => a _.
    by rewrite mxE -exprMn; congr (_ ^+ 2); rewrite mulrAC.
  have -> : fs ^+ 2 * zr r / zr isc = fs ^+ 2 / zr isc * zr r by rewrite mulrAC.
  by rewrite [leRHS]exprMn ler_wpM2l // sqr_ge0.
have i0' : 0 < zr isc by [].
have h0 : 0 <= 2%:R^-1 :> R by rewrite invr_ge0.
have k0 : 0 < fs ^+ 2 * zr r / zr isc by rewrite divr_gt0 // mulr_gt0.
have low := approx_smin _ (ltW k0) (fro2_opbnd h0 E) (fro2_opbnd (ltW k0) F) k0.
have {}low : smin_ge (normal Phi Decay) (zr isc / (2%:R * zr r * fs ^+ 2)).
  have -> : zr isc / (2%:R * zr r * fs ^+ 2) = (1 - 2%:R^-1) / (fs ^+ 2 * zr r / zr isc).
    by field; rewrite !gt_eqF.
  by apply: low; rewrite invf_lt1 // ltr1n.
have [] := floor_inverse decay_sym decay_ge0 _ low; first by rewrite divr_gt0 // !mulr_gt0.
by rewrite two; split=> //; rewrite mulr_gt0.
Qed.

Variables (sigma : Z * Z) (total : Z).

(* the weights that the centre stands for, and the gradient there *)
Definition centred (b : base) : 'cV[R]_p := \col_a (fs * zr (at_ (centre b) a) / zr (centre_scale b)).
Lemma gradientE b : length (centre b) = p -> 0 < zr (centre_scale b) ->
  nsq (normal Phi Decay *m centred b - Phi^T *m given) =
  zr (residual_from Z0 (target_scale h) (List.map (fun r => dot_from Z0 r (centre b)) H)
    (List.map (Z.mul (centre_scale b)) (List.map (fun c => dot_from Z0 c (targets h)) (columns (decay h) (rows h)))))
  / (fs * zr (centre_scale b) * ts) ^+ 2.
Proof.
move=> lb u0; have [_ rw [lt _ _] _ [f0 ts0 _ _]] := wfP; have [lH wH HE] := normalE.
have [cl cols] := columnsP (decay h) (rows h) rw.
rewrite (@residualE R _ _ _ p) ?List.map_length // zr0 add0r big_distrl /=.
apply: eq_bigr => a _; rewrite -[LHS]expr2 -[RHS]expr_div_n; congr (_ ^+ 2).
have aH : (a < length H)%coq_nat by rewrite lH; apply/ssrnat.ltP.
have ac : (a < length (columns (decay h) (rows h)))%coq_nat by rewrite cl; apply/ssrnat.ltP.
have [la ca] := cols a ltac:(apply/ssrnat.ltP; exact: ltn_ord).
rewrite (nth_mapped (Z.mul _) _ _ Z0) ?List.map_length // !(nth_mapped _ _ _ nil) // !dot_fromE !Z.add_0_l zrM.
rewrite (@dotzE R _ _ p) ?(wide_nth p) // (@dotzE R _ _ n) // mulrBl !mxE; congr (_ - _).
  rewrite big_distrr big_distrl /=; apply: eq_bigr => c _; rewrite HE !mxE /entry; field.
  by rewrite !gt_eqF.
rewrite big_distrr big_distrl /=; apply: eq_bigr => i _; rewrite !mxE.
have := ca i ltac:(apply/ssrnat.ltP; exact: ltn_ord); rewrite /entry => ->; field.
by rewrite !gt_eqF.
Qed.

(* ---- today's weights ---- *)
Lemma within_sound b : 0 < zr sigma.1 -> 0 < zr sigma.2 -> posdef (normal Phi Decay) ->
  (forall y, zr sigma.1 / (zr sigma.2 * fs ^+ 2) * enorm y <= enorm (normal Phi Decay *m y)) ->
  within h sigma H b -> enorm (today - refit Phi Decay given) <= zr (far b) / zr (far_scale b).
Proof.
move=> s1 s2 pH low; have [_ rw [lt lc lw] _ [f0 ts0 w0 _]] := wfP; have [lH wH HE] := normalE.
move=> /andP[/andP[/andP[/same_lengthP lb]]]; rewrite !(@zrL R) (@zrS R) zr0 !(zrM, zrD) => u0 fb0 le.
pose v := centred b.
set step := residual_from 0 (centre_scale b) _ _ in le; set gradient := residual_from 0 (target_scale h) _ _ in le.
have stepE : nsq (today - v) = zr step / (zr (centre_scale b) * zr (weight_scale h)) ^+ 2.
  rewrite (@residualE R _ _ _ p) ?List.map_length // zr0 add0r big_distrl /=.
  apply: eq_bigr => a _; rewrite -[LHS]expr2 -[RHS]expr_div_n; congr (_ ^+ 2).
  rewrite (nth_mapped (Z.mul _) _ _ Z0); last by rewrite lb; apply/ssrnat.ltP.
  by rewrite !mxE !zrM; field; rewrite !gt_eqF.
have gradE : nsq (normal Phi Decay *m v - Phi^T *m given) = zr gradient / (fs * zr (centre_scale b) * ts) ^+ 2.
  exact: gradientE.
have s0 : 0 < zr sigma.1 / (zr sigma.2 * fs ^+ 2) by rewrite divr_gt0 // mulr_gt0 // exprn_gt0.
apply: le_trans (minimiser_within pH given today v s0 low) _.
have e1 := root_up (mulr_gt0 u0 w0) stepE (nsq_ge0 _).
have e2 := root_up (mulr_gt0 (mulr_gt0 f0 u0) ts0) gradE (nsq_ge0 _).
rewrite -!/(enorm _) in e1 e2; rewrite -!zrD in le.
set r1 := zr (Z.add (Z.sqrt step) _) in e1 le; set r2 := zr (Z.add (Z.sqrt gradient) _) in e2 le.
have e3 : enorm (normal Phi Decay *m v - Phi^T *m given) / (zr sigma.1 / (zr sigma.2 * fs ^+ 2)) <=
    r2 / (fs * zr (centre_scale b) * ts) / (zr sigma.1 / (zr sigma.2 * fs ^+ 2)).
  by rewrite ler_wpM2r // invr_ge0 ltW.
apply: le_trans (lerD e1 e3) _; rewrite -subr_ge0.
have -> : zr (far b) / zr (far_scale b) - (r1 / (zr (centre_scale b) * zr (weight_scale h)) +
    r2 / (fs * zr (centre_scale b) * ts) / (zr sigma.1 / (zr sigma.2 * fs ^+ 2))) =
  (zr (far b) * (zr (centre_scale b) * ts * zr (weight_scale h) * zr sigma.1)
   - (r1 * (ts * zr sigma.1 * zr (far_scale b)) + r2 * (zr sigma.2 * fs * zr (weight_scale h) * zr (far_scale b)))) /
  (zr (far_scale b) * zr (centre_scale b) * zr (weight_scale h) * ts * zr sigma.1).
  by field; rewrite !gt_eqF.
by rewrite divr_ge0 ?subr_ge0 // !mulr_ge0 // ltW.
Qed.

(* ---- one point ---- *)
Hypotheses (totalE : total = total_from 0 (targets h) (codes h)) (sig1 : 0 < zr sigma.1) (sig2 : 0 < zr sigma.2)
  (pH : posdef (normal Phi Decay)) (inv : forall rho,
    qf (invmx (normal Phi Decay)) rho <= nsq rho / (zr sigma.1 / (zr sigma.2 * fs ^+ 2))).
Let tot : R := zr total / ts ^+ 2.

Lemma size : exists2 b : 'I_n -> R, \sum_i b i <= tot &
  forall i, given i 0 ^+ 2 <= b i /\ forall c, c \in may i -> c ^+ 2 <= b i.
Proof.
have [_ _ [lt lc _] _ [_ t0 _ _]] := wfP; have t2 : 0 < (ts ^+ 2)^-1 by rewrite invr_gt0 exprn_gt0.
exists (fun i : 'I_n => zr (largest_square (Z.mul (at_ (targets h) i) (at_ (targets h) i))
    (List.nth i (codes h) nil)) / ts ^+ 2).
  by rewrite /tot totalE (@total_fromE R _ _ n) // zr0 add0r big_distrl.
move=> i; have [a b] := @largest_square_ge R (List.nth i (codes h) nil) (Z.mul (at_ (targets h) i) (at_ (targets h) i)).
split; first by rewrite mxE expr_div_n ler_wpM2r ?(ltW t2) // expr2 -zrM.
by move=> c /mapP[z zin ->]; rewrite expr_div_n ler_wpM2r ?(ltW t2) //; exact: b.
Qed.

Variables (x : point) (q image : list Z).
Hypotheses (lx : length (features x) = p) (lu : length (solution x) = p)
  (qE : q = List.map (fun row => dotz row (solution x)) (rows h))
  (iE : image = List.map (fun row => dotz row (solution x)) H).
Let e := List.map (signed (above x)) (features x).
Let t0 := signed (above x) (threshold h).
Let sg : R := if above x then 1 else -1.
Let u : 'cV[R]_p := \col_a (fs * zr (at_ (solution x) a) / zr us).
Let qr : 'cV[R]_n := \col_i (zr (at_ q i) / zr us).

Lemma zr_signed z : zr (signed (above x) z) = sg * zr z.
Proof. by rewrite /signed /sg; case: (above x); rewrite ?mul1r // zrN mulN1r. Qed.
Lemma signed_nth a : (a < p)%N -> at_ e a = signed (above x) (at_ (features x) a).
Proof.
move=> ap; rewrite /e (List.nth_indep _ Z0 (signed (above x) Z0)) ?List.map_nth //.
by rewrite List.map_length lx; apply/ssrnat.ltP.
Qed.
Lemma dot_signed (y : 'cV[R]_p) : dot (sg *: at_point x) y = sg * dot (at_point x) y.
Proof. exact: dotZl. Qed.
Lemma sideE y t : side (above x) y t <-> sg * t < sg * y.
Proof. by rewrite /side /sg; case: (above x); rewrite ?mul1r ?mulN1r ?ltrN2. Qed.
Lemma sideN y t : side (~~ above x) y t <-> sg * y < sg * t.
Proof. by rewrite /side /sg; case: (above x); rewrite ?mul1r ?mulN1r ?ltrN2. Qed.

Lemma influences : qr = Phi *m u.
Proof.
have [_ rw _ _ [f0 _ _ u0]] := wfP; apply/matrixP => i j; rewrite ord1 !mxE qE.
have ir : (i < length (rows h))%coq_nat by apply/ssrnat.ltP.
rewrite (nth_mapped _ _ _ nil) // (@dotzE R _ _ p) ?(wide_nth p) //.
rewrite big_distrl /=; apply: eq_bigr => a _; rewrite !mxE /entry; field.
by rewrite !gt_eqF.
Qed.

Lemma residual : nsq (sg *: at_point x - normal Phi Decay *m u) =
  zr (residual_from 0 us e image) / (fs * zr us) ^+ 2.
Proof.
have [_ rw _ _ [f0 _ _ u0]] := wfP; have [lH wH HE] := normalE.
rewrite (@residualE R _ _ _ p) ?List.map_length //; last by rewrite iE List.map_length.
rewrite zr0 add0r big_distrl /nsq /dot; apply: eq_bigr => a _ /=; rewrite -[LHS]expr2 -[RHS]expr_div_n; congr (_ ^+ 2).
rewrite signed_nth // zr_signed !mxE mulrBl; congr (_ - _); first by field; rewrite !gt_eqF.
have aH : (a < length H)%coq_nat by rewrite lH; apply/ssrnat.ltP.
rewrite iE (nth_mapped _ _ _ nil) // (@dotzE R _ _ p) ?(wide_nth p) //.
rewrite big_distrl /=; apply: eq_bigr => b _; rewrite HE !mxE /entry; field.
by rewrite !gt_eqF.
Qed.

Let err := Z.add (Z.sqrt (Z.div (Z.mul (Z.mul (residual_from 0 us e image) total) sigma.2) sigma.1)) (Zpos xH).
Lemma error : 0 <= zr err /\ nsq (sg *: at_point x - normal Phi Decay *m u) * tot <=
  (zr err / (zr us * ts)) ^+ 2 * (zr sigma.1 / (zr sigma.2 * fs ^+ 2)).
Proof.
have [_ _ _ _ [f0 ts0 _ u0]] := wfP; have [lH _ _] := normalE; have [b hb _] := size.
have r0 : 0 <= zr (residual_from 0 us e image).
  rewrite (@residualE R _ _ _ p) ?List.map_length //; last by rewrite iE List.map_length.
  by rewrite zr0 add0r; apply: sumr_ge0 => ? _; exact: sqr_ge0.
have T0 : 0 <= zr total.
  have [_ _ [lt lc _] _ _] := wfP; rewrite totalE (@total_fromE R _ _ n) // zr0 add0r.
  apply: sumr_ge0 => j _; have [a _] := @largest_square_ge R (List.nth j (codes h) nil)
    (Z.mul (at_ (targets h) j) (at_ (targets h) j)).
  by apply: le_trans a; rewrite zrM -expr2 sqr_ge0.
set X := Z.mul (Z.mul (residual_from 0 us e image) total) sigma.2.
have X0 : Z.le Z0 X by apply/Z.leb_le; rewrite (@zrS R) zr0 /X !zrM !mulr_ge0 // ltW.
have S0 : Z.lt Z0 sigma.1 by apply/Z.ltb_lt; rewrite (@zrL R) zr0.
have [e0 eX] := sqrt_up X sigma.1 X0 S0; rewrite -/err in e0 eX.
move/Z.leb_le: e0; move/Z.leb_le: eX; rewrite !(@zrS R) zr0 /X !zrM -expr2 => eX e0; split=> //.
rewrite residual /tot -subr_ge0; set r := zr (residual_from _ _ _ _) in r0 eX *.
have -> : (zr err / (zr us * ts)) ^+ 2 * (zr sigma.1 / (zr sigma.2 * fs ^+ 2))
    - r / (fs * zr us) ^+ 2 * (zr total / ts ^+ 2)
    = (zr err ^+ 2 * zr sigma.1 - r * zr total * zr sigma.2) / ((fs * zr us * ts) ^+ 2 * zr sigma.2).
  by field; rewrite !gt_eqF.
by rewrite divr_ge0 ?subr_ge0 // mulr_ge0 ?sqr_ge0 // ltW.
Qed.

Lemma today_side : Z.ltb (Z.mul t0 (Z.mul (feature_scale h) (weight_scale h)))
    (Z.mul (target_scale h) (dot_from 0 e (weights h))) -> side (above x) (dot (at_point x) today) level.
Proof.
have [_ _ [_ _ lw] _ [f0 ts0 w0 _]] := wfP; rewrite dot_fromE Z.add_0_l (@zrL R) !zrM => lt.
rewrite sideE -dot_signed.
have -> : dot (sg *: at_point x) today = zr (dotz e (weights h)) / (fs * zr (weight_scale h)).
  rewrite (@dotzE R _ _ p) ?List.map_length // big_distrl /=; apply: eq_bigr => a _.
  by rewrite signed_nth // zr_signed !mxE; field; rewrite !gt_eqF.
rewrite ltr_pdivlMr ?mulr_gt0 // /level -(ltr_pM2l ts0); move: lt; rewrite /t0 zr_signed -/fs -/ts.
by have -> : ts * (sg * (zr (threshold h) / ts) * (fs * zr (weight_scale h))) =
  sg * zr (threshold h) * (fs * zr (weight_scale h)) by field; rewrite gt_eqF.
Qed.

Variable propose : point -> list Z -> Z * list Z.
Let verdict := judge h us total sigma propose x q image.
Let scale0 : 0 < zr us * ts. Proof. by have [_ _ _ _ [_ ? _ ?]] := wfP; rewrite mulr_gt0. Qed.
Let levelE : sg * level = zr t0 / ts. Proof. by rewrite /level /t0 zr_signed mulrA. Qed.
Let lq : length q = n. Proof. by rewrite qE List.map_length. Qed.
Let near := output_near decay_sym decay_ge0 pH.

Lemma dot_q (l : list Z) (v : 'cV[R]_n) : length l = n -> (forall i, v i 0 = zr (at_ l i) / ts) ->
  dot qr v = zr (dotz q l) / (zr us * ts).
Proof.
move=> ll hv; have [_ _ _ _ [_ ts0 _ u0]] := wfP; rewrite (@dotzE R _ _ n) // big_distrl /=.
by apply: eq_bigr => i _; rewrite hv !mxE; field; rewrite !gt_eqF.
Qed.

Lemma judge_kept : verdict.1 -> exists m, [/\ kept x = Some m, side (above x) (dot (at_point x) today) level &
  forall t', relabelled given may (Z.to_nat m) t' -> side (above x) (dot (at_point x) (refit Phi Decay t')) level].
Proof.
rewrite /verdict /judge -/e -/t0 -/err; case: (propose x q) => tau' news; case: (kept x) => [m|//].
set tau := Z.max 0 tau'; move=> /andP[/andP[/today_side td m0]] ok; exists m; split=> // t' ht'.
have [_ _ [lt lc _] _ [f0 ts0 _ u0]] := wfP; have [err0 errE] := error.
rewrite sideE -dot_signed.
have ws : 0 < zr sigma.1 / (zr sigma.2 * fs ^+ 2) by rewrite divr_gt0 // mulr_gt0 // exprn_gt0.
have K0 := scale0; clearbody err.
apply: (stays decay_sym decay_ge0 pH ws inv size influences _ errE
  (v := fun i => zr (swing (at_ q i) (at_ (targets h) i) (List.nth i (codes h) nil)) / (zr us * ts))
  (tau := zr tau / (zr us * ts)) _ _ _ _ ht').
- by rewrite divr_ge0 // ltW.
- by rewrite divr_ge0 ?(ltW K0) // /tau zr_max zr0 le_max lexx.
- by move=> i; rewrite divr_ge0 ?(ltW K0) // swing_ge0.
- move=> i c /mapP[z zin ->]; rewrite !mxE ler_pdivlMr //.
  have -> : zr (at_ q i) / zr us * (zr (at_ (targets h) i) / ts - zr z / ts) * (zr us * ts) =
    zr (at_ q i) * (zr (at_ (targets h) i) - zr z) by field; rewrite !gt_eqF.
  exact: swing_ge.
move: ok; rewrite dot_fromE Z.add_0_l (@zrL R) !(zrB, zrD, zrM) (@excess_fromE R _ _ _ _ n) // zr0 add0r.
rewrite (zr_nat R m0) => ok.
rewrite levelE (@dot_q (targets h)) //; last by move=> i; rewrite mxE.
have -> : \sum_(i < n) Num.max 0 (zr (swing (at_ q i) (at_ (targets h) i) (List.nth i (codes h) nil)) / (zr us * ts)
    - zr tau / (zr us * ts)) =
    (\sum_(i < n) Num.max 0 (zr (swing (at_ q i) (at_ (targets h) i) (List.nth i (codes h) nil)) - zr tau))
    / (zr us * ts).
  rewrite big_distrl /=; apply: eq_bigr => i _; rewrite -mulrBl maxr_pMl ?mul0r ?invr_ge0 ?(ltW K0) //.
set D := \sum_(i < n) _ in ok *.
have -> : zr t0 / ts = zr us * zr t0 / (zr us * ts) by field; rewrite !gt_eqF.
rewrite mulrA -mulrDl -!mulrBl ltr_pM2r ?invr_gt0 //.
Qed.

Lemma judge_lost : verdict.2 -> exists m, [/\ lost x = Some m, side (above x) (dot (at_point x) today) level &
  exists2 t', relabelled given may (Z.to_nat m) t' &
  side (~~ above x) (dot (at_point x) (refit Phi Decay t')) level].
Proof.
rewrite /verdict /judge -/e -/t0 -/err; case: (propose x q) => tau' news; case: (lost x) => [m|//] /=.
move=> /andP[/andP[/today_side td /permittedP[ln lc [M hM hi]]]] ok; exists m; split=> //.
have [_ _ [lt _ _] _ [f0 ts0 _ u0]] := wfP; have [err0 errE] := error.
pose t' : 'cV[R]_n := \col_i (zr (at_ news i) / ts).
have ws : 0 < zr sigma.1 / (zr sigma.2 * fs ^+ 2) by rewrite divr_gt0 // mulr_gt0 // exprn_gt0.
have K0 := scale0; clearbody err.
have ht : relabelled given may (Z.to_nat m) t'.
  rewrite lt in M hM hi *; exists M => // i; have := hi i; rewrite !mxE.
  by case: (i \in M) => [hin|-> //]; apply/mapP; exists (at_ news i).
exists t' => //; rewrite sideN -dot_signed.
apply: (falls decay_sym decay_ge0 pH ws inv size influences _ errE ht).
  by rewrite divr_ge0 // ltW.
rewrite levelE (@dot_q news) ?ln //; last by move=> i; rewrite mxE.
move: ok; rewrite dot_fromE Z.add_0_l (@zrL R) !(zrD, zrM) => ok.
have -> : zr t0 / ts = zr us * zr t0 / (zr us * ts) by field; rewrite !gt_eqF.
by rewrite -mulrDl ltr_pM2r ?invr_gt0.
Qed.
End Head.

(** What is said of a point where `kept` was proved: its output lies on its side of the level today, and so does that
    of every minimiser of the loss, whichever targets, at most `kept` of them, are changed. *)
Definition kept_means (h : head) (x : point) := exists m, [/\ kept x = Some m,
  side (above x) (dot (at_point h x) (today h)) (level h) &
  forall t', relabelled (given h) (may (h := h)) (Z.to_nat m) t' -> forall v, minimiser (Phi h) (Decay h) t' v ->
  side (above x) (dot (at_point h x) v) (level h)].

(** Where `lost` was proved: some change of at most so many targets takes it across. *)
Definition lost_means (h : head) (x : point) := exists m, [/\ lost x = Some m,
  side (above x) (dot (at_point h x) (today h)) (level h) &
  exists2 t', relabelled (given h) (may (h := h)) (Z.to_nat m) t' & forall v, minimiser (Phi h) (Decay h) t' v ->
  side (~~ above x) (dot (at_point h x) v) (level h)].

(** What is said where `base` was proved: today's weights lie so near every minimiser of the loss as it is. *)
Definition base_means (h : head) (b : option base) := exists2 x, b = Some x &
  forall v, minimiser (Phi h) (Decay h) (given h) v -> enorm (today h - v) <= zr (far x) / zr (far_scale x).

(** D3 from integers to verdict. If `check` answers, the head has a row and a column, the training loss has exactly one
    minimiser for every choice of targets, and every yes means what stands above. chunk, the solutions, the inverse and
    `propose` are any. Not here: that the integers are those of the files. *)
Theorem check_sound chunk h us inverse isc propose b points near answers :
  check chunk h us inverse isc propose b points = Some (near, answers) ->
  [/\ (0 < length (rows h))%N /\ (0 < length (decay h))%N, length answers = length points,
    forall t, exists2 v, minimiser (Phi h) (Decay h) t v & forall w, minimiser (Phi h) (Decay h) t w -> w = v,
    near -> base_means h b &
    forall x a, List.In (x, a) (List.combine points answers) -> (a.1 -> kept_means h x) /\ (a.2 -> lost_means h x)].
Proof.
rewrite /check; case: ifP => // /andP[wf /List.forallb_forall lens].
case E : (floor_of _ _ _ _ _) => [sigma|//].
have [s1 s2 pH inv low] := floor_sound wf E; have sH := decay_sym h.
have [pos rw _ _ _] := wfP wf; have [lH wH _] := normalE wf chunk.
set H := normal_of chunk h in E lH wH *; set total := total_from _ _ _.
pose q x := List.map (fun row => dotz row (solution x)) (rows h).
pose im x := List.map (fun row => dotz row (solution x)) H.
pose P x := length (features x) = length (decay h) /\ length (solution x) = length (decay h).
have hP : List.Forall P points.
  by apply/List.Forall_forall => x /lens /andP[/same_lengthP lx /same_lengthP ls].
rewrite (@flat_chunks _ _ chunk _ points _ (fun x => judge h us total sigma propose x (q x) (im x)) P hP); last first.
  move=> xs hxs; have [z zl] := zeros_like (decay h).
  have hs : List.Forall (fun u => length u = length (zero_like (decay h))) (List.map solution xs).
    by apply/List.Forall_map; apply: List.Forall_impl hxs => x [_ ->].
  have [b0 bM] := max_absP (rows h); have [c0 cM] := max_absP H.
  rewrite !applyE // !List.map_map; elim: xs {hxs hs} => [//|x xs IH] /=; congr (_ :: _); exact: IH.
move=> [<- <-]; split=> //; first by rewrite List.map_length.
- move=> t; exists (refit (Phi h) (Decay h) t) => [|w]; first exact/(minimiserP sH pH).
  by move/(minimiserP sH pH).
- case: (b) => // b' /(within_sound wf s1 s2 pH low) near'; exists b' => // v /(minimiserP sH pH) ->; exact: near'.
move=> x a hin; have [hx ->] : List.In x points /\ a = judge h us total sigma propose x (q x) (im x).
  elim: points {lens hP E} hin => [//|y ys IH] /= [[<- <-]|/IH[]]; split=> //; [by left|by right].
have [lx lu] : P x by move/List.Forall_forall: hP; exact.
split=> [/(judge_kept wf (erefl total) s1 s2 pH inv lx lu (erefl _) (erefl _))[m [k td st]]|
  /(judge_lost wf (erefl total) s1 s2 pH inv lx lu (erefl _) (erefl _))[m [k td [t' ht st]]]]; exists m; split=> //.
  by move=> t' /st side v /(minimiserP sH pH) ->.
by exists t' => // v /(minimiserP sH pH) ->.
Qed.

(** No row or no column: refused, whatever the rest says. *)
Theorem check_refuses_empty chunk h us inverse isc propose b points : rows h = nil \/ decay h = nil ->
  check chunk h us inverse isc propose b points = None.
Proof. by rewrite /check /well_formed => -[->|->] /=; rewrite ?andbF. Qed.
End Relabelled.
