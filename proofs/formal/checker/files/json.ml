(* JSON as canonical certificates and headers of tensors have it. Numbers keep their text. *)
type t = Null | Bool of bool | Number of string | Text of string | List of t list | Object of (string * t) list

let deepest = 64

let parse where s =
  if not (String.is_valid_utf_8 s) then Refusal.malformed "%s is no UTF-8" where;
  let n = String.length s and at = ref 0 in
  let fail what = Refusal.malformed "%s is no JSON that is read here: %s at byte %d" where what !at in
  let peek () = if !at < n then s.[!at] else '\000' in
  let space () = while !at < n && (match s.[!at] with ' ' | '\n' | '\t' | '\r' -> true | _ -> false) do incr at done in
  let expect c = if peek () = c then incr at else fail (Printf.sprintf "%C is missing" c) in
  let word w v =
    let l = String.length w in
    if !at + l <= n && String.sub s !at l = w then (at := !at + l; v) else fail "an unknown word" in
  let text () =
    expect '"';
    let b = Buffer.create 16 in
    let rec go () =
      if !at >= n then fail "a text without an end";
      match s.[!at] with
      | '"' -> incr at
      | '\\' ->
        incr at;
        (match peek () with
         | ('"' | '\\' | '/') as c -> Buffer.add_char b c
         | 'n' -> Buffer.add_char b '\n' | 't' -> Buffer.add_char b '\t' | 'r' -> Buffer.add_char b '\r'
         | 'b' -> Buffer.add_char b '\b' | 'f' -> Buffer.add_char b '\012'
         | 'u' when !at + 4 < n && String.sub s (!at + 1) 2 = "00" ->
           (match int_of_string_opt ("0x" ^ String.sub s (!at + 3) 2) with
            | Some c when c < 128 -> Buffer.add_char b (Char.chr c); at := !at + 4
            | _ -> fail "an escape")
         | _ -> fail "an escape");
        incr at; go ()
      | c when Char.code c < 32 -> fail "a control character"
      | c -> Buffer.add_char b c; incr at; go () in
    go ();
    Buffer.contents b in
  let number () =
    let start = !at in
    let digits () =
      let from = !at in
      while (match peek () with '0' .. '9' -> true | _ -> false) do incr at done;
      if !at = from then fail "a number without digits" in
    if peek () = '-' then incr at;
    if peek () = '0' then incr at else digits ();
    if peek () = '.' then (incr at; digits ());
    (match peek () with
     | 'e' | 'E' -> incr at; (match peek () with '+' | '-' -> incr at | _ -> ()); digits ()
     | _ -> ());
    Number (String.sub s start (!at - start)) in
  let rec value depth =
    if depth > deepest then fail "too deep a nesting";
    space ();
    match peek () with
    | '{' ->
      incr at; space ();
      if peek () = '}' then (incr at; Object [])
      else
        let seen = Hashtbl.create 16 in
        let rec members l =
          space ();
          let key = text () in
          if Hashtbl.mem seen key then fail ("the key " ^ key ^ " twice");
          Hashtbl.add seen key ();
          space (); expect ':';
          let v = value (depth + 1) in
          space ();
          if peek () = ',' then (incr at; members ((key, v) :: l)) else (expect '}'; List.rev ((key, v) :: l)) in
        Object (members [])
    | '[' ->
      incr at; space ();
      if peek () = ']' then (incr at; List [])
      else
        let rec items l =
          let v = value (depth + 1) in
          space ();
          if peek () = ',' then (incr at; items (v :: l)) else (expect ']'; List.rev (v :: l)) in
        List (items [])
    | '"' -> Text (text ())
    | 't' -> word "true" (Bool true)
    | 'f' -> word "false" (Bool false)
    | 'n' -> word "null" Null
    | _ -> number () in
  let v = value 0 in
  space ();
  if !at <> n then fail "something after its end";
  v

let member where key = function
  | Object l -> (match List.assoc_opt key l with Some v -> v | None -> Refusal.malformed "%s has no %s" where key)
  | _ -> Refusal.malformed "%s is no object" where
let optional key = function Object l -> List.assoc_opt key l | _ -> None
let text where = function Text s -> s | _ -> Refusal.malformed "%s is no text" where
let list where = function List l -> l | _ -> Refusal.malformed "%s is no list" where
let float where = function
  | Number s ->
    let x = float_of_string s in
    if Float.is_finite x then x else Refusal.malformed "%s is no finite number" where
  | _ -> Refusal.malformed "%s is no number" where
let whole where v =
  let x = float where v in
  if Float.is_integer x && Float.abs x <= 9007199254740992. then int_of_float x
  else Refusal.malformed "%s is no whole number" where
