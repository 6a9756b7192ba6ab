(* The part of TOML in which specs are written: tables, arrays of tables, and values on one line. *)
type value = Text of string | Number of string | Bool of bool | List of value list | Table of (string * value) list

(* (table, key) and value, in the order of the file; the tables of an array are numbered: "gate.0" *)
let parse where s =
  let table = ref "" and gates = Hashtbl.create 4 and found = ref [] and tables = ref [""] in
  let line_number = ref 0 in
  let fail what = Refusal.beyond "%s, line %d: %s" where !line_number what in
  let bare = function 'a' .. 'z' | 'A' .. 'Z' | '0' .. '9' | '_' | '-' -> true | _ -> false in
  let name s = if s <> "" && String.for_all bare s then s else fail ("a name is needed, " ^ s ^ " is there") in
  (* a value from place i on: itself, and the place after it *)
  let rec value l i =
    let n = String.length l in
    if i >= n then fail "a value is missing";
    match l.[i] with
    | '"' ->
      (match String.index_from_opt l (i + 1) '"' with
       | Some j ->
         let t = String.sub l (i + 1) (j - i - 1) in
         if String.exists (fun c -> c = '\\' || Char.code c < 32) t then fail "an escape in a text";
         if t = "" && j + 1 < n && l.[j + 1] = '"' then fail "a text of several lines";
         (Text t, j + 1)
       | None -> fail "a text without an end")
    | '[' ->
      let rec items acc i =
        let i = skip l i in
        if i < n && l.[i] = ']' then (List (List.rev acc), i + 1)
        else
          let v, i = value l i in
          let i = skip l i in
          if i < n && l.[i] = ',' then items (v :: acc) (i + 1)
          else if i < n && l.[i] = ']' then (List (List.rev (v :: acc)), i + 1)
          else fail "a list without an end" in
      items [] (i + 1)
    | '{' ->
      let rec pairs acc i =
        let stop = match String.index_from_opt l i '=' with Some j -> j | None -> fail "a table without an end" in
        let key = name (String.trim (String.sub l i (stop - i))) in
        if List.mem_assoc key acc then fail ("the key " ^ key ^ " twice");
        let v, i = value l (skip l (stop + 1)) in
        let i = skip l i in
        if i < n && l.[i] = ',' then pairs ((key, v) :: acc) (i + 1)
        else if i < n && l.[i] = '}' then (Table (List.rev ((key, v) :: acc)), i + 1)
        else fail "a table without an end" in
      pairs [] (i + 1)
    | _ ->
      let j = ref i in
      while !j < n && (match l.[!j] with ' ' | '\t' | ',' | ']' | '}' | '#' -> false | _ -> true) do incr j done;
      let w = String.sub l i (!j - i) in
      if w = "true" || w = "false" then (Bool (w = "true"), !j)
      else if w <> "" && String.for_all (function '0' .. '9' | '+' | '-' | '.' | 'e' | 'E' -> true | _ -> false) w
           && float_of_string_opt w <> None then (Number w, !j)
      else fail ("the value " ^ w ^ " is not read here")
  and skip l i = if i < String.length l && (l.[i] = ' ' || l.[i] = '\t') then skip l (i + 1) else i in
  let rest l i =
    let i = skip l i in
    if i < String.length l && l.[i] <> '#' then fail "something after a value" in
  let line l =
    incr line_number;
    let i = skip l 0 in
    let n = String.length l in
    if i >= n || l.[i] = '#' then ()
    else if l.[i] = '[' then begin
      let double = i + 1 < n && l.[i + 1] = '[' in
      let close = if double then "]]" else "]" in
      let start = i + String.length close in
      let stop = match String.index_from_opt l start ']' with Some j -> j | None -> fail "a table without an end" in
      let t = name (String.trim (String.sub l start (stop - start))) in
      if double && not (stop + 1 < n && l.[stop + 1] = ']') then fail "a table without an end";
      rest l (stop + String.length close);
      let t = if double then begin
          let k = Option.value ~default:0 (Hashtbl.find_opt gates t) in
          Hashtbl.replace gates t (k + 1);
          Printf.sprintf "%s.%d" t k end else t in
      if List.mem t !tables then fail ("the table " ^ t ^ " twice");
      tables := t :: !tables;
      table := t
    end else begin
      let stop = match String.index_from_opt l i '=' with Some j -> j | None -> fail "neither a table nor a value" in
      let key = name (String.trim (String.sub l i (stop - i))) in
      let v, j = value l (skip l (stop + 1)) in
      rest l j;
      if List.mem_assoc (!table, key) !found then fail ("the key " ^ key ^ " twice");
      found := ((!table, key), v) :: !found
    end in
  List.iter (fun l ->
      let n = String.length l in
      line (if n > 0 && l.[n - 1] = '\r' then String.sub l 0 (n - 1) else l)) (String.split_on_char '\n' s);
  List.rev !found
