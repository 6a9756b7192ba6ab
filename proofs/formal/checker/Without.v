(** What a yes of `Delete.check_deleted` means: it speaks of every minimiser of the training loss without any rows, at
    most so many of those that may go, over any real closed field R (the real numbers are one). *)
From Coq Require Import ZArith List.
From mathcomp Require Import all_ssreflect all_algebra ring lra zify ssrZ.
From Certify Require Import Euclid Core Definite Ridge Deletions Spans Margin Checker Packed Relabel Shapes Sums
  Relabelled Delete Removals Deleted.
Import GRing.Theory Num.Theory Order.Theory.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Local Open Scope ring_scope.

Section Without.
Variable R : rcfType.
Local Notation zr := (@zr R).
Local Notation at_ l i := (List.nth i l Z0).
Local Notation span_at l i := (List.nth i l no_span).

Section Point.
Variables (h : head) (us : Z) (chunk : nat) (b : base) (sigma : Z * Z).
Hypothesis wf : well_formed h us.
Let n := length (rows h).
Let p := length (decay h).
Let fs := zr (feature_scale h).
Let ts := zr (target_scale h).
Let H := normal_of chunk h.
Let PhiR : 'M[R]_(n, p) := Phi R h.
Let S := Decay R h.
Let cs := zr (centre_scale b).
Hypotheses (s1 : 0 < zr sigma.1) (s2 : 0 < zr sigma.2) (pH : posdef (normal PhiR S)).
Let sg : R := zr sigma.1 / (zr sigma.2 * fs ^+ 2).
Hypotheses (inv : forall rho, qf (invmx (normal PhiR S)) rho <= nsq rho / sg)
  (low_end : forall y, sg * enorm y <= enorm (normal PhiR S *m y)).
Hypotheses (lb : length (centre b) = p) (c0 : 0 < cs).
Variables (most span_scale : Z) (mays : list bool) (ss : list span).
Let vs := zr span_scale.
Hypotheses (v0 : 0 < vs) (lss : length ss = n) (lmay : length mays = n).
Let k := Z.to_nat most.
Let lo (i : 'I_n) : R := zr (low (span_at ss i)) / vs.
Let hi (i : 'I_n) : R := zr (high (span_at ss i)) / vs.
Let A : {set 'I_n} := [set i : 'I_n | List.nth i mays false].
Hypothesis spans : forall (e : 'cV[R]_p) (M : {set 'I_n}), M \subset A -> (#|M| <= k)%N ->
  posdef (normal (rows_of (~: M) PhiR) S) /\ dot e (refit PhiR S (given R h)) -
  \sum_(i in M) Num.max (influence PhiR S e i 0 * lo i) (influence PhiR S e i 0 * hi i) <=
  dot e (refit_without PhiR S (given R h) M).

Let f0 : 0 < fs. Proof. by have [_ _ _ _ [? _ _ _]] := wfP R wf. Qed.
Let t0' : 0 < ts. Proof. by have [_ _ _ _ [_ ? _ _]] := wfP R wf. Qed.
Let u0 : 0 < zr us. Proof. by have [_ _ _ _ [_ _ _ ?]] := wfP R wf. Qed.
Let sg0 : 0 < sg. Proof. by rewrite divr_gt0 // mulr_gt0 // exprn_gt0. Qed.
Let S0 : forall x, 0 <= qf S x := decay_ge0 wf.
Let gradient := gradient_of h H b.

(* ---- one point ---- *)
Variables (x : point) (q image : list Z).
Hypotheses (lx : length (features x) = p) (lu : length (solution x) = p)
  (qE : q = List.map (fun r => dotz r (solution x)) (rows h))
  (iE : image = List.map (fun r => dotz r (solution x)) H).
Let e := List.map (signed (above x)) (features x).
Let t0 := signed (above x) (threshold h).
Let sn : R := if above x then 1 else -1.
Let ev : 'cV[R]_p := sn *: at_point R h x.
Let widest := max_from Z0 (List.map reach ss).
Let q_err := Z.add (Z.sqrt (Z.div (Z.mul (residual_from Z0 us e image) sigma.2) sigma.1)) (Zpos xH).
Let W := zr us * vs.
Let W0 : 0 < W. Proof. exact: mulr_gt0. Qed.

Lemma q_err_near (i : 'I_n) : 0 <= zr q_err /\ `|influence PhiR S ev i 0 - zr (at_ q i) / zr us| <= zr q_err / zr us.
Proof.
have resE := residual R wf lx lu iE; rewrite -/sn -/ev in resE.
have r0 : 0 <= zr (residual_from Z0 us e image).
  have : 0 <= zr (residual_from Z0 us e image) / (fs * zr us) ^+ 2 by rewrite -resE nsq_ge0.
  by rewrite pmulr_lge0 // invr_gt0 exprn_gt0 // mulr_gt0.
have [e0 eE] := @rounded_up R (Z.mul (residual_from Z0 us e image) sigma.2) sigma.1
  ltac:(by rewrite zrM mulr_ge0 // ltW) s1.
rewrite -/q_err in e0 eE; split=> //.
have -> : zr (at_ q i) / zr us = (PhiR *m \col_a (fs * zr (at_ (solution x) a) / zr us)) i 0.
  by rewrite -(influences R wf lu qE) mxE.
apply: (@influence_near R n p PhiR S S0 pH sg sg0 inv) => //; first by rewrite divr_ge0 // ltW.
rewrite [leLHS]resE -subr_ge0; set res := zr (residual_from _ _ _ _) in r0 eE *.
have -> : (zr q_err / zr us) ^+ 2 * sg - res / (fs * zr us) ^+ 2 =
  (zr q_err ^+ 2 * zr sigma.1 - res * zr sigma.2) / ((fs * zr us) ^+ 2 * zr sigma.2).
  by rewrite /sg; field; rewrite !gt_eqF.
apply: divr_ge0; first by rewrite subr_ge0; move: eE; rewrite zrM.
by rewrite mulr_ge0 ?sqr_ge0 // ltW.
Qed.

Let reach_widest (i : 'I_n) : zr (reach (span_at ss i)) <= zr widest.
Proof.
have [_ /List.Forall_forall big] := max_from_le (List.map reach ss) Z0.
have il : (i < length ss)%coq_nat by rewrite lss; apply/ssrnat.ltP.
have : List.In (reach (span_at ss i)) (List.map reach ss) by apply: List.in_map; exact: List.nth_In.
move/big => le; apply: (@le_trans _ _ (zr (Z.abs (reach (span_at ss i))))).
  by rewrite zr_abs ler_norm.
by rewrite -zrS; apply/Z.leb_le.
Qed.

(* what one row takes, from its computed influence *)
Let gain_bound (c : R) (y : Z) (i : 'I_n) : `|c - zr y / zr us| <= zr q_err / zr us ->
  Num.max (c * lo i) (c * hi i) <= (zr (gain y (span_at ss i)) + zr q_err * zr widest) / W.
Proof.
move=> near; have [q0 _] := q_err_near i; set s := span_at ss i; have rd := reach_widest i; rewrite -/s in rd.
have part z : `|zr z| <= zr (reach s) -> c * (zr z / vs) <= zr y * zr z / W + zr q_err * zr widest / W.
  move=> hz; have -> : c * (zr z / vs) = zr y * zr z / W + (c - zr y / zr us) * (zr z / vs).
    by rewrite /W; field; rewrite !gt_eqF.
  rewrite lerD2l; apply: le_trans (ler_norm _) _; rewrite normrM.
  have -> : zr q_err * zr widest / W = zr q_err / zr us * (zr widest / vs) by rewrite /W; field; rewrite !gt_eqF.
  apply: ler_pM => //; rewrite normrM [`|vs^-1|]gtr0_norm ?invr_gt0 // ler_wpM2r ?invr_ge0 ?(ltW v0) //.
  exact: le_trans hz rd.
rewrite zr_gain mulrDl ge_max; apply/andP; split.
  apply: le_trans (part (low s) _) _; first by rewrite zr_reach le_max lexx.
  by rewrite lerD2r ler_wpM2r ?invr_ge0 ?(ltW W0) // le_max lexx.
apply: le_trans (part (high s) _) _; first by rewrite zr_reach le_max lexx orbT.
by rewrite lerD2r ler_wpM2r ?invr_ge0 ?(ltW W0) // le_max lexx orbT.
Qed.

Variable propose : point -> list Z -> Z * list bool.
Let verdict := judge_deleted h us span_scale most gradient sigma b mays ss widest propose x q image.
Let levelE : sn * level R h = zr t0 / ts. Proof. by rewrite /level /t0 zr_signed mulrA. Qed.
Let lq : length q = n. Proof. by rewrite qE List.map_length. Qed.
Let le_e : length e = p. Proof. by rewrite List.map_length. Qed.
Let ev_entry (a : 'I_p) : ev a 0 = zr (at_ e a) / fs.
Proof. by rewrite /e (@signed_nth h x lx) // zr_signed !mxE mulrA. Qed.
Let z := Z.mul (target_scale h) (dot_from Z0 e (centre b)).
Let z_err := Z.add (Z.sqrt (Z.div (Z.mul (Z.mul (squares_from Z0 e) gradient) (Z.mul sigma.2 sigma.2))
  (Z.mul sigma.1 sigma.1))) (Zpos xH).
Let z_near := output_close chunk wf s1 s2 pH low_end lb c0 le_e ev_entry.
Let few (m : Z) (M : {set 'I_n}) : Z.leb Z0 m -> Z.leb m most -> (#|M| <= Z.to_nat m)%N ->
  (#|M| <= k)%N /\ (#|M|%:R <= zr m).
Proof.
move=> m1 m2 Mm; split; last by rewrite (zr_nat R m1) ler_nat.
by apply: leq_trans Mm _; move: m1 m2; rewrite /k; clear; lia.
Qed.

Let errors (m : Z) (M : {set 'I_n}) : #|M|%:R <= zr m ->
  \sum_(i in M) zr q_err * zr widest <= zr m * (zr q_err * zr widest).
Proof.
move=> Mm; rewrite sumr_const -[leLHS]mulr_natl ler_wpM2r //.
have [[n0 _] _ _ _ _] := wfP R wf.
have [q0 _] := q_err_near (Ordinal n0); rewrite mulr_ge0 //.
by apply: le_trans (reach_widest (Ordinal n0)); exact: reach_ge0.
Qed.

Lemma judged_kept : verdict.1 -> exists m, [/\ kept x = Some m, Z.leb m most,
  side (above x) (dot (at_point R h x) (today R h)) (level R h) &
  forall M : {set 'I_n}, M \subset A -> (#|M| <= Z.to_nat m)%N ->
  side (above x) (dot (at_point R h x) (refit_without PhiR S (given R h) M)) (level R h)].
Proof.
rewrite /verdict /judge_deleted -/e -/t0 -/q_err -/z_err -/z; case: (propose x q) => tau' gone.
case: (kept x) => [m|//]; set tau := Z.max Z0 tau'.
move=> /andP[/andP[/andP[/(today_side R wf lx) td m1] m2] ok']; exists m; split=> // M MA Mm.
have [Mk Mm'] := few m1 m2 Mm; rewrite sideE -dot_signed -/sn -/ev.
have [_ near] := spans ev MA Mk; apply: lt_le_trans near.
have zn := z_near; rewrite -/z -/z_err ler_norml in zn; case/andP: zn => zn _.
have tau0 : 0 <= zr tau by rewrite /tau zr_max zr0 le_max lexx.
have taken : \sum_(i in M) Num.max (influence PhiR S ev i 0 * lo i) (influence PhiR S ev i 0 * hi i) <=
    (zr m * zr tau + zr (gains_from Z0 tau q ss) + zr m * (zr q_err * zr widest)) / W.
  apply: (@le_trans _ _ ((\sum_(i in M) zr (gain (at_ q i) (span_at ss i)) + \sum_(i in M) zr q_err * zr widest) / W)).
    rewrite -big_split big_distrl /=; apply: ler_sum => i _; apply: gain_bound; exact: (q_err_near i).2.
  rewrite ler_wpM2r ?invr_ge0 ?(ltW W0) // lerD ?errors //.
  rewrite (@gains_fromE R tau n) // zr0 add0r.
  apply: le_trans (over_level (fun i : 'I_n => zr (gain (at_ q i) (span_at ss i))) tau0 (leqnn _) (subsetT M)) _.
  by rewrite lerD ?ler_wpM2r // le_eqVlt; apply/orP; left; apply/eqP/eq_bigl => i; rewrite inE.
have units : (zr m * zr tau + zr (gains_from Z0 tau q ss) + zr m * (zr q_err * zr widest)) / W + zr t0 / ts <
    (zr z - zr z_err) / (cs * ts).
  move: (tau) (gains_from _ _ _ _) (widest) (q_err) (z) (z_err) ok' => ta G wi qe zz ze ok'.
  rewrite (@zrL R) !(zrM, zrD, zrB) in ok'.
  rewrite -subr_gt0; have -> : (zr zz - zr ze) / (cs * ts) -
      ((zr m * zr ta + zr G + zr m * (zr qe * zr wi)) / W + zr t0 / ts) =
    ((zr zz - zr ze) * (zr us * vs) - ((zr m * zr ta + zr G + zr m * (zr qe * zr wi)) * (cs * ts) +
      zr t0 * (cs * (zr us * vs)))) / (cs * ts * W).
    by rewrite /W; field; rewrite !gt_eqF.
  by rewrite divr_gt0 ?subr_gt0 // !mulr_gt0.
rewrite levelE; move: units zn taken; rewrite [(zr z - _) / _]mulrBl.
set y1 := zr t0 / ts; set y2 := zr z / _; set y3 := zr z_err / _; set y4 := _ / W; set y5 := \sum_(i in M) _.
by set y6 := dot ev _; lra.
Qed.

Lemma judged_lost : verdict.2 -> exists m, [/\ lost x = Some m, Z.leb m most,
  side (above x) (dot (at_point R h x) (today R h)) (level R h) &
  exists M : {set 'I_n}, [/\ M \subset A, (#|M| <= Z.to_nat m)%N &
  side (~~ above x) (dot (at_point R h x) (refit_without PhiR S (given R h) M)) (level R h)]].
Proof.
rewrite /verdict /judge_deleted -/e -/t0 -/q_err -/z_err -/z; case: (propose x q) => tau' gone.
case: (lost x) => [m|//].
move=> /andP[/andP[/andP[/andP[/(today_side R wf lx) td m1] m2] /goesP[lg cg ga]] ok']; exists m; split=> //.
pose M : {set 'I_n} := [set i : 'I_n | List.nth i gone false].
have MA : M \subset A by apply/subsetP => i; rewrite !inE; exact: ga.
have Mm : (#|M| <= Z.to_nat m)%N by rewrite lmay in cg.
exists M; split=> //; have [Mk Mm'] := few m1 m2 Mm; rewrite sideN -dot_signed -/sn -/ev.
have [_ near] := spans (- ev) MA Mk; rewrite !dotNl in near.
have zn := z_near; rewrite -/z -/z_err ler_norml in zn; case/andP: zn => _ zn.
have infN i : influence PhiR S (- ev) i 0 = - influence PhiR S ev i 0.
  by rewrite /influence !mulmxN mxE.
have taken : \sum_(i in M) Num.max (influence PhiR S (- ev) i 0 * lo i) (influence PhiR S (- ev) i 0 * hi i) <=
    (zr (losses_from Z0 q ss gone) + zr m * (zr q_err * zr widest)) / W.
  apply: (@le_trans _ _ ((\sum_(i in M) zr (gain (Z.opp (at_ q i)) (span_at ss i)) +
      \sum_(i in M) zr q_err * zr widest) / W)).
    rewrite -big_split big_distrl /=; apply: ler_sum => i _; apply: gain_bound.
    by rewrite infN zrN mulNr opprK addrC distrC; exact: (q_err_near i).2.
  rewrite ler_wpM2r ?invr_ge0 ?(ltW W0) // lerD ?errors // (@losses_fromE R n) ?lg // zr0 add0r.
  by rewrite le_eqVlt; apply/orP; left; apply/eqP/eq_bigl => i; rewrite inE.
have units : (zr z + zr z_err) / (cs * ts) + (zr (losses_from Z0 q ss gone) + zr m * (zr q_err * zr widest)) / W <
    zr t0 / ts.
  move: (losses_from _ _ _ _) (widest) (q_err) (z) (z_err) ok' => G wi qe zz ze ok'.
  rewrite (@zrL R) !(zrM, zrD, zrB) in ok'.
  rewrite -subr_gt0; have -> : zr t0 / ts - ((zr zz + zr ze) / (cs * ts) + (zr G + zr m * (zr qe * zr wi)) / W) =
    (zr t0 * (cs * (zr us * vs)) - ((zr zz + zr ze) * (zr us * vs) + (zr G + zr m * (zr qe * zr wi)) * (cs * ts))) /
    (cs * ts * W).
    by rewrite /W; field; rewrite !gt_eqF.
  by rewrite divr_gt0 ?subr_gt0 // !mulr_gt0.
rewrite levelE; move: units zn taken near; rewrite [(zr z + _) / _]mulrDl.
set y1 := zr t0 / ts; set y2 := zr z / _; set y3 := zr z_err / _; set y4 := _ / W; set y5 := \sum_(i in M) _.
by set y6 := dot ev (refit _ _ _); set y7 := dot ev _; lra.
Qed.
End Point.

(* the rows that may go *)
Definition going (h : head) (mays : list bool) : {set 'I_(length (rows h))} :=
  [set i : 'I_(length (rows h)) | List.nth i mays false].
(** w minimises the training loss of the rows that are left when the rows M are gone. *)
Definition minimiser_without (h : head) (M : {set 'I_(length (rows h))}) (v : 'cV[R]_(length (decay h))) :=
  minimiser (rows_of (~: M) (Phi R h)) (Decay R h) (rows_of (~: M) (given R h)) v.

(** What is said of a point where `kept` was proved: its output lies on its side of the level today, and so does that
    of every minimiser of the loss without any rows, at most `kept` of those that may go. *)
Definition stays_means (h : head) (mays : list bool) (x : point) := exists m, [/\ kept x = Some m,
  side (above x) (dot (at_point R h x) (today R h)) (level R h) &
  forall M : {set 'I_(length (rows h))}, M \subset going h mays -> (#|M| <= Z.to_nat m)%N ->
  forall v, minimiser_without M v ->
  side (above x) (dot (at_point R h x) v) (level R h)].

(** Where `lost` was proved: without some rows, at most so many, it is across. *)
Definition falls_means (h : head) (mays : list bool) (x : point) := exists m, [/\ lost x = Some m,
  side (above x) (dot (at_point R h x) (today R h)) (level R h) &
  exists M : {set 'I_(length (rows h))}, [/\ M \subset going h mays, (#|M| <= Z.to_nat m)%N &
  forall v, minimiser_without M v ->
  side (~~ above x) (dot (at_point R h x) v) (level R h)]].

(** D4a from integers to verdict. If `check_deleted` answers, the head has a row and a column, the training loss has
    exactly one minimiser whichever rows go, at most `most` of those that may, and every yes means what stands above.
    chunk, the solutions, the inverse, the centre, chosen rows, spans and `propose` are any. Not here: that the integers
    are those of the files. *)
Theorem check_deleted_sound chunk h w us b points near answers :
  check_deleted chunk h w us b points = Some (near, answers) ->
  [/\ (0 < length (rows h))%N /\ (0 < length (decay h))%N, length answers = length points,
    forall M : {set 'I_(length (rows h))}, M \subset going h (may w) -> (#|M| <= Z.to_nat (most w))%N ->
      exists2 v, minimiser_without M v & forall v', minimiser_without M v' -> v' = v,
    near -> base_means R h (Some b) &
    forall x a, List.In (x, a) (List.combine points answers) ->
      (a.1 -> stays_means h (may w) x) /\ (a.2 -> falls_means h (may w) x)].
Proof.
rewrite /check_deleted; case: ifP => // /andP[/andP[/andP[/andP[/andP[/andP[/andP[/andP[wf]]]]]]]].
move=> /List.forallb_forall lens /same_lengthP li /List.forallb_forall wi i0 v0 /same_lengthP lb c0 m0.
case E : (floor_of _ _ _ _ _) => [sigma|//].
have [s1 s2 pH inv low] := floor_sound R wf E; have sH := decay_sym R h.
have [pos rw [lt _ _] _ _] := wfP R wf; have [lH wH _] := normalE R wf chunk.
have wi' : wide (length (decay h)) (inverse w) by apply/List.Forall_forall => c /wi/same_lengthP.
rewrite !(@zrL R) zr0 in i0 v0 c0.
set H := normal_of chunk h in E lH wH *.
set X := columns (decay h) (inverse w); pose through r := List.map (fun x => dotz x r) X.
have [z zl] := zeros_like (decay h).
have rz : List.Forall (fun u => length u = length (zero_like (decay h))) (rows h).
  by apply: List.Forall_impl rw => r ->.
rewrite (diagonalE _ _ z rz); set ks := List.map _ _.
set chosen := choose w ks.
have wp : wide (length (decay h)) (pick chosen (rows h)).
  exact: pick_wide.
have wX : wide (length (decay h)) (images X (pick chosen (rows h))).
  have [lX _] := columnsP (decay h) (inverse w) wi'; rewrite -/X in lX.
  by rewrite -lX; exact: images_wide.
rewrite (apply_allE chunk _ X _ (length (decay h)) z zl wp) (apply_allE chunk _ (rows h) _ (length (decay h)) z zl wX).
set cols := spread _ _; set ss := Delete.spans _ _ _ _ _ _.
case: ifP => // /andP[/same_lengthP lc ok].
have [lss lks _ _ [lcols _]] := all_holdP ok.
have lmay : length (may w) = length (rows h) by rewrite -lks List.map_length.
have colsE l : (l < length (rows h))%N -> List.nth l cols None = if List.nth l chosen false
    then Some (List.map (fun r => dotz r (through (List.nth l (rows h) nil))) (rows h)) else None.
  move=> ln; rewrite /cols /images List.map_map.
  exact: (spread_pick (fun r0 => List.map (fun r => dotz r (through r0)) (rows h)) nil lc ln).
have sound e M := @spans_sound R h us chunk w b sigma wf s1 s2 pH inv li wi' i0 v0 lb c0 m0 chosen ss cols colsE
  (etrans lcols lmay) ok e M.
have {}lss := etrans lss lmay.
pose q x := List.map (fun r => dotz r (solution x)) (rows h).
pose im x := List.map (fun r => dotz r (solution x)) H.
pose P x := length (features x) = length (decay h) /\ length (solution x) = length (decay h).
have hP : List.Forall P points.
  by apply/List.Forall_forall => x /lens /andP[/same_lengthP lx /same_lengthP ls].
set judged := judge_deleted h us (span_scale w) (most w) (gradient_of h H b) sigma b (may w) ss
  (max_from Z0 (List.map reach ss)) (propose w).
rewrite (@flat_chunks _ _ chunk _ points _ (fun x => judged x (q x) (im x)) P hP); last first.
  move=> xs hxs; have hs : List.Forall (fun u => length u = length (zero_like (decay h))) (List.map solution xs).
    by apply/List.Forall_map; apply: List.Forall_impl hxs => x [_ ->].
  have [b0 bM] := max_absP (rows h); have [d0 dM] := max_absP H.
  rewrite !applyE // !List.map_map; elim: xs {hxs hs} => [//|x xs IH] /=; congr (_ :: _); exact: IH.
move=> [<- <-]; split=> //; first by rewrite List.map_length.
- move=> M MA Mk; have [pM _] := sound 0 M MA Mk.
  exists (refit_without (Phi R h) (Decay R h) (given R h) M) => [|v']; first exact/(minimiserP sH pM).
  by move/(minimiserP sH pM).
- move=> /(within_sound wf s1 s2 pH low) near'; exists b => // v /(minimiserP sH pH) ->; exact: near'.
move=> x a hin; have [hx ->] : List.In x points /\ a = judged x (q x) (im x).
  elim: points {lens hP} hin => [//|y ys IH] /= [[<- <-]|/IH[]]; split=> //; [by left|by right].
have [lx lu] : P x by move/List.Forall_forall: hP; exact.
have only (M : {set 'I_(length (rows h))}) : M \subset going h (may w) -> (#|M| <= Z.to_nat (most w))%N ->
    forall v, minimiser_without M v ->
    v = refit_without (Phi R h) (Decay R h) (given R h) M.
  by move=> MA Mk v; have [pM _] := sound 0 M MA Mk; move/(minimiserP sH pM).
have fits m M : Z.leb m (most w) -> (#|M : {set 'I_(length (rows h))}| <= Z.to_nat m)%N ->
    (#|M| <= Z.to_nat (most w))%N.
  by move=> mm Mm; apply: leq_trans Mm _; move: mm; clear; lia.
split=> [k1|k2].
  have [m [kE mm td st]] := judged_kept wf s1 s2 pH inv low lb c0 v0 lss sound lx lu (erefl _) (erefl _) k1.
  exists m; split=> // M MA Mm v hv; rewrite (only M MA (fits m M mm Mm) v hv); exact: st.
have [m [kE mm td [M [MA Mm st]]]] :=
  judged_lost wf s1 s2 pH inv low lb c0 v0 lss lmay sound lx lu (erefl _) (erefl _) k2.
by exists m; split=> //; exists M; split=> // v hv; rewrite (only M MA (fits m M mm Mm) v hv).
Qed.

(** No row or no column: refused, whatever the rest says. *)
Theorem check_deleted_refuses_empty chunk h w us b points : rows h = nil \/ decay h = nil ->
  check_deleted chunk h w us b points = None.
Proof. by rewrite /check_deleted /well_formed => -[->|->] /=; rewrite ?andbF. Qed.
End Without.
