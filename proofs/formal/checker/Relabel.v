(** The program of a verified checker, over exact integers: a head of one output with the squared loss, of which any
    few targets may be wrong (D3). `Relabelled.v` proves what its yes means; `Extract.v` writes it as OCaml.
    All numbers are integers times one power of two of their kind (`_scale`). Solutions, the inverse and what
    `propose` says may come from anywhere. *)
From Coq Require Import ZArith List Lia Bool.
From Certify Require Import Packed.
Import ListNotations.
Local Open Scope Z_scope.

Record head := Head {
  rows : list (list Z);      (* features of the training rows, times feature_scale; a constant column is one of them *)
  targets : list Z;          (* times target_scale *)
  codes : list (list Z);     (* what each target may become, times target_scale; nothing: it stays *)
  decay : list Z;            (* what each weight's half square counts, times feature_scale^2 *)
  weights : list Z;          (* today's, times weight_scale *)
  threshold : Z;             (* times target_scale *)
  feature_scale : Z;
  target_scale : Z;
  weight_scale : Z;
}.
Record point := Point {
  features : list Z;         (* times feature_scale *)
  above : bool;              (* on which side of the threshold the output is *)
  solution : list Z;         (* anything; near H^-1 e, or near its negative where the output is below *)
  kept : option Z;           (* so many changes are said to leave the side *)
  lost : option Z;           (* so many are said not to *)
}.

(* far/far_scale: how far today's weights are said to be from the minimum; centre: anything; near the minimum, times
   centre_scale/feature_scale *)
Record base := Base { centre : list Z; centre_scale : Z; far : Z; far_scale : Z }.

Definition same_length {A B} (a : list A) (b : list B) : bool := Nat.eqb (length a) (length b).
Definition well_formed (h : head) (solution_scale : Z) : bool :=
  Nat.ltb 0 (length (rows h)) && Nat.ltb 0 (length (decay h))
  && forallb (fun r => same_length r (decay h)) (rows h)
  && same_length (targets h) (rows h) && same_length (codes h) (rows h) && same_length (weights h) (decay h)
  && forallb (Z.leb 0) (decay h)
  && Z.ltb 0 (feature_scale h) && Z.ltb 0 (target_scale h) && Z.ltb 0 (weight_scale h) && Z.ltb 0 solution_scale.

(* ---- the normal matrix H, times feature_scale^2 ---- *)
Definition zero_like {A} (l : list A) : list Z := map (fun _ => 0) l.
Fixpoint chunks {A} (k fuel : nat) (l : list A) : list (list A) :=
  match fuel, l with
  | _, nil => nil
  | O, _ => [l]
  | S f, _ => firstn k l :: chunks k f (skipn k l)
  end.
Definition columns (p : list Z) (M : list (list Z)) : list (list Z) := fold_right conses (map (fun _ => nil) p) M.
(* some vectors at a time, so that the long integers stay short enough for quick memory *)
Definition apply_all (k : nat) (zero : list Z) (M us : list (list Z)) : list (list Z) :=
  let big := max_abs M in
  flat_map (apply big zero M) (chunks k (length us) us).
Fixpoint add_at (k : nat) (g : Z) (r : list Z) : list Z :=
  match k, r with O, x :: r' => (x + g) :: r' | S k', x :: r' => x :: add_at k' g r' | _, nil => nil end.
Fixpoint add_diagonal (k : nat) (G : list Z) (M : list (list Z)) : list (list Z) :=
  match G, M with g :: G', r :: M' => add_at k g r :: add_diagonal (S k) G' M' | _, _ => nil end.
Definition normal_of (k : nat) (h : head) : list (list Z) :=
  let across := columns (decay h) (rows h) in
  add_diagonal 0 (decay h) (apply_all k (zero_like (rows h)) across across).

(* ---- sigma = (fst/snd): H is at least sigma in every direction ---- *)
Definition least (l : list Z) : Z := match l with x :: l' => fold_left Z.min l' x | nil => 0 end.
Fixpoint squares_from (acc : Z) (l : list Z) : Z :=
  match l with x :: l' => squares_from (acc + x * x) l' | nil => acc end.
Fixpoint off_unit (k : nat) (one : Z) (images : list (list Z)) : Z :=
  match images with c :: l => squares_from 0 (add_at k (- one) c) + off_unit (S k) one l | nil => 0 end.
(* columns of an approximate inverse, times inverse_scale *)
Definition floor_of (k : nat) (h : head) (H inverse : list (list Z)) (inverse_scale : Z) : option (Z * Z) :=
  let d := least (decay h) in
  if Z.ltb 0 d then Some (d, 1) else
  if same_length inverse (decay h) && forallb (fun c => same_length c (decay h)) inverse && Z.ltb 0 inverse_scale
    && Z.leb (4 * off_unit 0 inverse_scale (apply_all k (zero_like (decay h)) H inverse))
             (inverse_scale * inverse_scale)
  then Some (inverse_scale, 2 * (Z.sqrt (fold_left squares_from inverse 0) + 1)) else None.

(* ---- one point ---- *)
Definition signed (up : bool) (x : Z) : Z := if up then x else - x.
Fixpoint largest_square (acc : Z) (l : list Z) : Z :=
  match l with x :: l' => largest_square (Z.max acc (x * x)) l' | nil => acc end.
Fixpoint total_from (acc : Z) (ts : list Z) (cs : list (list Z)) : Z :=
  match ts, cs with t :: ts', c :: cs' => total_from (acc + largest_square (t * t) c) ts' cs' | _, _ => acc end.
Fixpoint swing (q t : Z) (cs : list Z) : Z :=
  match cs with c :: cs' => Z.max (q * (t - c)) (swing q t cs') | nil => 0 end.
Fixpoint excess_from (acc tau : Z) (qs ts : list Z) (cs : list (list Z)) : Z :=
  match qs, ts, cs with
  | q :: qs', t :: ts', c :: cs' => excess_from (acc + Z.max 0 (swing q t c - tau)) tau qs' ts' cs'
  | _, _, _ => acc
  end.
Fixpoint permitted (left : Z) (ts : list Z) (cs : list (list Z)) (news : list Z) : bool :=
  match ts, cs, news with
  | t :: ts', c :: cs', x :: news' =>
    if Z.eqb t x then permitted left ts' cs' news'
    else Z.ltb 0 left && existsb (Z.eqb x) c && permitted (left - 1) ts' cs' news'
  | nil, nil, nil => true
  | _, _, _ => false
  end.
Fixpoint residual_from (acc scale : Z) (e image : list Z) : Z :=
  match e, image with
  | x :: e', y :: image' => let r := scale * x - y in residual_from (acc + r * r) scale e' image'
  | _, _ => acc
  end.

Section Judge.
Variables (h : head) (scale total : Z) (sigma : Z * Z) (propose : point -> list Z -> Z * list Z).
(* q: influences, image: H times the solution; (stays, falls) *)
Definition judge (x : point) (q image : list Z) : bool * bool :=
  let e := map (signed (above x)) (features x) in
  let t0 := signed (above x) (threshold h) in
  let today := Z.ltb (t0 * (feature_scale h * weight_scale h)) (target_scale h * dot_from 0 e (weights h)) in
  let err := Z.sqrt (residual_from 0 scale e image * total * snd sigma / fst sigma) + 1 in
  let (tau0, news) := propose x q in
  let tau := Z.max 0 tau0 in
  (match kept x with
   | None => false
   | Some m => today && Z.leb 0 m
     && Z.ltb (scale * t0) (dot_from 0 q (targets h) - (m * tau + excess_from 0 tau q (targets h) (codes h)) - err)
   end,
   match lost x with
   | None => false
   | Some m => today && permitted m (targets h) (codes h) news && Z.ltb (dot_from 0 q news + err) (scale * t0)
   end).
Fixpoint judge_all (xs : list point) (qs images : list (list Z)) : list (bool * bool) :=
  match xs, qs, images with
  | x :: xs', q :: qs', i :: images' => judge x q i :: judge_all xs' qs' images'
  | _, _, _ => nil
  end.
End Judge.

(* ---- the weights of today ---- *)
Definition within (h : head) (sigma : Z * Z) (H : list (list Z)) (b : base) : bool :=
  let image := map (fun r => dot_from 0 r (centre b)) H in
  let moments := map (fun c => dot_from 0 c (targets h)) (columns (decay h) (rows h)) in
  let step := residual_from 0 (centre_scale b) (weights h)
    (map (Z.mul (feature_scale h * weight_scale h)) (centre b)) in
  let gradient := residual_from 0 (target_scale h) image (map (Z.mul (centre_scale b)) moments) in
  same_length (centre b) (decay h) && Z.ltb 0 (centre_scale b) && Z.ltb 0 (far_scale b)
  && Z.leb ((Z.sqrt step + 1) * (target_scale h * fst sigma * far_scale b)
            + (Z.sqrt gradient + 1) * (snd sigma * feature_scale h * weight_scale h * far_scale b))
           (far b * (centre_scale b * target_scale h * weight_scale h * fst sigma)).

(** Whether the distance of today's weights from the minimum was proved, and for every point, whether its `kept` and
    its `lost` were; None where the head or a floor of H was not accepted. chunk: how many vectors go into one long
    integer; any number is right, 32 is quick. *)
Definition check (chunk : nat) (h : head) (solution_scale : Z) (inverse : list (list Z)) (inverse_scale : Z)
    (propose : point -> list Z -> Z * list Z) (b : option base) (points : list point)
    : option (bool * list (bool * bool)) :=
  if well_formed h solution_scale && forallb (fun x => same_length (features x) (decay h)
      && same_length (solution x) (decay h)) points then
    let H := normal_of chunk h in
    match floor_of chunk h H inverse inverse_scale with
    | None => None
    | Some sigma =>
      let zero := zero_like (decay h) in
      let (big, bigH) := (max_abs (rows h), max_abs H) in
      let total := total_from 0 (targets h) (codes h) in
      Some (match b with None => false | Some b => within h sigma H b end,
        flat_map (fun xs => let us := map solution xs in
          judge_all h solution_scale total sigma propose xs (apply big zero (rows h) us) (apply bigH zero H us))
        (chunks chunk (length points) points))
    end
  else None.

(* Two columns, three rows: the output at (1, 0) is 6/8; any target that changes takes 6/8, 2/8 or 4/8 from it. *)
Section Example.
Let toy := Head [[1; 0]; [0; 1]; [1; 1]] [1; -1; 1] [[-1]; [1]; [-1]] [1; 1] [1; -1] 0 1 1 1.
Let asked (k l : Z) :=
  check 2 toy 80 nil 1 (fun _ _ => (60, [-1; -1; -1])) (Some (Base [60; -20] 80 3 2))
    [Point [1; 0] true [30; -10] (Some k) (Some l)].
Goal asked 0 2 = Some (true, [(true, true)]). Proof. reflexivity. Qed.
Goal asked 1 1 = Some (true, [(false, false)]). Proof. reflexivity. Qed.
Goal check 2 (Head nil nil nil nil nil 0 1 1 1) 1 nil 1 (fun _ _ => (0, nil)) None nil = None. Proof. reflexivity. Qed.
End Example.
