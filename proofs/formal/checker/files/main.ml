(* From a certificate and its files to a verdict, by `Relabel.check`. Exit status: 0 every claim follows; 1 something
   is malformed or does not follow; 3 something is beyond what this checker reads. *)
let start = Unix.gettimeofday ()
let tell form = Printf.ksprintf (fun s -> Printf.printf "%6.1f s  %s\n%!" (Unix.gettimeofday () -. start) s) form

let chunk = 32
let bits = 60

(* the distance that is stated, and weights near the minimum *)
let base (s : Subject.t) factor =
  let h = s.head in
  let scale = Z.shift_left h.feature_scale 160 in
  let m, e = Dyadic.of_float "base.distance" s.distance in
  let centre = ref (List.map (fun _ -> Z.zero) h.decay) in
  for _ = 1 to 5 do centre := Proposals.nearer h scale factor !centre done;
  { Relabel.centre = !centre; centre_scale = scale; far = Z.shift_left (Z.of_int m) (max e 0); far_scale = Z.shift_left Z.one (max (-e) 0) }

let proposals (s : Subject.t) asked =
  let h = s.head in
  let p = List.length h.decay in
  let by = Float.ldexp 1. (-2 * s.feature_shift) in
  let decay = Array.of_list (List.map (fun d -> Z.to_float d *. by) h.decay) in
  let normal = Proposals.normal p s.rows decay in
  Proposals.factor p normal;
  let free = List.exists (fun d -> Z.sign d = 0) h.decay in
  let inverse = if not free then [] else
      List.init p (fun j -> Proposals.solve p normal (Array.init p (fun a -> if a = j then 1. else 0.))) in
  (* H is exact times 2^(2 shift), so its inverse is divided by that *)
  let ibits = Proposals.bits_for bits inverse in
  let inverse_scale = if free then Z.shift_left Z.one (max 0 (ibits + 2 * s.feature_shift)) else Z.one in
  let inverse = List.map (fun c -> Array.to_list (Array.map (Proposals.units ibits) c)) inverse in
  tell "proposals: a factor%s" (if free then " and an inverse" else "");
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
      { Relabel.features; above = s.above.(j) = Some true; solution = u;
        kept = Option.map Z.of_int kept; lost = Option.map Z.of_int lost }) asked vectors in
  tell "proposals: %d solutions" (List.length points);
  let base = base s normal in
  tell "proposals: weights near the minimum";
  (inverse, inverse_scale, scale, base, points)

let judge (s : Subject.t) asked =
  let inverse, inverse_scale, scale, base, points = proposals s asked in
  let stated = List.filter_map (fun (x, (_, _, _, news)) -> Option.map (fun a -> (x, a)) news)
      (List.combine points asked) in
  let shift = Z.numbits s.head.target_scale - 1 in
  let propose (x : Relabel.point) q =
    match List.assq_opt x stated with
    | Some news -> (Z.zero, Array.to_list (Array.map (Dyadic.scaled "a target" shift) news))
    | None -> Proposals.levels s.head x.kept x.lost q in
  match Relabel.check chunk s.head scale inverse inverse_scale propose (Some base) points with
  | None -> Refusal.malformed "the head is not accepted: it has no floor, or no rows"
  | Some (false, _) -> Refusal.malformed "base.distance: that the weights are so near the minimum is not proved"
  | Some (true, answers) -> List.combine points answers

let run path =
  let bytes = Bound.read path in
  let certificate = Json.parse "the certificate" bytes in
  Bound.check_digest bytes certificate;
  if Json.member "the certificate" "format" certificate <> Json.Text "certify/1" then
    Refusal.beyond "the certificate's format is not certify/1";
  let s = Subject.read (Filename.dirname path) certificate in
  tell "read: %d rows of %d numbers, %d evaluation rows" (Array.length s.rows) (List.length s.head.decay)
    (Array.length s.seen);
  let stated = Json.list "claims" (Json.member "the certificate" "claims" certificate) in
  Claims.check_gates s.gates stated;
  let beyond = ref [] in
  let claims = List.concat (List.mapi (fun i claim ->
      let where = Printf.sprintf "claim %d" i in
      let quantity = Json.text where (Json.member where "quantity" claim) in
      if Json.member where "theorem" claim <> Json.Text "D1" || Json.member where "rigour" claim <> Json.Text "proved" then
        Refusal.beyond "%s rests on another theorem than D1" where;
      match List.assoc_opt quantity Claims.kinds, Claims.ends where claim with
      | None, _ -> beyond := quantity :: !beyond; []
      | Some _, None -> tell "%s claims nothing" quantity; []
      | Some read, Some ends -> Claims.check_gate claim where ends; [read s claim where ends])
      stated) in
  let asked = List.concat_map (fun c -> c.Claims.rows) claims in
  List.iter (fun (j, _, _, _) -> if s.above.(j) = None then
                Refusal.malformed "evaluation row %d has no label today" j) asked;
  let answers = judge s asked in
  let wrong = List.filter (fun ((x : Relabel.point), (k, l)) -> (x.kept <> None && not k) || (x.lost <> None && not l))
      answers in
  (match List.concat (List.map2 (fun a (j, _, _, _) -> if List.memq a wrong then [j] else []) answers asked) with
   | [] -> ()
   | j :: _ as l ->
     Refusal.malformed "what is said of evaluation row %d is not proved, nor of %d others" j (List.length l - 1));
  List.iter (fun c -> c.Claims.conclude ()) claims;
  tell "proved   base.distance: the weights are at most %.17g from the minimum" s.distance;
  List.iter (fun c -> tell "proved   %s" c.Claims.name) claims;
  if !beyond <> [] then Refusal.beyond "not looked at: %s" (String.concat ", " !beyond);
  if claims = [] then Refusal.beyond "the certificate claims nothing that is looked at here";
  print_endline "valid    these claims follow, by a program that Coq has checked (Relabelled.check_sound); trusted beside \
                 it: reading files, SHA-256, extraction, OCaml, zarith. Not looked at: the rest of base, hypotheses, words for readers."

let () =
  try
    match Sys.argv with
    | [| _; path |] -> run path
    | _ -> prerr_endline "usage: relabelled CERTIFICATE"; exit 2
  with
  | Refusal.Malformed m -> Printf.printf "invalid  %s\n" m; exit 1
  | Refusal.Beyond m -> Printf.printf "beyond   %s\n" m; exit 3
  | Invalid_argument m | Failure m -> Printf.printf "invalid  a number or a place that cannot be (%s)\n" m; exit 1
  | Out_of_memory -> Printf.printf "beyond   more memory is needed than there is\n"; exit 3
  | Stack_overflow -> Printf.printf "beyond   a list is too long for the stack\n"; exit 3
