(* What `Verified.check` is told and does not believe: solutions, an inverse, levels and changed targets, from floats.
   Nothing wrong here can make it say yes to what is false; it can only make it say no. *)

(* H = L L^T in place, lower triangle; a pivot that is not positive becomes a small one *)
let factor p h =
  for j = 0 to p - 1 do
    let hj = h.(j) in
    let d = ref hj.(j) in
    for k = 0 to j - 1 do d := !d -. hj.(k) *. hj.(k) done;
    let d = if !d > 1e-13 *. Float.abs hj.(j) then sqrt !d else sqrt (1e-13 *. Float.abs hj.(j) +. 1e-300) in
    hj.(j) <- d;
    for i = j + 1 to p - 1 do
      let hi = h.(i) in
      let s = ref hi.(j) in
      for k = 0 to j - 1 do s := !s -. hi.(k) *. hj.(k) done;
      hi.(j) <- !s /. d
    done
  done

let solve p l b =
  let x = Array.copy b in
  for i = 0 to p - 1 do
    let li = l.(i) in
    let s = ref x.(i) in
    for k = 0 to i - 1 do s := !s -. li.(k) *. x.(k) done;
    x.(i) <- !s /. li.(i)
  done;
  for i = p - 1 downto 0 do
    let li = l.(i) in
    let v = x.(i) /. li.(i) in
    x.(i) <- v;
    for k = 0 to i - 1 do x.(k) <- x.(k) -. li.(k) *. v done
  done;
  x

(* rows: n of p floats *)
let normal p rows decay =
  let h = Array.make_matrix p p 0. in
  Array.iter (fun r ->
      let used = ref [] in
      for a = p - 1 downto 0 do if r.(a) <> 0. then used := a :: !used done;
      let used = Array.of_list !used in
      Array.iteri (fun i a ->
          let ra = r.(a) and ha = h.(a) in
          for k = 0 to i do
            let b = Array.unsafe_get used k in
            Array.unsafe_set ha b (Array.unsafe_get ha b +. ra *. Array.unsafe_get r b)
          done) used) rows;
  for a = 0 to p - 1 do
    for b = a + 1 to p - 1 do h.(a).(b) <- h.(b).(a) done;
    h.(a).(a) <- h.(a).(a) +. decay.(a)
  done;
  h

(* x as a whole number of units of 2^-bits, for whatever bits *)
let units bits x =
  if x = 0. || not (Float.is_finite x) then Z.zero
  else
    let m, e = Float.frexp x in
    let m = Z.of_float (Float.ldexp m 53) and s = e - 53 + bits in
    if s >= 0 then Z.shift_left m s else Z.shift_right m (min (-s) 64)

(* bits that leave `wanted` of them to the largest of some numbers *)
let bits_for wanted vectors =
  let most = List.fold_left (Array.fold_left (fun m x -> if Float.is_finite x then Float.max m (Float.abs x) else m)) 0.
      vectors in
  if most = 0. then wanted else wanted - snd (Float.frexp most)

(* weights nearer the minimum than v, in units of solutions (v times scale over feature_scale): the gradient, exactly,
   and a step by the factor l *)
let nearer (h : Verified.head) scale l v =
  let p = List.length h.decay in
  let moments = Array.make p Z.zero in
  let dot a b = List.fold_left2 (fun s x y -> if Z.sign x = 0 then s else Z.add s (Z.mul x y)) Z.zero a b in
  List.iter2 (fun row t ->
      (* target_scale times the output, less scale times the target *)
      let r = Z.sub (Z.mul h.target_scale (dot row v)) (Z.mul scale t) in
      List.iteri (fun a x -> if Z.sign x <> 0 then moments.(a) <- Z.add moments.(a) (Z.mul x r)) row) h.rows h.targets;
  List.iteri (fun a (d, x) -> moments.(a) <- Z.add moments.(a) (Z.mul h.target_scale (Z.mul d x)))
    (List.combine h.decay v);
  let size = Z.mul h.target_scale (Z.mul scale h.feature_scale) in
  let down = max 0 (Z.numbits size - 900) in
  let real g = Z.to_float (Z.shift_right g down) /. Z.to_float (Z.shift_right size down) in
  let step = solve p l (Array.map real moments) in
  let bits = Z.numbits scale - Z.numbits h.feature_scale in
  List.mapi (fun a x -> Z.sub x (units bits step.(a))) v

(* the level tau for m changes, and the targets after the worst change of k rows *)
let levels (h : Verified.head) kept lost q =
  let q = Array.of_list q and t = Array.of_list h.Verified.targets and c = Array.of_list h.Verified.codes in
  let n = min (Array.length q) (min (Array.length t) (Array.length c)) in
  let worst i = List.fold_left (fun (v, at) code ->
      let w = Z.mul q.(i) (Z.sub t.(i) code) in
      if Z.gt w v then (w, code) else (v, at)) (Z.zero, t.(i)) c.(i) in
  let some = Array.init n worst in
  let size = Array.map (fun (v, _) -> Z.to_float v) some in
  let order = Array.init n Fun.id in
  Array.stable_sort (fun i j -> Float.compare size.(j) size.(i)) order;
  let whole m = if Z.fits_int m then Z.to_int m else max_int in
  let tau = match kept with
    | Some m when Z.sign m >= 0 && whole m < n -> fst some.(order.(whole m))
    | _ -> Z.zero in
  let news = match lost with
    | Some m ->
      let news = Array.copy t in
      for k = 0 to min n (whole m) - 1 do
        let i = order.(k) in
        if Z.sign (fst some.(i)) > 0 then news.(i) <- snd some.(i)
      done;
      Array.to_list news
    | None -> [] in
  (tau, news)
