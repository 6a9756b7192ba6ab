(* Any few labels wrong: what `Verified.check` is told, and its answers. *)
let chunk = 32
let bits = 60

(* the distance that is stated, and weights near the minimum *)
let base (s : Subject.t) factor =
  let h = s.head in
  let scale = Z.shift_left h.feature_scale 160 in
  let m, e = Dyadic.of_float "base.distance" s.distance in
  let centre = ref (List.map (fun _ -> Z.zero) h.decay) in
  for _ = 1 to 5 do centre := Proposals.nearer h scale factor !centre done;
  { Verified.centre = !centre; centre_scale = scale; far = Z.shift_left (Z.of_int m) (max e 0); far_scale = Z.shift_left Z.one (max (-e) 0) }

(* a factor of H, columns of an inverse if the floor needs one or `always`, solutions, and weights near the minimum *)
let proposals ?(always = false) (s : Subject.t) asked =
  let h = s.head in
  let p = List.length h.decay in
  let by = Float.ldexp 1. (-2 * s.feature_shift) in
  let decay = Array.of_list (List.map (fun d -> Z.to_float d *. by) h.decay) in
  let normal = Proposals.normal p s.rows decay in
  Proposals.factor p normal;
  let free = always || List.exists (fun d -> Z.sign d = 0) h.decay in
  let inverse = if not free then [] else
      List.init p (fun j -> Proposals.solve p normal (Array.init p (fun a -> if a = j then 1. else 0.))) in
  (* H is exact times 2^(2 shift), so its inverse is divided by that *)
  let ibits = Proposals.bits_for bits inverse in
  let inverse_scale = if free then Z.shift_left Z.one (max 0 (ibits + 2 * s.feature_shift)) else Z.one in
  let inverse = List.map (fun c -> Array.to_list (Array.map (Proposals.units ibits) c)) inverse in
  Refusal.tell "proposals: a factor%s" (if free then " and an inverse" else "");
  let solved = Hashtbl.create 64 in
  let solution j =
    match Hashtbl.find_opt solved j with
    | Some x -> x
    | None ->
      let x = Proposals.solve p normal s.seen.(j) in
      let x = if s.above.(j) = Some false then Array.map Float.neg x else x in
      Hashtbl.add solved j x; x in
  let vectors = List.map (fun (j, _, _, _) -> solution j) asked in
  let sbits = max (Proposals.bits_for bits vectors) (- s.feature_shift) in
  let scale = Z.shift_left Z.one (sbits + s.feature_shift) in
  let whole = Hashtbl.create 64 in
  let points = List.map2 (fun (j, kept, lost, _) x ->
      let u = match Hashtbl.find_opt whole j with
        | Some u -> u
        | None -> let u = Array.to_list (Array.map (Proposals.units sbits) x) in Hashtbl.add whole j u; u in
      let features = Array.to_list (Array.map (Dyadic.scaled "a number" s.feature_shift) s.seen.(j)) in
      { Verified.features; above = s.above.(j) = Some true; solution = u;
        kept = Option.map Z.of_int kept; lost = Option.map Z.of_int lost }) asked vectors in
  Refusal.tell "proposals: %d solutions" (List.length points);
  let base = base s normal in
  Refusal.tell "proposals: weights near the minimum";
  (normal, inverse, inverse_scale, scale, base, points)

let judge (s : Subject.t) asked =
  let _, inverse, inverse_scale, scale, base, points = proposals s asked in
  let stated = List.filter_map (fun (x, (_, _, _, news)) -> match news with Claims.Targets a -> Some (x, a) | _ -> None)
      (List.combine points asked) in
  let shift = Z.numbits s.head.target_scale - 1 in
  let propose (x : Verified.point) q =
    match List.assq_opt x stated with
    | Some news -> (Z.zero, Array.to_list (Array.map (Dyadic.scaled "a target" shift) news))
    | None -> Proposals.levels s.head x.kept x.lost q in
  match Verified.check chunk s.head scale inverse inverse_scale propose (Some base) points with
  | None -> Refusal.malformed "the head is not accepted: it has no floor, or no rows"
  | Some (false, _) -> Refusal.malformed "base.distance: that the weights are so near the minimum is not proved"
  | Some (true, answers) -> List.combine points answers

