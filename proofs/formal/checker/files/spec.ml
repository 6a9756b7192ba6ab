(* What a spec asks, where it asks what this checker reads; every other key or word is beyond it. *)
type t = {
  model : string; data : string; evaluation : string; features : string; seen : string; targets : string; right : string;
  inputs : int; weight_decay : float; bias_decay : bool; deleted : bool; count : int; moving : int list option; threshold : float option;
  gates : (string * Toml.value) list list;
}

let words = [
  ("model", "activation", "identity"); ("training", "loss", "squared"); ("training", "normalization", "fixed");
  ("solution", "map", "critical"); ("solution", "base", "nearby"); ("solution", "layer", "all");
  ("perturbation", "parameter", "labels"); ("perturbation", "parameter", "deletions"); ("perturbation", "set", "sparse"); ("perturbation", "rows", "all")]
let needed = [
  ("model", "file"); ("model", "widths"); ("data", "file"); ("data", "features"); ("data", "targets");
  ("training", "loss"); ("training", "weight_decay"); ("solution", "map"); ("solution", "base");
  ("perturbation", "parameter"); ("perturbation", "set"); ("perturbation", "count"); ("evaluation", "file")]
let others = [("training", "bias_decay"); ("solution", "within"); ("evaluation", "threshold"); ("evaluation", "features");
              ("evaluation", "targets"); ("", "version")]
(* of these nothing that is proved depends: how long to try, names for labels and outputs, and the files from which
   those that the certificate binds are said to have been made *)
let told = [("run", "time_limit"); ("about", "labels"); ("about", "names"); ("about", "behind"); ("about", "model");
            ("about", "data"); ("about", "evaluation")]

let read bytes =
  let found = Toml.parse "the spec" bytes in
  let get table key = List.assoc_opt (table, key) found in
  let is_gate t = String.length t > 5 && String.sub t 0 5 = "gate." in
  List.iter (fun ((table, key), v) ->
      let said = table ^ "." ^ key in
      if is_gate table then ()
      else match List.filter (fun (t, k, _) -> t = table && k = key) words, v with
        | [(_, "rows", _)], Toml.List _ -> ()
        | (_ :: _ as l), Toml.Text x when List.exists (fun (_, _, w) -> w = x) l -> ()
        | (_ :: _ as l), _ ->
          let read = String.concat " or " (List.map (fun (_, _, w) -> Printf.sprintf "%S" w) l) in
          Refusal.beyond "%s: only %s is read here" said read
        | [], _ ->
          if not (List.exists (List.mem (table, key)) [needed; others; told]) then
            Refusal.beyond "the spec has %s, which is not read here" said) found;
  List.iter (fun (t, k) -> if get t k = None then Refusal.beyond "the spec has no %s.%s" t k) needed;
  let text t k = match get t k with Some (Toml.Text s) -> s | _ -> Refusal.beyond "the spec's %s.%s is no text" t k in
  let float said = function
    | Toml.Number s ->
      let x = float_of_string s in
      if Float.is_finite x then x else Refusal.malformed "%s is not finite" said
    | _ -> Refusal.malformed "%s is no number" said in
  let whole said = function
    | Toml.Number s when s <> "" && String.length s < 10 && String.for_all (fun c -> '0' <= c && c <= '9') s ->
      int_of_string s
    | _ -> Refusal.malformed "%s is no whole number" said in
  let number t k = float (t ^ "." ^ k) (Option.get (get t k)) in
  if get "" "version" <> Some (Toml.Number "1") then Refusal.beyond "the spec's version is not 1";
  let inputs = match get "model" "widths" with
    | Some (Toml.List [i; o]) when whole "widths" o = 1 -> whole "widths" i
    | _ -> Refusal.beyond "heads of one output on the features as they are, [inputs, 1], are read here" in
  let gates = List.sort_uniq compare (List.filter is_gate (List.map (fun ((t, _), _) -> t) found)) in
  { model = text "model" "file"; data = text "data" "file"; evaluation = text "evaluation" "file";
    features = text "data" "features";
    seen = text (if get "evaluation" "features" = None then "data" else "evaluation") "features"; targets = text "data" "targets";
    right = text (if get "evaluation" "targets" = None then "data" else "evaluation") "targets"; inputs;
    weight_decay = number "training" "weight_decay";
    bias_decay = (match get "training" "bias_decay" with
        | None | Some (Toml.Bool true) -> true | Some (Toml.Bool false) -> false
        | _ -> Refusal.malformed "training.bias_decay is neither true nor false");
    deleted = text "perturbation" "parameter" = "deletions";
    count = whole "perturbation.count" (Option.get (get "perturbation" "count"));
    moving = (match get "perturbation" "rows" with
        | Some (Toml.List l) -> Some (List.map (whole "perturbation.rows") l) | _ -> None);
    threshold = Option.map (float "evaluation.threshold") (get "evaluation" "threshold");
    gates = List.map (fun g -> List.filter_map (fun ((t, k), v) -> if t = g then Some (k, v) else None) found) gates }
