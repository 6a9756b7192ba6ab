(** D4: rows deleted from a squared-loss head. The identity for one set of rows, the bound by a comparison vector
    for every set of at most k rows, and the tree. The decay S is the same before and after (with `remaining`
    the page makes one statement for each number of deletions, each at its own decay). *)
From mathcomp Require Import all_ssreflect all_algebra ring lra.
From Certify Require Import Euclid Core Definite Ridge Labels Comparison.
Import GRing.Theory Num.Theory Order.Theory.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Local Open Scope ring_scope.

Section Identity.
Variable R : rcfType.
Variables (m p : nat) (H : 'M[R]_p) (P : 'M[R]_(m, p)).
Hypotheses (symH : sym H) (UH : H \in unitmx).
Let K := P *m invmx H *m P^T.
Hypothesis UN : 1%:M - K \in unitmx.

(* the inverse without the rows P (Woodbury) *)
Lemma without_inverse : (H - P^T *m P) *m (invmx H + invmx H *m P^T *m invmx (1%:M - K) *m P *m invmx H) = 1%:M.
Proof.
set N := 1%:M - K; set G := invmx H.
have KE : P *m G *m P^T = 1%:M - N by rewrite /N subKr.
rewrite mulmxBl !mulmxDr mulmxV // !mulmxA mulmxV // mul1mx.
have -> : P^T *m P *m G *m P^T *m invmx N *m P *m G = P^T *m (P *m G *m P^T) *m invmx N *m P *m G.
  by rewrite !mulmxA.
rewrite KE mulmxBr mulmx1 !mulmxBl -(mulmxA P^T N) mulmxV // mulmx1.
by rewrite [P^T *m P *m G + _]addrC subrK addrK.
Qed.

(** D4, the identity: if I - K_MM is nonsingular, then so is the normal matrix without the rows M, and with the sums
    b = Phi^T t the output at e becomes e . v - c_M . (I - K_MM)^-1 r_M. *)
Theorem deletion_identity (e b : 'cV[R]_p) (t : 'cV[R]_m) :
  H - P^T *m P \in unitmx /\
  dot e (invmx (H - P^T *m P) *m (b - P^T *m t)) =
  dot e (invmx H *m b) - dot (P *m (invmx H *m e)) (invmx (1%:M - K) *m (t - P *m (invmx H *m b))).
Proof.
have [U _] := mulmx1_unit without_inverse; split=> //.
set N := 1%:M - K; set v := invmx H *m b; set s := invmx N *m _.
have Ns : N *m s = t - P *m v by rewrite /s mulKVmx.
have T : (invmx H)^T = invmx H by rewrite trmx_inv symH.
have -> : invmx (H - P^T *m P) *m (b - P^T *m t) = v - invmx H *m (P^T *m s).
  apply: (can_inj (mulKmx U)); rewrite mulKVmx // mulmxBr !mulmxBl !mulKVmx //.
  have -> : P^T *m P *m (invmx H *m (P^T *m s)) = P^T *m (s - N *m s).
    by rewrite /N mulmxBl mul1mx subKr /K -!mulmxA.
  rewrite -[_ - P^T *m (_ - _)]mulmxBr subKr Ns mulmxBr [P^T *m (P *m v)]mulmxA.
  move: (P^T *m P *m v) (P^T *m t) => a c.
  by rewrite [in RHS]opprB [RHS]addrA subrK.
rewrite dotDr dotNr; congr (_ - _).
by rewrite dot_mulmx T dot_mulmx trmxK.
Qed.
End Identity.

Section D4.
Variable R : rcfType.
Variables (n p : nat) (Phi : 'M[R]_(n, p)) (S : 'M[R]_p) (t : 'cV[R]_n) (e : 'cV[R]_p).
Hypotheses (symS : sym S) (S0 : forall x, 0 <= qf S x) (pH : posdef (normal Phi S)).

(* the rows of a matrix that are in a set *)
Definition rows_of q (M : {set 'I_n}) (A : 'M[R]_(n, q)) : 'M[R]_(#|M|, q) := rowsub enum_val A.

(* the head refitted without the rows M *)
Definition refit_without (M : {set 'I_n}) : 'cV[R]_p := refit (rows_of (~: M) Phi) S (rows_of (~: M) t).

Lemma gram_without q (M : {set 'I_n}) (A : 'M[R]_(n, q)) :
  (rows_of (~: M) Phi)^T *m rows_of (~: M) A = Phi^T *m A - (rows_of M Phi)^T *m rows_of M A.
Proof.
apply/esym/eqP; rewrite subr_eq; apply/eqP/matrixP => a b; rewrite !mxE.
rewrite (bigID (mem M)) /= addrC; congr (_ + _).
  rewrite (eq_bigl (mem (~: M))) => [|i]; last by rewrite !inE.
  by rewrite big_enum_val /=; apply: eq_bigr => i _; rewrite !mxE.
by rewrite big_enum_val /=; apply: eq_bigr => i _; rewrite !mxE.
Qed.

Lemma normal_without (M : {set 'I_n}) :
  normal (rows_of (~: M) Phi) S = normal Phi S - (rows_of M Phi)^T *m rows_of M Phi.
Proof. by rewrite /normal gram_without addrAC. Qed.

(* the hat matrix, residuals and influences at the refit *)
Let K : 'M[R]_n := Phi *m invmx (normal Phi S) *m Phi^T.
Let r : 'cV[R]_n := t - Phi *m refit Phi S t.
Let c : 'cV[R]_n := influence Phi S e.
Let D i : R := 1 - K i i.
Let x i : R := r i 0 / D i.
Let y i : R := c i 0 / D i.

Lemma hat_sym : K^T = K.
Proof. by rewrite /K !trmx_mul trmxK trmx_inv (normal_sym _ symS) mulmxA. Qed.

Lemma hat_entry i j : K j i = K i j.
Proof. by rewrite -[in LHS]hat_sym mxE. Qed.

(* K, r and c of a set *)
Let KM (M : {set 'I_n}) : 'M[R]_#|M| := rows_of M Phi *m invmx (normal Phi S) *m (rows_of M Phi)^T.
Let rM (M : {set 'I_n}) : 'cV[R]_#|M| := rows_of M t - rows_of M Phi *m refit Phi S t.
Let cM (M : {set 'I_n}) : 'cV[R]_#|M| := rows_of M Phi *m (invmx (normal Phi S) *m e).
Lemma KM_entry M i j : KM M i j = K (enum_val i) (enum_val j).
Proof.
rewrite /KM /K !mxE; apply: eq_bigr => a _; rewrite !mxE; congr (_ * _).
by apply: eq_bigr => b _; rewrite !mxE.
Qed.
Lemma rM_entry M i : rM M i 0 = r (enum_val i) 0.
Proof. by rewrite /rM /r !mxE; congr (_ - _); apply: eq_bigr => a _; rewrite !mxE. Qed.
Lemma cM_entry M i : cM M i 0 = c (enum_val i) 0.
Proof. by rewrite /cM /c /influence !mxE; apply: eq_bigr => a _; rewrite !mxE. Qed.

(* A comparison vector for every set of at most k of the rows A: pull i bounds what any k - 1 others of them do *)
Variables (A : {set 'I_n}) (k : nat) (xi pull : 'I_n -> R).
Hypothesis xi0 : forall i, i \in A -> 0 < xi i.
Hypothesis pulled : forall i (L : {set 'I_n}), i \in A -> L \subset A -> i \notin L -> (#|L| < k)%N ->
  \sum_(l in L) `|K i l| * (`|x l| + xi l) <= pull i.
Hypothesis dom : forall i, i \in A -> pull i < D i * xi i.

Section OneSet.
Variable M : {set 'I_n}.
Hypotheses (MA : M \subset A) (Mk : (#|M| <= k)%N).

Lemma in_A (i : 'I_#|M|) : enum_val i \in A.
Proof. exact: subsetP MA _ (enum_valP i). Qed.

Lemma sum_others (i : 'I_#|M|) (F : 'I_n -> R) :
  \sum_(l | l != i) F (enum_val l) = \sum_(l in M :\ enum_val i) F l.
Proof.
rewrite (eq_bigl (fun l => (l \in M) && (l != enum_val i))) => [|l]; last by rewrite !inE andbC.
rewrite [RHS]big_mkcondr [RHS]big_enum_val [LHS]big_mkcond /=; apply: eq_bigr => l _.
by rewrite (inj_eq enum_val_inj).
Qed.

Lemma dom_set (i : 'I_#|M|) : \sum_(l | l != i) `|KM M i l| * (`|first (KM M) (rM M) l| + xi (enum_val l))
  < diag (KM M) i * xi (enum_val i).
Proof.
have -> : diag (KM M) i = D (enum_val i) by rewrite /diag KM_entry.
apply: le_lt_trans (dom (in_A i)); under eq_bigr do rewrite KM_entry /first /diag KM_entry rM_entry.
rewrite (sum_others i (fun l => `|K (enum_val i) l| * (`|x l| + xi l))); apply: pulled; first exact: in_A.
- by apply: subset_trans MA; exact: subsetDl.
- by rewrite !inE eqxx.
by apply: leq_trans Mk; rewrite [X in (_ < X)%N](cardsD1 (enum_val i)) enum_valP.
Qed.

Let s : 'cV[R]_#|M| := invmx (1%:M - KM M) *m rM M.
Lemma solved : (1%:M - KM M) *m s = rM M.
Proof.
rewrite /s mulKVmx //; apply: (comparison_unit (xi := fun i => xi (enum_val i)) (r := rM M)) => i.
  exact: xi0 (in_A i).
exact: dom_set.
Qed.

Lemma identity_set : normal (rows_of (~: M) Phi) S \in unitmx /\
  dot e (refit_without M) = dot e (refit Phi S t) - dot (cM M) s.
Proof.
have symH := normal_sym Phi symS; have UH := posdef_unit pH.
have UN : 1%:M - KM M \in unitmx.
  by apply: (comparison_unit (xi := fun i => xi (enum_val i)) (r := rM M)) => i;
    [exact: xi0 (in_A i)|exact: dom_set].
have [U E] := deletion_identity symH UH UN e (Phi^T *m t) (rows_of M t).
by rewrite normal_without; split=> //; rewrite /refit_without {1}/refit normal_without gram_without E.
Qed.

(** D4a, first order: for every set M of at most k rows of A the normal matrix without M is nonsingular, and the output
    at e falls by at most the sum of w_i = c_i x_i + |c_i| xi_i over M. Used by
    `certify/theorems/head/rows/squared_deletions.py` and
    `certify/check/theorems/head/rows/squared_deletions.py`. *)
Theorem deletions_first_order : normal (rows_of (~: M) Phi) S \in unitmx /\
  dot e (refit Phi S t) - \sum_(i in M) (c i 0 * x i + `|c i 0| * xi i) <= dot e (refit_without M).
Proof.
have [U E] := identity_set; split=> //; rewrite E lerB //.
have := first_order (cM M) (xi := fun i => xi (enum_val i)) (fun i => xi0 (in_A i)) dom_set solved.
move/le_trans; apply; rewrite [leRHS]big_enum_val /=; apply: ler_sum => i _.
by rewrite cM_entry /first /diag KM_entry rM_entry.
Qed.

(** ... and it is positive definite, so that `refit_without M` is the one minimiser (`refit_least` of Ridge.v). *)
Theorem without_posdef : posdef (normal (rows_of (~: M) Phi) S).
Proof.
have [U _] := identity_set; apply: nonneg_unit_posdef U; first exact: normal_sym.
by move=> z; rewrite qf_normal addr_ge0 ?nsq_ge0.
Qed.

(** D4a, second order: the pairs with their signs, and |sum of K_il y_l| xi_i, y = c/D. *)
Theorem deletions_second_order :
  dot e (refit Phi S t) - \sum_(i in M) (c i 0 * x i
    + \sum_(l in M :\ i) 2%:R^-1 * K i l * (y i * x l + y l * x i)
    + `|\sum_(l in M :\ i) K i l * y l| * xi i) <= dot e (refit_without M).
Proof.
have [_ E] := identity_set; rewrite E lerB //.
have symK : (KM M)^T = KM M by apply/matrixP => i j; rewrite mxE !KM_entry -[RHS]hat_entry.
have := second_order (cM M) (xi := fun i => xi (enum_val i)) (fun i => xi0 (in_A i)) dom_set symK solved.
move/le_trans; apply; rewrite [leRHS]big_enum_val /=; apply: ler_sum => i _.
rewrite le_eqVlt; apply/orP; left; apply/eqP; rewrite cM_entry /first /weight /diag KM_entry rM_entry.
congr (_ + _ + _ * _).
  rewrite -(sum_others i (fun l => 2%:R^-1 * K (enum_val i) l * (y (enum_val i) * x l + y l * x (enum_val i)))).
  by apply: eq_bigr => l _; rewrite !KM_entry !cM_entry !rM_entry.
congr Num.norm; apply: etrans (sum_others i (fun l => K (enum_val i) l * y l)).
by apply: eq_bigr => l _; rewrite !KM_entry !cM_entry.
Qed.
End OneSet.

(** D4a with a sort: no set of at most k rows of A takes more than the k largest positive w_i. *)
Corollary deletions_sorted (T M : {set 'I_n}) : let w i := c i 0 * x i + `|c i 0| * xi i in
  largest (fun i => if i \in A then w i else 0) k T -> M \subset A -> (#|M| <= k)%N ->
  dot e (refit Phi S t) - \sum_(i in T) pos_part (if i \in A then w i else 0) <= dot e (refit_without M).
Proof.
move=> w hT MA Mk; have [_] := deletions_first_order MA Mk; apply: le_trans; rewrite lerB //.
apply: le_trans (largest_sum hT Mk); apply: ler_sum => i iM.
by rewrite (subsetP MA _ iM); exact: pos_part_ge.
Qed.
End D4.

(** D4b, the tree: `good M` says that the contrast stays positive without M. A node (I, A, k) is about I deleted and
    at most k rows of A with it. It is proved if its sum bound covers the sets that avoid q_0, q_1, ..., and
    each child, where q_a is the first of them that is deleted, is proved. *)
Inductive proved (n : nat) (good : {set 'I_n} -> Prop) : {set 'I_n} -> {set 'I_n} -> nat -> Prop :=
| Node (I A : {set 'I_n}) (k : nat) (q : seq 'I_n) :
    (forall M : {set 'I_n}, M \subset A -> (#|M| <= k)%N -> (forall i, i \in q -> i \notin M) -> good (I :|: M)) ->
    (forall a i, (0 < k)%N -> (a < size q)%N -> i = nth i q a -> i \in A ->
       proved good (i |: I) (A :\: [set l in take a.+1 q]) k.-1) ->
    proved good I A k.

(** ... then it holds for every set of at most k rows of A. *)
Theorem tree n (good : {set 'I_n} -> Prop) I A k : proved good I A k ->
  forall M : {set 'I_n}, M \subset A -> (#|M| <= k)%N -> good (I :|: M).
Proof.
elim=> {I A k} I A k q leaf _ IH M MA Mk.
have [hit|miss] := boolP (has (mem M) q); last first.
  apply: leaf => // i iq; apply: contra miss => iM; apply/hasP; by exists i.
set a := find (mem M) q; have aq : (a < size q)%N by rewrite -has_find.
have [i0 _ _] := hasP hit.
pose i := nth i0 q a; have iM : i \in M by exact: nth_find.
have ii : i = nth i q a by exact: set_nth_default.
have k0 : (0 < k)%N by apply: leq_trans Mk; rewrite card_gt0; apply/set0Pn; exists i.
have -> : I :|: M = (i |: I) :|: (M :\ i).
  by apply/setP => l; rewrite !inE; case: eqVneq => [->|_] //=; rewrite ?iM ?orbT.
apply: (IH a i k0 aq ii (subsetP MA _ iM)).
  apply/subsetP => l; rewrite !inE => /andP[li lM]; rewrite (subsetP MA _ lM) andbT.
  rewrite (take_nth i) // -ii mem_rcons inE negb_or li /=; apply/negP => lt.
  have : has (mem M) (take a q) by apply/hasP; exists l.
  by rewrite has_take_leq ?(ltnW aq) // ltnn.
by rewrite -ltnS prednK // (leq_trans _ Mk) // [X in (_ < X)%N](cardsD1 i) iM.
Qed.
