(* What the claims of a certificate say of each evaluation row, and whether their numbers follow. *)
type change = Nothing | Targets of float array | Gone of int list
type asked = {
  name : string;
  rows : (int * int option * int option * change) list;
  (* evaluation row; so many changes are said to leave its label; so many not to; such a change *)
  conclude : unit -> unit;  (* raises Malformed where the claim's ends do not follow from its rows *)
}

let ends where claim =
  match Json.member where "lower" claim, Json.member where "upper" claim with
  | Json.Null, Json.Null -> None
  | l, u -> Some (Json.whole (where ^ ".lower") l, Json.whole (where ^ ".upper") u)

let side_array (s : Subject.t) claim where part =
  let start = Json.text (where ^ ".witness.array") (Json.member where "array" (Json.member where "witness" claim)) in
  Arrays.array "the side file" (start ^ "." ^ part) s.arrays

let wholes where (a : Arrays.t) =
  if not a.whole then Refusal.malformed "%s are no whole numbers" where;
  Array.map int_of_float a.values

(* V64: the change that is said to flip an evaluation row, if there is one *)
let flips (s : Subject.t) array where =
  let points = Array.length s.seen and n = List.length s.head.targets in
  let point = wholes "flips.point" (array "flips.point") in
  let rows : Arrays.t = array "flips.rows" and codes : Arrays.t = array "flips.codes" in
  if Array.length point <> points || rows.shape <> codes.shape then
    Refusal.malformed "%s: the arrays of flips do not fit" where;
  let r = match rows.shape with [_; r] -> r | _ -> Refusal.malformed "%s: flips.rows has no two axes" where in
  let rows = wholes "flips.rows" rows and codes = wholes "flips.codes" codes in
  let targets = Array.map (fun t -> Z.to_float t /. Z.to_float s.head.target_scale) (Array.of_list s.head.targets) in
  fun j ->
    let at = point.(j) in
    if at < 0 || (at + 1) * r > Array.length rows then Refusal.malformed "%s: row %d has no change" where j;
    let news = Array.copy targets and gone = ref [] in
    for k = at * r to at * r + r - 1 do
      if rows.(k) <> -1 then begin
        let fits = if s.deleted then codes.(k) = -1 else codes.(k) = 0 || codes.(k) = 1 in
        if rows.(k) < 0 || rows.(k) >= n || not fits || List.mem rows.(k) !gone then
          Refusal.malformed "%s: change %d is none" where at;
        gone := rows.(k) :: !gone;
        news.(rows.(k)) <- (if codes.(k) = 1 then s.high else s.low)
      end
    done;
    if s.deleted then Gone (List.rev !gone) else Targets news

(* V63, V67: the status of every row; all labels are counted, or those that are right *)
let counted name right (s : Subject.t) claim where (lower, upper) =
  let points = Array.length s.seen in
  let array = side_array s claim where in
  let status = wholes "status" (array "status") in
  if Array.length status <> points then Refusal.malformed "%s: a status for every evaluation row is needed" where;
  let flip = if Array.exists (fun v -> v = 1) status then flips s array where else fun _ -> Nothing in
  let change j = if status.(j) = 1 then flip j else Nothing in
  let rows = List.init points (fun j ->
      (j, (if status.(j) >= 2 then Some s.count else None), (if status.(j) = 1 then Some s.count else None), change j)) in
  let own = if right then Lazy.force s.right else [||] in
  let is_right j = not right || s.above.(j) = Some own.(j) in
  let count f = List.length (List.filter f (List.init points Fun.id)) in
  { name = Printf.sprintf "%s: at least %d, at most %d of %d rows" name lower upper points;
    rows = List.filter (fun (_, a, b, _) -> a <> None || b <> None) rows;
    conclude = fun () ->
      if Array.exists (fun v -> v < 0) status || lower <> count (fun j -> status.(j) >= 2 && is_right j)
         || upper <> count (fun j -> status.(j) <> 1 && (s.above.(j) = None || is_right j))
      then Refusal.malformed "%s: its ends are not what the rows give" where }

let stable = counted "stable_predictions" false
let correct = counted "correct_predictions" true

(* V69: both ends of every row *)
let tolerated (s : Subject.t) claim where (lower, upper) =
  let points = Array.length s.seen in
  let wholes key = Array.of_list (List.map (Json.whole (where ^ "." ^ key)) (Json.list where (Json.member where key claim))) in
  let rows = wholes "rows" and low = wholes "row_lower" and high = wholes "row_upper" in
  if rows <> Array.init points Fun.id || Array.length low <> points || Array.length high <> points then
    Refusal.malformed "%s: both ends of every evaluation row are needed" where;
  Array.iteri (fun j l -> if l < 0 || l > high.(j) || high.(j) > s.count then
                  Refusal.malformed "%s: the ends of row %d are %d and %d" where j l high.(j)) low;
  let crossed = Array.exists (fun h -> h < s.count) high in
  let flip = if s.deleted && crossed then flips s (side_array s claim where) where else fun _ -> Nothing in
  let half a =
    let a = Array.copy a in
    Array.sort (fun x y -> compare y x) a;
    a.((points + 1) / 2 - 1) in
  { name = Printf.sprintf "tolerated_changes: half of %d rows, at least %d, at most %d" points lower upper;
    rows = List.filter (fun (_, a, b, _) -> a <> None || b <> None) (List.init points (fun j ->
        let below = high.(j) < s.count in
        (j, (if low.(j) > 0 then Some low.(j) else None), (if below then Some (high.(j) + 1) else None),
         if below then flip j else Nothing)));
    conclude = fun () ->
      if lower <> half low || upper <> half high then
        Refusal.malformed "%s: its ends are not what half of the rows reach" where }

let kinds = [("stable_predictions", stable); ("correct_predictions", correct); ("tolerated_changes", tolerated)]

(* V24: what the gate of a claim and its ends give *)
let check_gate claim where (lower, upper) =
  let l = float_of_int lower and u = float_of_int upper in
  match Json.member where "gate" claim with
  | Json.Null -> ()
  | gate ->
    let met, failed = match Json.optional "min" gate, Json.optional "max" gate with
      | Some v, None -> let m = Json.float "min" v in (l >= m, u < m)
      | None, Some v -> let m = Json.float "max" v in (u <= m, l > m)
      | _ -> Refusal.malformed "%s.gate has neither min nor max" where in
    let state, verdict = if met then ("met", "certified") else if failed then ("failed", "refuted")
      else ("open", "inconclusive") in
    let said key v = Json.text key (Json.member where key v) in
    if said "state" gate <> state || said "verdict" claim <> verdict then
      Refusal.malformed "%s: its gate and its ends give %s, %s" where state verdict

(* the gates of the claims are those of the spec, in its words *)
let check_gates gates claims =
  let of_spec g =
    let get k = List.assoc_opt k g in
    List.iter (fun (k, _) ->
        if not (List.mem k ["quantity"; "min"; "max"; "rationale"; "severity"; "rigour"]) then
          Refusal.beyond "a gate of the spec has %s, which is not read here" k) g;
    let text k default = match get k with
      | Some (Toml.Text t) -> t | None -> default | _ -> Refusal.malformed "a gate's %s is no text" k in
    let number k = match get k with
      | Some (Toml.Number n) -> Some (float_of_string n) | None -> None
      | _ -> Refusal.malformed "a gate's %s is no number" k in
    (text "quantity" "", number "min", number "max", text "severity" "fail", text "rigour" "proved",
     match get "rationale" with None -> "" | Some (Toml.Text t) -> t | _ -> Refusal.malformed "a rationale is no text") in
  let of_claim claim =
    match Json.member "a claim" "gate" claim with
    | Json.Null -> None
    | gate ->
      let text k = Json.text k (Json.member "a gate" k gate) in
      let number k = Option.map (Json.float k) (Json.optional k gate) in
      Some (Json.text "quantity" (Json.member "a claim" "quantity" claim), number "min", number "max", text "severity",
            text "rigour", match Json.optional "rationale" gate with Some (Json.Text t) -> t | _ -> "") in
  if List.sort compare (List.map of_spec gates) <> List.sort compare (List.filter_map of_claim claims) then
    Refusal.malformed "the gates of the claims are not those of the spec"
