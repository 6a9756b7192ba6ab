(** Squared-loss heads: what the refit is, and how far its outputs are from computed ones (D3, D4, first parts).
    Phi : rows of features; S : the decay mu D (any symmetric form that is not negative); H = Phi^T Phi + S. *)
From mathcomp Require Import all_ssreflect all_algebra ring lra.
From Certify Require Import Euclid Core Definite.
Import GRing.Theory Num.Theory Order.Theory.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Local Open Scope ring_scope.

Section Ridge.
Variable R : rcfType.
Variables (n p : nat) (Phi : 'M[R]_(n, p)) (S : 'M[R]_p).
Hypotheses (symS : sym S) (S0 : forall x, 0 <= qf S x).
Definition normal : 'M[R]_p := Phi^T *m Phi + S.
Hypothesis pH : posdef normal.

Lemma normal_sym : sym normal.
Proof. by rewrite /sym /normal linearD /= trmx_mul trmxK symS. Qed.
Lemma normal_unit : normal \in unitmx.
Proof. exact: posdef_unit. Qed.
Lemma qf_normal x : qf normal x = nsq (Phi *m x) + qf S x.
Proof. by rewrite /normal qfD -{1}(mulmx1 Phi^T) qf_congrT qf1. Qed.

(* twice the training loss of one output with targets t *)
Definition loss (t : 'cV[R]_n) (v : 'cV[R]_p) : R := nsq (Phi *m v - t) + qf S v.
Definition refit (t : 'cV[R]_n) : 'cV[R]_p := invmx normal *m (Phi^T *m t).

Lemma loss_refit t v : loss t v = loss t (refit t) + qf normal (v - refit t).
Proof.
set w := refit t; have Hw : normal *m w = Phi^T *m t by rewrite /w /refit mulKVmx // normal_unit.
have E x : loss t x = qf normal x - 2%:R * dot x (Phi^T *m t) + nsq t.
  rewrite qf_normal /loss /nsq !dotDl !dotDr !dotNl !dotNr (dotC t) [dot x _]dot_mulmx trmxK; ring.
rewrite !E -Hw /qf mulmxBr !dotDl !dotDr !dotNl !dotNr (dot_sym w v normal_sym); ring.
Qed.

(** D3, D4: H^-1 Phi^T t is the one minimiser of the squared loss with decay, if H is positive definite. *)
Theorem refit_least t v : v != refit t -> loss t (refit t) < loss t v.
Proof. by move=> vn; rewrite (loss_refit t v) ltrDl; apply: pH; rewrite subr_eq0. Qed.

(* influences of the rows on the output at e *)
Definition influence (e : 'cV[R]_p) : 'cV[R]_n := Phi *m (invmx normal *m e).

(** The output at e is linear in the targets: e . refit(t) = q . t, q = Phi H^-1 e. *)
Theorem output_linear e t : dot e (refit t) = dot (influence e) t.
Proof.
have T : (invmx normal)^T = invmx normal by rewrite trmx_inv normal_sym.
by rewrite /refit /influence dot_mulmx T dot_mulmx trmxK.
Qed.

(** Lemma 1 of D3: |Phi H^-1 rho|^2 <= rho . H^-1 rho. *)
Theorem influence_bound rho : nsq (influence rho) <= qf (invmx normal) rho.
Proof.
have -> : qf (invmx normal) rho = qf normal (invmx normal *m rho).
  by rewrite /qf mulKVmx ?normal_unit // dotC.
by rewrite qf_normal lerDl.
Qed.

(** D3, what is computed: any u stands for H^-1 e. With e = H u + rho and a congruence witness X of H, the
    influences Phi u are wrong by at most |X rho|/sqrt(1 - delta) as one vector. Not here: rounding, features
    known within a distance. *)
Theorem influence_error e u (X : 'M[R]_p) (delta : R) : 0 <= delta -> delta < 1 ->
  opbnd (X *m normal *m X^T - 1%:M) delta ->
  nsq (influence e - Phi *m u) <= nsq (X *m (e - normal *m u)) / (1 - delta).
Proof.
move=> d0 d1 h; have -> : influence e - Phi *m u = influence (e - normal *m u).
  by rewrite /influence -mulmxBr; congr (_ *m _); rewrite mulmxBr mulKmx ?normal_unit.
apply: le_trans (influence_bound _) _.
by have /andP[] := congruence_inverse normal_sym d0 d1 h (e - normal *m u).
Qed.

(** Lemma 1 of D3 and D4: the hat matrix K = Phi H^-1 Phi^T lies between 0 and I. *)
Theorem hat_bounds y : 0 <= qf (Phi *m invmx normal *m Phi^T) y <= nsq y.
Proof.
rewrite qf_congr; set x := Phi^T *m y; set w := invmx normal *m x.
have wx : qf (invmx normal) x = qf normal w by rewrite /qf /w mulKVmx ?normal_unit // dotC.
have pos : nsq (Phi *m w) <= qf normal w by rewrite qf_normal lerDl.
rewrite wx (le_trans (nsq_ge0 _) pos) /=.
have E : qf normal w = dot y (Phi *m w).
  by rewrite /qf /w mulKVmx ?normal_unit // dotC /x -dot_mulmx.
have := nsq_ge0 (y - Phi *m w); rewrite /nsq !dotDl !dotDr !dotNl !dotNr (dotC _ y) -E -!/(nsq _).
by move: pos; lra.
Qed.
End Ridge.
