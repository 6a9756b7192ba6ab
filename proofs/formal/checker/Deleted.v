(** What the integers of `Delete.v` say of a head, over any real closed field R (the real numbers are one): the hat
    matrix, residuals and outputs as computed, and spans that were accepted (`spans_sound`). *)
From Coq Require Import ZArith List.
From mathcomp Require Import all_ssreflect all_algebra ring lra zify ssrZ.
From Certify Require Import Euclid Core Definite Ridge Deletions Spans Margin Checker Packed Relabel Shapes Sums
  Relabelled Delete Removals.
Import GRing.Theory Num.Theory Order.Theory.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Local Open Scope ring_scope.

(* an integer root, rounded up, of a quotient *)
Lemma rounded_up (R : rcfType) (X s : Z) : 0 <= zr R X -> 0 < zr R s ->
  let r := Z.add (Z.sqrt (Z.div X s)) (Zpos xH) in 0 <= zr R r /\ zr R X <= zr R r ^+ 2 * zr R s.
Proof.
move=> X0 s0 r; have X0' : Z.le Z0 X by apply/Z.leb_le; rewrite (@zrS R) zr0.
have s0' : Z.lt Z0 s by apply/Z.ltb_lt; rewrite (@zrL R) zr0.
have [r0 rE] := sqrt_up X s X0' s0'; move/Z.leb_le: r0; move/Z.leb_le: rE.
by rewrite !(@zrS R) zr0 -/r !zrM expr2.
Qed.
Lemma root_ge (R : rcfType) err k : zr R k + zr R err <= zr R (root err k) ^+ 2 /\ 0 <= zr R (root err k).
Proof.
have h : Z.leb (Z.add k err) (Z.mul (root err k) (root err k)) /\ Z.leb Z0 (root err k).
  have := Z.sqrt_nonneg (Z.add k err); have := Z.sqrt_spec (Z.add k err); rewrite /root.
  set r := Z.sqrt _ => sp r0; split; last by lia.
  by case: (Z.le_gt_cases Z0 (Z.add k err)) => c; [have := sp c; lia|nia].
by move: h; rewrite !(@zrS R) zr0 zrM zrD expr2.
Qed.
Lemma one_less (R : rcfType) (m : Z) : Z.ltb Z0 m -> zr R (Z.sub m (Zpos xH)) = ((Z.to_nat m).-1)%:R.
Proof.
move=> m0; have h : Z.leb Z0 (Z.sub m (Zpos xH)) by move: m0; lia.
by rewrite (zr_nat R h); congr (_%:R); move: m0; clear; lia.
Qed.
Lemma some_most (m : Z) : Z.ltb Z0 m -> (0 < Z.to_nat m)%N.
Proof. by move=> m0; lia. Qed.

Section Deleted.
Variable R : rcfType.
Local Notation zr := (@zr R).
Local Notation at_ l i := (List.nth i l Z0).
Local Notation span_at l i := (List.nth i l no_span).

Section Head.
Variables (h : head) (us : Z) (chunk : nat) (w : witness) (b : base) (sigma : Z * Z).
Hypothesis wf : well_formed h us.
Let n := length (rows h).
Let p := length (decay h).
Let fs := zr (feature_scale h).
Let ts := zr (target_scale h).
Let H := normal_of chunk h.
Let PhiR : 'M[R]_(n, p) := Phi R h.
Let S := Decay R h.
Let isc := zr (inverse_scale w).
Let vs := zr (span_scale w).
Let cs := zr (centre_scale b).
Hypotheses (s1 : 0 < zr sigma.1) (s2 : 0 < zr sigma.2) (pH : posdef (normal PhiR S)).
Let sg : R := zr sigma.1 / (zr sigma.2 * fs ^+ 2).
Hypotheses (inv : forall rho, qf (invmx (normal PhiR S)) rho <= nsq rho / sg)
  (low_end : forall y, sg * enorm y <= enorm (normal PhiR S *m y)).
Hypotheses (li : length (inverse w) = p) (wi : wide p (inverse w)) (i0 : 0 < isc) (v0 : 0 < vs)
  (lb : length (centre b) = p) (c0 : 0 < cs) (m0 : Z.ltb Z0 (most w)).

Let f0 : 0 < fs. Proof. by have [_ _ _ _ [? _ _ _]] := wfP R wf. Qed.
Let t0' : 0 < ts. Proof. by have [_ _ _ _ [_ ? _ _]] := wfP R wf. Qed.
Let u0 : 0 < zr us. Proof. by have [_ _ _ _ [_ _ _ ?]] := wfP R wf. Qed.
Let rw : wide p (rows h). Proof. by have [_ ? _ _ _] := wfP R wf. Qed.
Let lt : length (targets h) = n. Proof. by have [_ _ [? _ _] _ _] := wfP R wf. Qed.
Let sg0 : 0 < sg. Proof. by rewrite divr_gt0 // mulr_gt0 // exprn_gt0. Qed.
Let symS : sym S := decay_sym R h.
Let S0 : forall x, 0 <= qf S x := decay_ge0 wf.
Let K := hat PhiR S.
Let in_rows (i : 'I_n) : (i < length (rows h))%coq_nat. Proof. exact/ssrnat.ltP. Qed.
Let row_ (i : nat) := List.nth i (rows h) nil.
Let lrow (i : 'I_n) : length (row_ i) = p. Proof. exact: wide_nth. Qed.

(* ---- the hat matrix ---- *)
Let X := columns (decay h) (inverse w).
Let through (r : list Z) := List.map (fun x => dotz x r) X.
Let err := hat_error chunk h H (inverse w) (inverse_scale w) sigma.

Lemma through_entry (i l : 'I_n) : zr (dotz (row_ i) (through (row_ l))) / isc =
  (PhiR *m (approx R h (inverse w) (inverse_scale w) *m (row l PhiR)^T)) i 0.
Proof.
have [cl cE] := columnsP (decay h) (inverse w) wi.
rewrite (@dotzE R _ _ p) ?List.map_length // mxE big_distrl /=; apply: eq_bigr => a _.
have aX : (a < length X)%coq_nat by rewrite cl; apply/ssrnat.ltP.
have [la ca] := cE a ltac:(apply/ssrnat.ltP; exact: ltn_ord).
rewrite (nth_mapped _ _ _ nil) // (@dotzE R _ _ p) ?la // !mxE big_distrr big_distrl /= big_distrr /=.
apply: eq_bigr => j _; rewrite !mxE.
have := ca j ltac:(rewrite li; apply/ssrnat.ltP; exact: ltn_ord); rewrite /entry => ->; field.
by rewrite !gt_eqF.
Qed.

Lemma hat_integers (i l : 'I_n) : `|K i l - zr (dotz (row_ i) (through (row_ l))) / isc| <= zr err / isc.
Proof.
rewrite through_entry; set D := 1%:M - normal PhiR S *m approx R h (inverse w) (inverse_scale w).
have off0 : 0 <= fro2 D by do 2![apply: sumr_ge0 => ? _]; exact: sqr_ge0.
have offE : fro2 D = _ := inverse_off wf chunk li wi i0.
have lE j : nsq (row j PhiR)^T = zr (squares_from Z0 (row_ j)) / fs ^+ 2.
  rewrite (@squares_fromE R _ p) // zr0 add0r big_distrl /=; apply: eq_bigr => a _.
  by rewrite !mxE -expr2 expr_div_n.
set off := off_unit _ _ _ in offE; set long := longest_from Z0 (rows h).
have long0 : 0 <= zr long by rewrite -zr0; have [] := longestP R (rows h) nil Z0.
have o0 : 0 <= zr off.
  have : 0 <= fro2 D * isc ^+ 2 by rewrite mulr_ge0 ?sqr_ge0.
  by rewrite offE divfK // gt_eqF // exprn_gt0.
have [e0 eE] := @rounded_up R (Z.mul (Z.mul off long) sigma.2) sigma.1 ltac:(by rewrite !zrM !mulr_ge0 // ltW) s1.
rewrite -/err in e0 eE.
have h0 : 0 <= Num.sqrt (fro2 D) by exact: sqrtr_ge0.
apply: (@hat_near R n p PhiR S S0 pH sg sg0 inv _ (Num.sqrt (fro2 D)) (zr long / fs ^+ 2)) => //.
- by apply: fro2_opbnd => //; rewrite sqr_sqrtr.
- by rewrite divr_ge0 // ltW.
- rewrite lE ler_wpM2r ?invr_ge0 ?sqr_ge0 //; have [_] := longestP R (rows h) (row_ l) Z0; apply.
  exact: List.nth_In.
rewrite sqr_sqrtr // offE -subr_ge0.
have -> : (zr err / isc) ^+ 2 * sg - zr off / isc ^+ 2 * (zr long / fs ^+ 2) =
  (zr err ^+ 2 * zr sigma.1 - zr off * zr long * zr sigma.2) / (isc ^+ 2 * (zr sigma.2 * fs ^+ 2)).
  by rewrite /sg; field; rewrite !gt_eqF.
apply: divr_ge0; first by rewrite subr_ge0; move: eE; rewrite !zrM.
by rewrite !mulr_ge0 ?sqr_ge0 // ltW.
Qed.
Lemma err_ge0 : 0 <= zr err.
Proof. by rewrite -zr0 -zrS; apply/Z.leb_le; apply: Z.add_nonneg_nonneg => //; exact: Z.sqrt_nonneg. Qed.

(* ---- residuals, outputs, influences ---- *)
Let gradient := gradient_of h H b.
Let r_err := Z.add (Z.sqrt (Z.div (Z.mul gradient sigma.2) sigma.1)) (Zpos xH).
Let gradE : nsq (normal PhiR S *m centred R h b - PhiR^T *m given R h) = zr gradient / (fs * cs * ts) ^+ 2.
Proof. exact: (gradientE wf chunk lb c0). Qed.
Let grad0 : 0 <= zr gradient.
Proof.
have : 0 <= zr gradient / (fs * cs * ts) ^+ 2 by rewrite -gradE nsq_ge0.
by rewrite pmulr_lge0 // invr_gt0 exprn_gt0 // !mulr_gt0.
Qed.

Lemma residual_near (i : 'I_n) :
  `|left_over PhiR S (given R h) i 0 - zr (at_ (residuals h b) i) / (cs * ts)| <= zr r_err / (cs * ts).
Proof.
have [e0 eE] := @rounded_up R (Z.mul gradient sigma.2) sigma.1 ltac:(by rewrite !zrM !mulr_ge0 // ltW) s1.
rewrite -/r_err in e0 eE.
have near := @influence_near R n p PhiR S S0 pH sg sg0 inv (PhiR^T *m given R h) (centred R h b)
  (zr r_err / (cs * ts)) i.
have -> : left_over PhiR S (given R h) i 0 - zr (at_ (residuals h b) i) / (cs * ts) =
    - (influence PhiR S (PhiR^T *m given R h) i 0 - (PhiR *m centred R h b) i 0).
  have -> : zr (at_ (residuals h b) i) / (cs * ts) = given R h i 0 - (PhiR *m centred R h b) i 0.
    rewrite /residuals (nth_mapped _ _ _ (nil, Z0)) ?List.combine_length ?lt; last first.
      by rewrite Nat.min_id; exact/ssrnat.ltP.
    rewrite List.combine_nth ?lt //= -/(row_ i) dot_fromE Z.add_0_l zrB !zrM (@dotzE R _ _ p) //.
    have -> : (PhiR *m centred R h b) i 0 = (\sum_(j < p) zr (at_ (row_ i) j) * zr (at_ (centre b) j)) / cs.
      rewrite mxE big_distrl /=; apply: eq_bigr => j _; rewrite !mxE /entry -/(row_ i); field.
      by rewrite !gt_eqF.
    by rewrite mxE; field; rewrite !gt_eqF.
  have -> : left_over PhiR S (given R h) i 0 = given R h i 0 - influence PhiR S (PhiR^T *m given R h) i 0.
    by rewrite /left_over [LHS]mxE; congr (_ + _); rewrite [LHS]mxE.
  by ring.
rewrite normrN; apply: near; first by rewrite divr_ge0 // mulr_ge0 // ltW.
have -> : nsq (PhiR^T *m given R h - normal PhiR S *m centred R h b) =
    nsq (normal PhiR S *m centred R h b - PhiR^T *m given R h) by rewrite -opprB /nsq dotNl dotNr opprK.
rewrite gradE -subr_ge0; have -> : (zr r_err / (cs * ts)) ^+ 2 * sg - zr gradient / (fs * cs * ts) ^+ 2 =
  (zr r_err ^+ 2 * zr sigma.1 - zr gradient * zr sigma.2) / ((fs * cs * ts) ^+ 2 * zr sigma.2).
  by rewrite /sg; field; rewrite !gt_eqF.
apply: divr_ge0; first by rewrite subr_ge0; move: eE; rewrite !zrM.
by rewrite mulr_ge0 ?sqr_ge0 // ltW.
Qed.

Lemma output_close (e : list Z) (ev : 'cV[R]_p) : length e = p -> (forall a : 'I_p, ev a 0 = zr (at_ e a) / fs) ->
  `|dot ev (refit PhiR S (given R h)) - zr (Z.mul (target_scale h) (dot_from Z0 e (centre b))) / (cs * ts)| <=
  zr (Z.add (Z.sqrt (Z.div (Z.mul (Z.mul (squares_from Z0 e) gradient) (Z.mul sigma.2 sigma.2))
    (Z.mul sigma.1 sigma.1))) (Zpos xH)) / (cs * ts).
Proof.
move=> le evE; set y := centred R h b - refit PhiR S (given R h).
have sqE : nsq ev = zr (squares_from Z0 e) / fs ^+ 2.
  rewrite (@squares_fromE R _ p) // zr0 add0r big_distrl /=; apply: eq_bigr => a _.
  by rewrite evE -expr2 expr_div_n.
have sq0 : 0 <= zr (squares_from Z0 e).
  by rewrite (@squares_fromE R _ p) // zr0 add0r; apply: sumr_ge0 => a _; exact: sqr_ge0.
have [e0 eE] := @rounded_up R (Z.mul (Z.mul (squares_from Z0 e) gradient) (Z.mul sigma.2 sigma.2))
  (Z.mul sigma.1 sigma.1) ltac:(by rewrite !zrM !mulr_ge0 // ltW) ltac:(by rewrite zrM mulr_gt0).
set r := Z.add (Z.sqrt _) _ in e0 eE *.
have -> : zr (Z.mul (target_scale h) (dot_from Z0 e (centre b))) / (cs * ts) = dot ev (centred R h b).
  rewrite dot_fromE Z.add_0_l zrM (@dotzE R _ _ p) // big_distrr big_distrl /=; apply: eq_bigr => a _.
  by rewrite evE !mxE; field; rewrite !gt_eqF.
have -> : dot ev (refit PhiR S (given R h)) - dot ev (centred R h b) = - dot ev y.
  by rewrite /y dotDr dotNr opprD opprK addrC.
have Hy : normal PhiR S *m y = normal PhiR S *m centred R h b - PhiR^T *m given R h.
  by rewrite /y mulmxBr /refit mulKVmx // posdef_unit.
have ny : sg ^+ 2 * nsq y <= zr gradient / (fs * cs * ts) ^+ 2.
  have l0 : 0 <= sg * enorm y by rewrite mulr_ge0 ?enorm_ge0 // ltW.
  by rewrite -gradE -Hy -!sqr_enorm -exprMn ler_pXn2r ?nnegrE ?enorm_ge0 //; exact: low_end.
have d0 : 0 <= zr r / (cs * ts) by rewrite divr_ge0 // mulr_ge0 // ltW.
rewrite normrN -(@ler_pXn2r _ 2) ?nnegrE // real_normK ?num_real //.
apply: le_trans (CS_sq _ _) _; rewrite sqE.
have {}ny : nsq y <= zr gradient / (fs * cs * ts) ^+ 2 / sg ^+ 2 by rewrite ler_pdivlMr ?exprn_gt0 // mulrC.
apply: le_trans (ler_wpM2l _ ny) _; first by rewrite divr_ge0 // sqr_ge0.
rewrite -subr_ge0; have -> : (zr r / (cs * ts)) ^+ 2 -
    zr (squares_from Z0 e) / fs ^+ 2 * (zr gradient / (fs * cs * ts) ^+ 2 / sg ^+ 2) =
  (zr r ^+ 2 * (zr sigma.1 * zr sigma.1) - zr (squares_from Z0 e) * zr gradient * (zr sigma.2 * zr sigma.2)) /
  (zr sigma.1 * cs * ts) ^+ 2.
  by rewrite /sg; field; rewrite !gt_eqF.
apply: divr_ge0; last exact: sqr_ge0.
by rewrite subr_ge0; move: eE; rewrite !zrM.
Qed.

(* ---- the spans ---- *)
Variables (chosen : list bool) (ss : list span).
Hypothesis lc : length chosen = n.
Let ks := List.map (fun r => dotz r (through r)) (rows h).
Variable cols : list (option (list Z)).
Hypothesis colsE : forall l, (l < n)%N -> List.nth l cols None = if List.nth l chosen false
  then Some (List.map (fun r => dotz r (through (row_ l))) (rows h)) else None.
Hypothesis lcols : length cols = n.
Let accs := add_columns err ss ss cols (zero_like (rows h)).
Let outside := outside_from err Z0 ks ss cols.
Let most1 := Z.sub (most w) (Zpos xH).
Let r_scale := Z.mul (centre_scale b) (target_scale h).
Hypothesis ok : all_hold err most1 outside r_scale (inverse_scale w) (span_scale w) r_err ss (may w) ss ks
  (residuals h b) accs cols.

Definition goers : {set 'I_n} := [set i : 'I_n | List.nth i (may w) false].
Let k := Z.to_nat (most w).
Let lo (i : 'I_n) : R := zr (low (span_at ss i)) / vs.
Let hi (i : 'I_n) : R := zr (high (span_at ss i)) / vs.
Let pull (i : 'I_n) : R := zr (pull_of err most1 ss (span_at ss i) (at_ ks i) (at_ accs i) (List.nth i cols None)).
Let U := isc * vs.
Let U0 : 0 < U. Proof. exact: mulr_gt0. Qed.
Let lks : length ks = n. Proof. by rewrite List.map_length. Qed.
Let lss : length ss = n. Proof. by have [-> <- _ _ _] := all_holdP ok. Qed.
Let lmay : length (may w) = n. Proof. by have [_ <- _ _ _] := all_holdP ok. Qed.

Let reachE i : extent lo hi i = zr (reach (span_at ss i)) / vs.
Proof. by rewrite /extent zr_reach !normrM [`|vs^-1|]gtr0_norm ?invr_gt0 // maxr_pMl // invr_ge0 ltW. Qed.
Let ksE (i : 'I_n) : at_ ks i = dotz (row_ i) (through (row_ i)).
Proof. by rewrite /ks (nth_mapped (fun r => dotz r (through r)) _ _ nil). Qed.
Let most1E : zr most1 = k.-1%:R.
Proof. exact: one_less. Qed.

(* the size of K_il, from whatever column is looked at *)
Let size_of c : R := (`|zr c| + zr err) / isc.
Let K_own (i l : 'I_n) : `|K i l| <= size_of (dotz (row_ i) (through (row_ l))).
Proof.
rewrite /size_of mulrDl; have := hat_integers i l; set x := zr _ / isc => near.
have -> : `|zr (dotz (row_ i) (through (row_ l)))| / isc = `|x| by rewrite /x normrM [`|isc^-1|]gtr0_norm ?invr_gt0.
by have := ler_normD (K i l - x) x; rewrite subrK; move: near; lra.
Qed.
Let K_sym (i l : 'I_n) : K i l = K l i.
Proof. exact: hat_entry. Qed.

Let weight (i l : 'I_n) : R :=
  if List.nth i cols None is Some c then (`|zr (at_ c l)| + zr err) * zr (reach (span_at ss l))
  else if List.nth l cols None is Some c then (`|zr (at_ c i)| + zr err) * zr (reach (span_at ss l))
  else zr (root err (at_ ks i)) * (zr (root err (at_ ks l)) * zr (reach (span_at ss l))).

Let column_at (i l : 'I_n) :
  at_ (List.map (fun r => dotz r (through (row_ l))) (rows h)) i = dotz (row_ i) (through (row_ l)).
Proof. by rewrite (nth_mapped _ _ _ nil). Qed.

Let weighs (i l : 'I_n) : `|K i l| * extent lo hi l <= weight i l / U.
Proof.
rewrite reachE /weight; set v := zr (reach _); have v00 : 0 <= v by exact: reach_ge0.
have frac (x y : R) : x * y / U = x / isc * (y / vs) by rewrite /U; field; rewrite !gt_eqF.
rewrite !colsE //; case: (List.nth i chosen false).
  by rewrite column_at frac ler_wpM2r ?divr_ge0 ?(ltW v0) // K_sym; exact: K_own.
case: (List.nth l chosen false).
  by rewrite column_at frac ler_wpM2r ?divr_ge0 ?(ltW v0) //; exact: K_own.
rewrite mulrA frac ler_wpM2r ?divr_ge0 ?(ltW v0) //.
pose s (j : 'I_n) : R := zr (root err (at_ ks j)) / Num.sqrt isc.
have q0 : 0 < Num.sqrt isc by rewrite sqrtr_gt0.
have qq : Num.sqrt isc * Num.sqrt isc = isc by rewrite -expr2 sqr_sqrtr // ltW.
have sp j : 0 <= s j by rewrite divr_ge0 ?sqrtr_ge0 //; have [] := root_ge R err (at_ ks j).
have sK j : K j j <= s j ^+ 2.
  rewrite expr_div_n expr2 -expr2 [Num.sqrt isc ^+ 2]expr2 qq ler_pdivlMr //.
  have [r1 _] := root_ge R err (at_ ks j); apply: le_trans r1.
  have := hat_integers j j; rewrite -ksE ler_norml => /andP[_].
  by rewrite lerBlDr -mulrDl ler_pdivlMr // addrC.
have := hat_CS symS S0 pH i l sp sK; rewrite /s mulrACA -invfM qq; exact.
Qed.

Let pull_enough (i : 'I_n) (L : {set 'I_n}) : i \in goers -> L \subset goers -> i \notin L -> (#|L| < k)%N ->
  \sum_(l in L) `|K i l| * extent lo hi l <= pull i / U.
Proof.
rewrite inE => iA _ iL Lk; have [_ _ _ _ [_ /(_ i iA)]] := all_holdP ok.
rewrite /holds => /andP[/andP[/andP[/andP[lev _] bar] _] _].
rewrite (@zrS R) zr0 in lev.
apply: (@le_trans _ _ ((\sum_(l in L) weight i l) / U)).
  by rewrite big_distrl /=; apply: ler_sum => l _; exact: weighs.
rewrite ler_wpM2r ?invr_ge0 ?(ltW U0) //.
have Li : L \subset ~: [set i] by apply/subsetP => l lL; rewrite !inE; apply: contraNneq iL => <-.
have Lk' : (#|L| <= k.-1)%N by move: Lk; case: (k).
apply: le_trans (over_level (weight i) lev Lk' Li) _.
rewrite /pull /pull_of zrD zrM most1E lerD2l.
rewrite (eq_bigl (fun l => l != i)) => [|l]; last by rewrite !inE.
have diagE := ksE i; move: bar; rewrite /weight colsE //; case: (List.nth i chosen false) => [_|bar].
  rewrite zrB (@column_fromE R _ _ n) ?List.map_length // zr0 add0r zr_over zrM zrD zr_abs.
  rewrite [X in _ <= X - _](bigD1 i) //= column_at -diagE [leRHS]addrAC subrr add0r.
  by rewrite le_eqVlt; apply/orP; left; apply/eqP; apply: eq_bigr => l _.
have hc : forall l c, List.nth l cols None = Some c -> length c = n.
  move=> l c; case: (ltnP l n) => ln; last by rewrite List.nth_overflow // lcols; apply/ssrnat.leP.
  by rewrite colsE //; case: (List.nth l chosen false) => // -[<-]; rewrite List.map_length.
rewrite (@add_columnsE R err ss n i lss (ltn_ord i) n) //; last exact: (proj2 (zeros_like (rows h))).
have -> : at_ (zero_like (rows h)) i = Z0.
  have [/List.Forall_forall z zl] := zeros_like (rows h); apply: z; apply: List.nth_In; rewrite zl; exact: in_rows.
rewrite zr0 add0r [leRHS](bigD1 i) //= -[leLHS]add0r; apply: lerD.
  by rewrite /excess; case: (List.nth i cols None) => // c; rewrite le_max lexx.
apply: ler_sum => l li'; rewrite /excess colsE //; case cl : (List.nth l chosen false) => //.
rewrite ge_max lexx /= subr_le0; rewrite (@zrS R) zrM in bar; apply: le_trans bar.
apply: ler_wpM2l; first by have [] := root_ge R err (at_ ks i).
have [_ out] := @outsideP R err n ks ss cols Z0 lks lss lcols; apply: out => //.
by rewrite colsE // cl.
Qed.

Let pull_ge0 (i : 'I_n) : i \in goers -> 0 <= pull i / U.
Proof.
move=> iA; have := @pull_enough i set0 iA (sub0set _); rewrite big_set0 inE cards0; apply=> //.
exact: some_most.
Qed.

(* what `holds` says, in units of one *)
Let bounds (i : 'I_n) : i \in goers -> [/\ 0 < 1 - K i i,
  pull i / U < left_over PhiR S (given R h) i 0 - (1 - K i i) * lo i &
  pull i / U < (1 - K i i) * hi i - left_over PhiR S (given R h) i 0].
Proof.
rewrite inE => iA; have [_ _ _ _ [_ /(_ i iA)]] := all_holdP ok.
rewrite /holds => /andP[/andP[/andP[/andP[_ dp] _] below] above].
have near := hat_integers i i; rewrite -ksE in near; have res := residual_near i; have e0 := err_ge0.
set pl := pull_of _ _ _ _ _ _ _ in below above; have -> : pull i = zr pl by [].
move: pl (err) (r_err) dp below above near res e0 => pl er rr dp below above near res e0.
rewrite !(@zrL R) !(zrB, zrM, zrD) -/isc -/vs -/cs -/ts in dp below above.
set kz := zr (at_ ks i) in near dp below above; set r := zr (at_ (residuals h b) i) in res below above.
set a := zr (low _) in below; set c := zr (high _) in above; set v := zr (reach _) in below above.
have [av cv] : `|a| <= v /\ `|c| <= v by split; rewrite /v zr_reach le_max lexx ?orbT.
set D := 1 - K i i; set x := left_over _ _ _ i 0 in res *.
have DE : `|D - (isc - kz) / isc| <= zr er / isc.
  have -> : D - (isc - kz) / isc = - (K i i - kz / isc) by rewrite /D; field; rewrite gt_eqF.
  by rewrite normrN.
have rs0 : 0 < cs * ts by exact: mulr_gt0.
have part y : `|y| <= v -> `|D * (y / vs) - (isc - kz) * y / U| <= zr er * v / U.
  move=> hy; have -> : D * (y / vs) - (isc - kz) * y / U = (D - (isc - kz) / isc) * (y / vs).
    by rewrite /U; field; rewrite !gt_eqF.
  have -> : zr er * v / U = zr er / isc * (v / vs) by rewrite /U; field; rewrite !gt_eqF.
  rewrite normrM; apply: ler_pM => //; rewrite normrM [`|vs^-1|]gtr0_norm ?invr_gt0 //.
  by rewrite ler_wpM2r // invr_ge0 ltW.
have pa := part a av; have pc := part c cv.
split.
- move: DE; rewrite ler_norml => /andP[DE _].
  have : 0 < (isc - kz - zr er) / isc by rewrite divr_gt0 ?subr_gt0.
  by rewrite mulrBl; move: DE; lra.
- have : zr pl / U < (r - zr rr) / (cs * ts) - ((isc - kz) * a + zr er * v) / U.
    rewrite -subr_gt0; have -> : (r - zr rr) / (cs * ts) - ((isc - kz) * a + zr er * v) / U - zr pl / U =
      ((r - zr rr) * U - ((isc - kz) * a + zr er * v) * (cs * ts) - zr pl * (cs * ts)) / (cs * ts * U).
      by field; rewrite !gt_eqF.
    by rewrite divr_gt0 ?subr_gt0 // mulr_gt0.
  rewrite [(r - zr rr) / _]mulrBl [(_ + zr er * v) / _]mulrDl; move: pa res.
  rewrite !ler_norml => /andP[_ pa] /andP[res _].
  move: pa res; rewrite /lo -/a; set y1 := D * _; set y2 := (isc - kz) * a / U; set y3 := zr er * v / U.
  by set y4 := r / _; set y5 := zr rr / _; lra.
have : zr pl / U < ((isc - kz) * c - zr er * v) / U - (r + zr rr) / (cs * ts).
  rewrite -subr_gt0; have -> : ((isc - kz) * c - zr er * v) / U - (r + zr rr) / (cs * ts) - zr pl / U =
    (((isc - kz) * c - zr er * v) * (cs * ts) - (r + zr rr) * U - zr pl * (cs * ts)) / (cs * ts * U).
    by field; rewrite !gt_eqF.
  by rewrite divr_gt0 ?subr_gt0 // mulr_gt0.
rewrite [((isc - kz) * c - _) / _]mulrBl [(r + _) / _]mulrDl; move: pc res.
rewrite !ler_norml => /andP[pc _] /andP[_ res]; move: pc res; rewrite /hi -/c.
set y1 := D * _; set y2 := (isc - kz) * c / U; set y3 := zr er * v / U.
by set y4 := r / _; set y5 := zr rr / _; lra.
Qed.

(** Every set of rows that go, at most `most`, leaves a positive definite normal matrix, and an output falls by at
    most the sum of what the spans allow. *)
Lemma spans_sound (e : 'cV[R]_p) (M : {set 'I_n}) : M \subset goers -> (#|M| <= k)%N ->
  posdef (normal (rows_of (~: M) PhiR) S) /\ dot e (refit PhiR S (given R h)) -
  \sum_(i in M) Num.max (influence PhiR S e i 0 * lo i) (influence PhiR S e i 0 * hi i) <=
  dot e (refit_without PhiR S (given R h) M).
Proof.
apply: (@spans_hold R n p PhiR S symS S0 pH (given R h) e goers k lo hi (fun i => pull i / U)).
- exact: pull_ge0.
- by move=> i /bounds[].
- exact: pull_enough.
- by move=> i /bounds[].
by move=> i /bounds[].
Qed.
End Head.
End Deleted.
