(* From a certificate to the integers that `Verified.check` is about. *)
type t = {
  head : Verified.head;       (* exact *)
  rows : float array array;  (* the same features, for proposals *)
  seen : float array array;  (* of the evaluation rows *)
  above : bool option array; (* today's side; none where the output is the threshold *)
  right : bool array Lazy.t; (* the side of the evaluation rows' own labels, which the file need not have *)
  count : int; low : float; high : float; feature_shift : int;
  deleted : bool; may : bool list;  (* rows are deleted, not labels changed; which rows may change *)
  arrays : (string * Arrays.t Lazy.t) list;  (* of the side file *)
  gates : (string * Toml.value) list list;   (* of the spec *)
  distance : float;          (* that today's weights are said to have from the minimum *)
}

(* so that time and memory are bounded: words of features, columns, evaluation rows *)
let largest, widest, most_points = 100_000_000, 4_000, 100_000

let matrix where (a : Arrays.t) width = match a.shape with
  | [n; d] when d = width -> Array.init n (fun i -> Array.sub a.values (i * d) d)
  | _ -> Refusal.malformed "%s has another shape than rows of %d" where width
let column where (a : Arrays.t) n = match a.shape with
  | [m] | [m; 1] when m = n -> a.values
  | _ -> Refusal.malformed "%s has another shape than %d numbers" where n

(* V67: two labels, -1 and 1 or 0 and 1, where the training targets are -1 and 1; else the side of the threshold *)
let sides targets threshold values =
  let all l = Array.for_all (fun v -> List.mem v l) in
  let signs = all [-1.; 1.] targets in
  if signs && (all [-1.; 1.] values || all [0.; 1.] values) then Array.map (fun v -> v > 0.) values
  else if signs && threshold = 0. then Refusal.malformed "labels of the evaluation rows are not -1 and 1, or 0 and 1"
  else if Array.mem threshold values then Refusal.malformed "a label of an evaluation row is the threshold itself"
  else Array.map (fun v -> v > threshold) values

let read folder certificate =
  let subject = Json.member "the certificate" "subject" certificate in
  let problem = Json.member "the certificate" "problem" certificate in
  let bound = Bound.file folder subject in
  let spec_path, spec_bytes = bound "spec" in
  let spec = Spec.read spec_bytes in
  let file name named =
    let path, bytes = bound name in
    Bound.same_file spec_path named path;
    Arrays.read path bytes in
  let model = file "model" spec.model in
  let data = file "data" spec.data in
  let evaluation = file "evaluation" spec.evaluation in
  let arrays = match Json.optional "witness" subject with
    | None -> [] | Some _ -> let path, bytes = bound "witness" in Arrays.read path bytes in
  (match subject with
   | Json.Object l -> List.iter (fun (k, _) ->
       if not (List.mem k ["spec"; "model"; "data"; "evaluation"; "witness"]) then
         Refusal.beyond "the certificate binds a file %s, which is not read here" k) l
   | _ -> ());
  let features = matrix "data.features" (Arrays.array "the data file" spec.features data) spec.inputs in
  let n = Array.length features in
  let targets = column "data.targets" (Arrays.array "the data file" spec.targets data) n in
  let seen = matrix "the evaluation file" (Arrays.array "the evaluation file" spec.seen evaluation) spec.inputs in
  let weights = column "the model's weights" (match (Arrays.array "the model" "0.weight" model : Arrays.t) with
      | { shape = [1; d]; _ } as a -> { a with shape = [d] } | a -> a) spec.inputs in
  let bias = match List.assoc_opt "0.bias" model with
    | None -> None | Some a -> Some (column "the model's bias" (Lazy.force a) 1).(0) in
  List.iter (fun (k, _) -> if k <> "0.weight" && k <> "0.bias" then
                Refusal.beyond "the model has a tensor %s, which is not read here" k) model;
  if n = 0 || Array.length seen = 0 then Refusal.malformed "there are no rows";
  let with_one r = if bias = None then r else Array.append r [| 1. |] in
  let features = Array.map with_one features and seen = Array.map with_one seen in
  let weights = match bias with None -> weights | Some b -> Array.append weights [| b |] in
  (* labels: two numbers *)
  let low = Array.fold_left Float.min targets.(0) targets and high = Array.fold_left Float.max targets.(0) targets in
  if low = high || Array.exists (fun t -> t <> low && t <> high) targets then
    Refusal.malformed "data.targets are not two numbers";
  let threshold = match spec.threshold with
    | Some t -> t
    | None ->
      if low <> -1. || high <> 1. then Refusal.malformed "without a threshold targets have to be -1 and 1" else 0. in
  let moves = match spec.moving with
    | None -> fun _ -> true
    | Some l ->
      let m = Array.make n false in
      List.iter (fun i -> if i >= n || m.(i) then Refusal.malformed "perturbation.rows are no rows" else m.(i) <- true) l;
      fun i -> m.(i) in
  (* what the certificate says of the problem *)
  let agree key fits = match Json.optional key problem with
    | Some v -> if not (fits v) then Refusal.malformed "problem.%s is not what spec and files say" key
    | None -> Refusal.malformed "problem has no %s" key in
  let whole k v = agree k (fun x -> Json.whole k x = v) and float k v = agree k (fun x -> Json.float k x = v) in
  let text k v = agree k (fun x -> x = Json.Text v) in
  whole "n" n; whole "inputs" spec.inputs; whole "outputs" 1; whole "count" spec.count;
  whole "evaluation_rows" (Array.length seen); float "weight_decay" spec.weight_decay;
  text "loss" "squared"; text "map" "critical"; text "parameter" (if spec.deleted then "deletions" else "labels"); text "set" "sparse";
  (match spec.threshold, Json.optional "threshold" problem with
   | None, None -> ()
   | Some t, Some v when Json.float "threshold" v = t -> ()
   | _ -> Refusal.malformed "problem.threshold is not the spec's");
  (match Json.optional "bias_decay" problem, spec.bias_decay with
   | None, true | Some (Json.Bool false), false -> ()
   | _ -> Refusal.malformed "problem.bias_decay is not the spec's");
  if not (spec.weight_decay > 0.) then Refusal.malformed "training.weight_decay is not above 0";
  (* exact integers: features, targets, weights each times one power of two *)
  let lowest where rows = Array.fold_left (fun low r -> min low (Dyadic.lowest where r)) 0 rows in
  let mu, mu_e = Dyadic.of_float "weight_decay" spec.weight_decay in
  let shift = max (- (min (lowest "data.features" features) (lowest "evaluation" seen))) ((1 - min 0 mu_e) / 2) in
  let target_shift = - (Dyadic.lowest "data.targets" [| low; high; threshold |]) in
  let weight_shift = - (Dyadic.lowest "weights" weights) in
  if max shift (max target_shift weight_shift) > Dyadic.deepest then
    Refusal.beyond "the numbers are too far apart in size for exact integers here";
  let work = n * Array.length weights * (1 + shift / 64) in
  if work > largest || Array.length weights > widest || Array.length seen > most_points then
    Refusal.beyond "the head is too large: %d words of features, %d columns, %d evaluation rows" work
      (Array.length weights) (Array.length seen);
  let list s r = Array.to_list (Array.map (Dyadic.scaled "a number" s) r) in
  let one s = Z.shift_left Z.one s in
  let p = Array.length weights in
  let each = Z.shift_left (Z.mul (Z.of_int n) (Z.of_int mu)) (2 * shift + mu_e) in
  let head = {
    Verified.rows = Array.to_list (Array.map (list shift) features);
    targets = list target_shift targets;
    codes = List.init n (fun i -> if moves i && not spec.deleted then [Dyadic.scaled "" target_shift (if targets.(i) = low then high else low)] else []);
    decay = List.init p (fun j -> if bias <> None && j = p - 1 && not spec.bias_decay then Z.zero else each);
    weights = list weight_shift weights;
    threshold = Dyadic.scaled "threshold" target_shift threshold;
    feature_scale = one shift; target_scale = one target_shift; weight_scale = one weight_shift } in
  let side r =
    let out = List.fold_left2 (fun s x w -> Z.add s (Z.mul x w)) Z.zero (list shift r) head.weights in
    match Z.compare (Z.shift_left out target_shift) (Z.shift_left head.threshold (shift + weight_shift)) with
    | 0 -> None | c -> Some (c > 0) in
  let right = lazy (sides targets threshold (
      column "labels of the evaluation rows" (Arrays.array "the evaluation file" spec.right evaluation) (Array.length seen))) in
  { head; rows = features; seen; above = Array.map side seen; right; count = spec.count; low; high; feature_shift = shift;
    deleted = spec.deleted; may = List.init n moves;
    arrays; gates = spec.gates;
    distance = Json.float "base.distance" (Json.member "base" "distance" (Json.member "the certificate" "base" certificate)) }
