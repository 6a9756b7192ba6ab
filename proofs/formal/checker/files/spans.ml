(* What `Verified.check_deleted` is told and does not believe: which columns of the hat matrix to look at, spans and
   levels. Floats all along; nothing wrong here can make it say yes to what is false. *)

(* columns of the hat matrix that are looked at, fewer of very many rows; and of few rows all *)
let looked_at n = max 16 (min 512 (20_000_000 / max 1 n))
let all_of = 1024
let rounds = 200

(* x as a fraction of a scale *)
let real scale =
  let down = max 0 (Z.numbits scale - 900) in
  let s = Z.to_float (Z.shift_right scale down) in
  fun x -> Z.to_float (Z.shift_right x down) /. s

(* the least k + 1 of what is kept are the largest that were seen *)
let keep top x =
  let last = Array.length top - 1 in
  if x > top.(last) then begin
    let at = ref last in
    while !at > 0 && top.(!at - 1) < x do top.(!at) <- top.(!at - 1); decr at done;
    top.(!at) <- x
  end

(* rows with much leverage, or a large residual beside it; those that flip a point *)
let choose n (may : bool array) flipping (ks : float array) (r : float array) =
  if n <= all_of then Array.make n true
  else begin
    let chosen = Array.make n false in
    List.iter (fun i -> chosen.(i) <- true) flipping;
    let by f =
      let order = Array.init n Fun.id in
      let v = Array.init n (fun i -> if may.(i) then f i else -1.) in
      Array.stable_sort (fun i j -> Float.compare v.(j) v.(i)) order;
      for k = 0 to min n (looked_at n / 2) - 1 do chosen.(order.(k)) <- true done in
    by (fun i -> ks.(i));
    by (fun i -> sqrt (Float.max 0. ks.(i)) *. Float.abs r.(i) /. Float.max 1e-9 (1. -. ks.(i)));
    chosen
  end

(* for every row x_i - xi_i, x_i + xi_i and a level, from a xi that grows until no others pull an entry out of it *)
let spans (may : bool array) most ks (cols : float array option array) r k_err r_err =
  let n = Array.length ks in
  let others = most - 1 in
  let d = Array.map (fun k -> 1. -. k) ks in
  let x = Array.init n (fun i -> if may.(i) then r.(i) /. d.(i) else 0.) in
  let xi = Array.init n (fun i -> if may.(i) then 1e-13 *. (1. +. Float.abs x.(i)) else 0.) in
  let level = Array.make n 0. in
  let looked = List.filter (fun l -> cols.(l) <> None) (List.init n Fun.id) in
  let root = Array.map (fun k -> sqrt (Float.max 0. (k +. k_err))) ks in
  let column l = match cols.(l) with Some c -> c | None -> assert false in
  (* one row's level and pull from what every other does *)
  let pulls least each =
    let top = Array.make (others + 1) 0. in
    each (keep top);
    let tau = Float.max least top.(others) in
    let sum = ref (float_of_int others *. tau) in
    for k = 0 to others - 1 do sum := !sum +. Float.max 0. (top.(k) -. tau) done;
    (tau, !sum) in
  let step () =
    let v = Array.init n (fun i -> Float.abs x.(i) +. xi.(i)) in
    let g = ref 0. in
    Array.iteri (fun l c -> if c = None then g := Float.max !g (root.(l) *. v.(l))) cols;
    let changed = ref false and found = Array.make n None in
    for i = 0 to n - 1 do
      if may.(i) then
        found.(i) <- Some (match cols.(i) with
            | Some c -> pulls 0. (fun keep ->
                for l = 0 to n - 1 do if l <> i then keep ((Float.abs c.(l) +. k_err) *. v.(l)) done)
            | None -> pulls (root.(i) *. !g *. (1. +. 1e-9)) (fun keep ->
                List.iter (fun l -> keep ((Float.abs (column l).(i) +. k_err) *. v.(l))) looked))
    done;
    Array.iteri (fun i f -> match f with
        | None -> ()
        | Some (tau, pull) ->
          level.(i) <- tau;
          let need = (pull *. (1. +. 1e-4) +. 2. *. (k_err *. v.(i) +. r_err)) /. d.(i) +. 1e-13 *. v.(i) in
          if not (need <= xi.(i)) then begin xi.(i) <- need *. (1. +. 1e-3); changed := true end) found;
    !changed in
  let rec go k = k > 0 && (not (step ()) || (Array.for_all (fun y -> y < 1e12) xi && go (k - 1))) in
  if Array.exists2 (fun m y -> m && not (y > 0.)) may d || not (go rounds) then None
  else Some (Array.init n (fun i -> (x.(i) -. xi.(i), x.(i) +. xi.(i), level.(i))))

(* a level for m rows, from the gains of all *)
let level_of m gains =
  let top = Array.make (m + 1) 0. in
  Array.iter (keep top) gains;
  top.(m)
