(** The program of a verified checker, over exact integers: a head of one output with the squared loss, of which any
    few rows may be deleted (D4a with spans). `Without.v` proves what its yes means; `Extract.v` writes it as OCaml.
    The head, its scales and the points are those of `Relabel.v`. The inverse, solutions, the centre, chosen rows,
    spans and levels may come from anywhere. *)
From Coq Require Import ZArith List Lia Bool.
From Certify Require Import Packed Relabel.
Import ListNotations.
Local Open Scope Z_scope.

(* of one row: an entry of (I - K_MM)^-1 r_M lies between `low` and `high`, times span_scale; mark: anything *)
Record span := Span { low : Z; high : Z; mark : Z }.
Record witness := Witness {
  may : list bool;                      (* which rows may go *)
  most : Z;                             (* how many of them *)
  inverse : list (list Z);              (* columns of an approximate inverse of H, times inverse_scale *)
  inverse_scale : Z;
  span_scale : Z;
  choose : list Z -> list bool;         (* from the diagonal of K: the rows whose column of K is looked at *)
  spans : list Z -> list (option (list Z)) -> list Z -> Z -> Z -> list span;
  propose : point -> list Z -> Z * list bool;  (* a mark; rows whose deletion takes the output across *)
}.

Definition reach (s : span) : Z := Z.max (Z.abs (low s)) (Z.abs (high s)).
Definition over (tau x : Z) : Z := Z.max 0 (x - tau).

(* ---- the hat matrix, times inverse_scale, each entry wrong by at most hat_error ---- *)
Fixpoint longest_from (acc : Z) (M : list (list Z)) : Z :=
  match M with r :: M' => longest_from (Z.max acc (squares_from 0 r)) M' | nil => acc end.
Definition hat_error (k : nat) (h : head) (H inverse : list (list Z)) (inverse_scale : Z) (sigma : Z * Z) : Z :=
  Z.sqrt (off_unit 0 inverse_scale (apply_all k (zero_like (decay h)) H inverse) * longest_from 0 (rows h)
          * snd sigma / fst sigma) + 1.
Definition dots (rs us : list (list Z)) : list Z := map (fun ru => dot_from 0 (fst ru) (snd ru)) (combine rs us).
(* row by row, so that no more than some products are in memory *)
Definition diagonal (k : nat) (zero : list Z) (X M : list (list Z)) : list Z :=
  let big := max_abs X in
  flat_map (fun rs => dots rs (apply big zero X rs)) (chunks k (length M) M).
Fixpoint pick {A} (flags : list bool) (l : list A) : list A :=
  match flags, l with f :: flags', x :: l' => if f then x :: pick flags' l' else pick flags' l' | _, _ => nil end.
Fixpoint spread {A} (flags : list bool) (l : list A) : list (option A) :=
  match flags with
  | nil => nil
  | true :: flags' => match l with x :: l' => Some x :: spread flags' l' | nil => None :: spread flags' nil end
  | false :: flags' => None :: spread flags' l
  end.

(* ---- the spans: what any most - 1 other rows do to each ---- *)
Section Spans.
Variables (err most1 : Z).
Fixpoint add_column (v : Z) (ss : list span) (col acc : list Z) : list Z :=
  match ss, col, acc with
  | s :: ss', c :: col', a :: acc' => (a + over (mark s) ((Z.abs c + err) * v)) :: add_column v ss' col' acc'
  | _, _, _ => nil
  end.
Fixpoint add_columns (all : list span) (ss : list span) (cols : list (option (list Z))) (acc : list Z) : list Z :=
  match ss, cols with
  | s :: ss', Some c :: cols' => add_columns all ss' cols' (add_column (reach s) all c acc)
  | _ :: ss', None :: cols' => add_columns all ss' cols' acc
  | _, _ => acc
  end.
Fixpoint column_from (acc tau : Z) (ss : list span) (col : list Z) : Z :=
  match ss, col with
  | s :: ss', c :: col' => column_from (acc + over tau ((Z.abs c + err) * reach s)) tau ss' col'
  | _, _ => acc
  end.
Definition root (k : Z) : Z := Z.sqrt (k + err) + 1.
(* the largest pull of a row whose column is not looked at, but for its own part *)
Fixpoint outside_from (acc : Z) (ks : list Z) (ss : list span) (cols : list (option (list Z))) : Z :=
  match ks, ss, cols with
  | k :: ks', s :: ss', c :: cols' =>
    outside_from (match c with Some _ => acc | None => Z.max acc (root k * reach s) end) ks' ss' cols'
  | _, _, _ => acc
  end.

Variables (outside r_scale k_scale span_scale r_err : Z) (all : list span).
(* what any most1 other rows do to one; k: its K_ii, acc: what the rows do whose columns are looked at *)
Definition pull_of (s : span) (k acc : Z) (col : option (list Z)) : Z :=
  most1 * mark s + match col with
    | Some c => column_from 0 (mark s) all c - over (mark s) ((Z.abs k + err) * reach s)
    | None => acc
    end.
(* its span holds; r: its residual *)
Definition holds (s : span) (k r acc : Z) (col : option (list Z)) : bool :=
  let v := reach s in
  let pull := pull_of s k acc col in
  Z.leb 0 (mark s) && Z.ltb err (k_scale - k)
  && (match col with Some _ => true | None => Z.leb (root k * outside) (mark s) end)
  && Z.ltb (pull * r_scale) ((r - r_err) * (k_scale * span_scale) - ((k_scale - k) * low s + err * v) * r_scale)
  && Z.ltb (pull * r_scale) (((k_scale - k) * high s - err * v) * r_scale - (r + r_err) * (k_scale * span_scale)).
Fixpoint all_hold (mays : list bool) (ss : list span) (ks rs accs : list Z) (cols : list (option (list Z))) : bool :=
  match mays, ss, ks, rs, accs, cols with
  | m :: mays', s :: ss', k :: ks', r :: rs', a :: accs', c :: cols' =>
    (if m then holds s k r a c else true) && all_hold mays' ss' ks' rs' accs' cols'
  | nil, nil, nil, nil, nil, nil => true
  | _, _, _, _, _, _ => false
  end.
End Spans.

(* ---- one point ---- *)
Definition gain (q : Z) (s : span) : Z := Z.max (q * low s) (q * high s).
Fixpoint gains_from (acc tau : Z) (qs : list Z) (ss : list span) : Z :=
  match qs, ss with q :: qs', s :: ss' => gains_from (acc + over tau (gain q s)) tau qs' ss' | _, _ => acc end.
(* the sum of the gains of the rows that go, for the other sign, and how many they are *)
Fixpoint losses_from (acc : Z) (qs : list Z) (ss : list span) (gone : list bool) : Z :=
  match qs, ss, gone with
  | q :: qs', s :: ss', g :: gone' => losses_from (if g then acc + gain (- q) s else acc) qs' ss' gone'
  | _, _, _ => acc
  end.
Fixpoint goes (left : Z) (mays gone : list bool) : bool :=
  match mays, gone with
  | m :: mays', g :: gone' => if g then m && Z.ltb 0 left && goes (left - 1) mays' gone' else goes left mays' gone'
  | nil, nil => true
  | _, _ => false
  end.

Section Judge.
Variables (h : head) (scale span_scale most gradient : Z) (sigma : Z * Z) (b : base) (mays : list bool) (ss : list span)
  (widest : Z) (propose : point -> list Z -> Z * list bool).
(* q: influences, image: H times the solution; (stays, falls) *)
Definition judge_deleted (x : point) (q image : list Z) : bool * bool :=
  let e := map (signed (above x)) (features x) in
  let t0 := signed (above x) (threshold h) in
  let today := Z.ltb (t0 * (feature_scale h * weight_scale h)) (target_scale h * dot_from 0 e (weights h)) in
  let q_err := Z.sqrt (residual_from 0 scale e image * snd sigma / fst sigma) + 1 in
  let z_err := Z.sqrt (squares_from 0 e * gradient * (snd sigma * snd sigma) / (fst sigma * fst sigma)) + 1 in
  let z := target_scale h * dot_from 0 e (centre b) in
  let unit := scale * span_scale in
  let z_scale := centre_scale b * target_scale h in
  let (tau0, gone) := propose x q in
  let tau := Z.max 0 tau0 in
  (match kept x with
   | None => false
   | Some m => today && Z.leb 0 m && Z.leb m most
     && Z.ltb ((m * tau + gains_from 0 tau q ss + m * (q_err * widest)) * z_scale + t0 * (centre_scale b * unit))
              ((z - z_err) * unit)
   end,
   match lost x with
   | None => false
   | Some m => today && Z.leb 0 m && Z.leb m most && goes m mays gone
     && Z.ltb ((z + z_err) * unit + (losses_from 0 q ss gone + m * (q_err * widest)) * z_scale)
              (t0 * (centre_scale b * unit))
   end).
Fixpoint judge_each (xs : list point) (qs images : list (list Z)) : list (bool * bool) :=
  match xs, qs, images with
  | x :: xs', q :: qs', i :: images' => judge_deleted x q i :: judge_each xs' qs' images'
  | _, _, _ => nil
  end.
End Judge.

Definition moments (h : head) : list Z := map (fun c => dot_from 0 c (targets h)) (columns (decay h) (rows h)).
(* the square of the gradient at the centre *)
Definition gradient_of (h : head) (H : list (list Z)) (b : base) : Z :=
  residual_from 0 (target_scale h) (map (fun r => dot_from 0 r (centre b)) H)
    (map (Z.mul (centre_scale b)) (moments h)).
Definition residuals (h : head) (b : base) : list Z :=
  map (fun rt => centre_scale b * snd rt - target_scale h * dot_from 0 (fst rt) (centre b))
    (combine (rows h) (targets h)).

(** Whether the distance of today's weights from the minimum was proved, and for every point, whether its `kept` and
    its `lost` were; None where the head, a floor of H or the spans were not accepted. *)
Definition check_deleted (chunk : nat) (h : head) (w : witness) (solution_scale : Z) (b : base) (points : list point)
    : option (bool * list (bool * bool)) :=
  if well_formed h solution_scale && forallb (fun x => same_length (features x) (decay h)
      && same_length (solution x) (decay h)) points
    && same_length (inverse w) (decay h) && forallb (fun c => same_length c (decay h)) (inverse w)
    && Z.ltb 0 (inverse_scale w) && Z.ltb 0 (span_scale w) && same_length (centre b) (decay h)
    && Z.ltb 0 (centre_scale b) && Z.ltb 0 (most w) then
    let H := normal_of chunk h in
    match floor_of chunk h H (inverse w) (inverse_scale w) with
    | None => None
    | Some sigma =>
      let zero := zero_like (decay h) in
      let X := columns (decay h) (inverse w) in
      let err := hat_error chunk h H (inverse w) (inverse_scale w) sigma in
      let ks := diagonal chunk zero X (rows h) in
      let chosen := choose w ks in
      let rs := residuals h b in
      let gradient := gradient_of h H b in
      let r_err := Z.sqrt (gradient * snd sigma / fst sigma) + 1 in
      let cols := spread chosen (apply_all chunk zero (rows h) (apply_all chunk zero X (pick chosen (rows h)))) in
      let ss := spans w ks cols rs err r_err in
      let accs := add_columns err ss ss cols (zero_like (rows h)) in
      let outside := outside_from err 0 ks ss cols in
      if same_length chosen (rows h)
        && all_hold err (most w - 1) outside (centre_scale b * target_scale h) (inverse_scale w) (span_scale w) r_err ss
             (may w) ss ks rs accs cols then
        let widest := max_from 0 (map reach ss) in
        let (big, bigH) := (max_abs (rows h), max_abs H) in
        Some (within h sigma H b,
          flat_map (fun xs => let us := map solution xs in
            judge_each h solution_scale (span_scale w) (most w) gradient sigma b (may w) ss widest (propose w) xs
              (apply big zero (rows h) us) (apply bigH zero H us))
          (chunks chunk (length points) points))
      else None
    end
  else None.

(* Two columns, three rows: the output at (1, 0) is 6/8. *)
Section Example.
Let toy := Head [[1; 0]; [0; 1]; [1; 1]] [1; -1; 1] [nil; nil; nil] [1; 1] [1; -1] 0 1 1 1.
Let asked (spans : list span) :=
  check_deleted 2 toy (Witness [true; true; true] 1 [[300; -100]; [-100; 300]] 800 1000 (fun _ => [true; false; true])
    (fun _ _ _ _ _ => spans) (fun _ _ => (300, [true; false; false])))
    8000 (Base [6000; -2000] 8000 3 2) [Point [1; 0] true [3000; -1000] (Some 1) (Some 1)].
(* D_i = 5/8, 5/8, 4/8; r_i = 2/8, -6/8, 4/8 *)
Goal asked [Span 390 410 400000; Span (-1210) (-1190) 400000; Span 990 1010 400000] = Some (true, [(true, false)]).
Proof. reflexivity. Qed.
Goal asked [Span 401 410 400000; Span (-1210) (-1190) 400000; Span 990 1010 400000] = None. Proof. reflexivity. Qed.
End Example.
