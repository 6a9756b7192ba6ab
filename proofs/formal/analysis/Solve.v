(** Q2, the abstract part: a contraction proves an exact solution near an approximate one. V a complete normed space
    over the reals, F : V -> W the system, X : W -> V with X y = 0 only for y = 0; w - X (F w) contracts on a
    closed ball. *)
From mathcomp Require Import all_ssreflect all_algebra ring lra.
From mathcomp Require Import boolp classical_sets functions reals topology normedtype sequences.
From mathcomp Require Import interval_inference.
Import GRing.Theory Num.Theory Order.Theory.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Local Open Scope ring_scope. Local Open Scope classical_set_scope.

Section Newton.
Variables (R : realType) (V : completeNormedModType R) (W : normedModType R).
Variables (F : V -> W) (X : W -> V) (w0 : V) (rho k : R).
Hypothesis X0 : forall y, X y = 0 -> y = 0.
Hypotheses (rho0 : 0 < rho) (k0 : 0 <= k) (k1 : k < 1).
Let N (w : V) := w - X (F w).
Let B := closed_ball w0 rho.
Hypothesis lip : forall w w', `|w0 - w| <= rho -> `|w0 - w'| <= rho ->
  `|N w - N w'| <= k * `|w - w'|.
Hypothesis small : `|X (F w0)| <= (1 - k) * rho.

Lemma Bin w : B w <-> `|w0 - w| <= rho.
Proof. by rewrite /B closed_ballE. Qed.

Lemma N_maps : set_fun B B N.
Proof.
move=> w /Bin hw; apply/Bin.
have h0 : `|w0 - w0| <= rho by rewrite subrr normr0 ltW.
have h := lip h0 hw.
have -> : w0 - N w = (N w0 - N w) + X (F w0).
  by rewrite /N addrAC subrK.
apply: le_trans (ler_normD _ _) _.
have : k * `|w0 - w| <= k * rho by apply: ler_wpM2l.
by move: h small; lra.
Qed.

(** If the map contracts by k < 1 on the ball of radius rho about w0 and |X (F w0)| <= (1 - k) rho, then F has a
    zero in the ball, within |X (F w0)|/(1 - k) of w0. Used by `certify/systems/interpolation/nearby.py` and
    `certify/systems/critical/nearby.py`. Not here: that the k of the product bounds the derivative over the
    ball. *)
Theorem newton_solution : exists2 w, F w = 0 &
  `|w0 - w| <= rho /\ `|w0 - w| <= `|X (F w0)| / (1 - k).
Proof.
pose f := mkfun_fun N_maps.
have cf : is_contraction f.
  exists (NngNum k0); split => //= -[x y] /= [/Bin hx /Bin hy]; exact: lip.
have [||w /Bin hw wE] := banach_fixed_point cf.
- exact: closed_ball_closed.
- by exists w0; apply/Bin; rewrite subrr normr0 ltW.
have Nw : w = N w by exact: wE.
have XF : X (F w) = 0.
  have : w - N w = 0 by rewrite -Nw subrr.
  by rewrite /N opprB addrC subrK.
exists w; [exact: X0|split=> //].
have h0 : `|w0 - w0| <= rho by rewrite subrr normr0 ltW.
have h := lip h0 hw; rewrite ler_pdivlMr ?subr_gt0 //.
have E : w0 - w = (N w0 - N w) + X (F w0) by rewrite -Nw /N addrAC subrK.
have := ler_normD (N w0 - N w) (X (F w0)); rewrite -E; move: h; lra.
Qed.
End Newton.
