(* From a certificate and its files to a verdict, by `Verified.check` (labels) and
   `Verified.check_deleted` (rows). Exit status: 0 every claim follows; 1 something
   is malformed or does not follow; 3 something is beyond what this checker reads. *)

(* less memory for some more time *)
let () = Gc.set { (Gc.get ()) with space_overhead = 50 }

let run path =
  let bytes = Bound.read path in
  let certificate = Json.parse "the certificate" bytes in
  Bound.check_digest bytes certificate;
  if Json.member "the certificate" "format" certificate <> Json.Text "certify/1" then
    Refusal.beyond "the certificate's format is not certify/1";
  let s = Subject.read (Filename.dirname path) certificate in
  Refusal.tell "read: %d rows of %d numbers, %d evaluation rows" (Array.length s.rows) (List.length s.head.decay)
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
      | Some _, None -> Refusal.tell "%s claims nothing" quantity; []
      | Some read, Some ends -> Claims.check_gate claim where ends; [read s claim where ends])
      stated) in
  (* all labels and right ones are counted from the same rows: each is judged once *)
  let asked = List.sort_uniq compare (List.concat_map (fun c -> c.Claims.rows) claims) in
  List.iter (fun (j, _, _, _) -> if s.above.(j) = None then
                Refusal.malformed "evaluation row %d has no label today" j) asked;
  let answers = if s.deleted then Rows.judge s asked else Labels.judge s asked in
  let wrong = List.filter (fun ((x : Verified.point), (k, l)) -> (x.kept <> None && not k) || (x.lost <> None && not l))
      answers in
  (match List.concat (List.map2 (fun a (j, _, _, _) -> if List.memq a wrong then [j] else []) answers asked) with
   | [] -> ()
   | j :: _ as l when s.deleted ->
     Refusal.beyond "by spans and small trees what is said of evaluation row %d is not proved, nor of %d others of %d" j
       (List.length l - 1) (List.length asked)
   | j :: _ as l ->
     Refusal.malformed "what is said of evaluation row %d is not proved, nor of %d others" j (List.length l - 1));
  List.iter (fun c -> c.Claims.conclude ()) claims;
  Refusal.tell "proved   base.distance: the weights are at most %.17g from the minimum" s.distance;
  List.iter (fun c -> Refusal.tell "proved   %s" c.Claims.name) claims;
  if !beyond <> [] then Refusal.beyond "not looked at: %s" (String.concat ", " !beyond);
  if claims = [] then Refusal.beyond "the certificate claims nothing that is looked at here";
  print_endline "valid    these claims follow, by a program that Coq has checked (Relabelled.check_sound, Without.check_deleted_sound); \
                 trusted beside it: reading files, SHA-256, extraction, OCaml, zarith. Not looked at: the rest of base, hypotheses, words for readers."

let () =
  try
    match Sys.argv with
    | [| _; path |] -> run path
    | _ -> prerr_endline "usage: verified CERTIFICATE"; exit 2
  with
  | Refusal.Malformed m -> Printf.printf "invalid  %s\n" m; exit 1
  | Refusal.Beyond m -> Printf.printf "beyond   %s\n" m; exit 3
  | Invalid_argument m | Failure m -> Printf.printf "invalid  a number or a place that cannot be (%s)\n" m; exit 1
  | Out_of_memory -> Printf.printf "beyond   more memory is needed than there is\n"; exit 3
  | Stack_overflow -> Printf.printf "beyond   a list is too long for the stack\n"; exit 3
