(* Arrays of numbers from the bytes of .npz and .safetensors files, each number exactly the binary64 that it equals.
   Only archives that are not compressed, as numpy.savez writes them, and without a byte that belongs to nothing. *)
type t = { shape : int list; values : float array; whole : bool }

let largest = 1 lsl 28

let count where shape =
  List.fold_left (fun n d ->
      if d < 0 || (d > 0 && n > largest / d) then Refusal.beyond "%s has too many entries" where else n * d) 1 shape

(* letter and bytes of an entry: f floats, i signed, u unsigned, b booleans; little end first *)
let unpack where s start stop (letter, width) shape =
  let n = count where shape in
  if stop - start <> n * width then
    Refusal.malformed "%s has %d bytes, its shape takes %d" where (stop - start) (n * width);
  let entry i =
    let at = start + i * width in
    match letter, width with
    | 'f', 8 -> Int64.float_of_bits (String.get_int64_le s at)
    | 'f', 4 -> Int32.float_of_bits (String.get_int32_le s at)
    | 'i', 8 ->
      let v = String.get_int64_le s at in
      if Int64.compare (Int64.abs v) 9007199254740992L > 0 || v = Int64.min_int then
        Refusal.malformed "%s has an integer above 2^53" where;
      Int64.to_float v
    | 'i', 4 -> Int32.to_float (String.get_int32_le s at)
    | 'i', 2 -> float_of_int (String.get_int16_le s at)
    | 'i', 1 -> float_of_int (String.get_int8 s at)
    | 'u', 1 -> float_of_int (Char.code s.[at])
    | 'b', 1 ->
      (match s.[at] with
       | '\000' -> 0. | '\001' -> 1. | _ -> Refusal.malformed "%s has a boolean that is neither" where)
    | _ -> Refusal.beyond "%s has numbers of a type that is not read here" where in
  let values = Array.init n entry in
  Array.iter (fun x -> if not (Float.is_finite x) then Refusal.malformed "%s has an entry that is no finite number" where)
    values;
  { shape; values; whole = letter <> 'f' }

(* ---- .npy ---- *)
let after where prefix s =
  let l = String.length prefix in
  if String.length s >= l && String.sub s 0 l = prefix then String.sub s l (String.length s - l)
  else Refusal.malformed "%s has a header that is not numpy's" where

let npy where s start stop =
  if stop - start < 10 || String.sub s start 6 <> "\x93NUMPY" || s.[start + 6] <> '\001' || s.[start + 7] <> '\000' then
    Refusal.malformed "%s does not start like an array of numpy's format 1" where;
  let body = start + 10 + String.get_uint16_le s (start + 8) in
  if body > stop then Refusal.malformed "%s is cut short" where;
  let h = String.sub s (start + 10) (body - start - 10) in
  let h = after where "{'descr': '" h in
  if String.length h < 3 then Refusal.malformed "%s has a header that is not numpy's" where;
  let order, kind = h.[0], String.sub h 1 2 in
  let h = after where "', 'fortran_order': " (String.sub h 3 (String.length h - 3)) in
  if String.length h >= 4 && String.sub h 0 4 = "True" then Refusal.beyond "%s is in Fortran order" where;
  let h = after where "False, 'shape': (" h in
  let close = match String.index_opt h ')' with
    | Some i -> i | None -> Refusal.malformed "%s has a header that is not numpy's" where in
  let tail = after where "), }" (String.sub h close (String.length h - close)) in
  if String.trim tail <> "" then Refusal.malformed "%s has a header that is not numpy's" where;
  let dims = List.map String.trim (String.split_on_char ',' (String.sub h 0 close)) in
  let dims = match List.rev dims with "" :: l -> List.rev l | _ -> dims in
  let dim d =
    if d <> "" && String.length d < 10 && String.for_all (fun c -> '0' <= c && c <= '9') d then int_of_string d
    else Refusal.malformed "%s has the shape (%s)" where (String.sub h 0 close) in
  let shape = List.map dim dims in
  let known = match order, kind with
    | '<', ("f8" | "f4" | "i8" | "i4" | "i2") | '|', ("i1" | "u1" | "b1") -> (kind.[0], Char.code kind.[1] - 48)
    | _ -> Refusal.beyond "%s has numbers of a type that is not read here" where in
  unpack where s body stop known shape

(* ---- .npz ---- *)
let u16 = String.get_uint16_le
let u32 s i = Int32.to_int (String.get_int32_le s i) land 0xffffffff
let u64 where s i =
  let v = String.get_int64_le s i in
  if Int64.compare v 0L < 0 || Int64.compare v 0x3fffffffffffL > 0 then
    Refusal.malformed "%s has a size that no file has" where else Int64.to_int v

let crc_table = Array.init 256 (fun i ->
    let c = ref i in
    for _ = 1 to 8 do c := if !c land 1 = 1 then 0xedb88320 lxor (!c lsr 1) else !c lsr 1 done;
    !c)
let crc32 s start stop =
  let c = ref 0xffffffff in
  for i = start to stop - 1 do
    c := crc_table.((!c lxor Char.code (String.unsafe_get s i)) land 255) lxor (!c lsr 8)
  done;
  !c lxor 0xffffffff

let bytes_of = String.sub

(* one local header after the other, then one central header for each, then the end, and nothing between them *)
let npz where s =
  let n = String.length s in
  let bad what = Refusal.malformed "%s: %s" where what in
  let need at k = if at < 0 || at + k > n then bad "the archive is cut short" in
  need (n - 22) 22;
  let final = n - 22 in
  if u32 s final <> 0x06054b50 || u16 s (final + 4) <> 0 || u16 s (final + 6) <> 0 || u16 s (final + 20) <> 0 then
    bad "the archive has no plain end";
  let members = u16 s (final + 10) and size = u32 s (final + 12) and first = u32 s (final + 16) in
  if u16 s (final + 8) <> members || first + size <> final then bad "the archive's end does not fit";
  let central = ref first and local = ref 0 and found = ref [] in
  for _ = 1 to members do
    let c = !central in
    need c 46;
    if u32 s c <> 0x02014b50 then bad "a central header is missing";
    let named = u16 s (c + 28) in
    if u16 s (c + 30) <> 0 || u16 s (c + 32) <> 0 || u16 s (c + 34) <> 0 || u32 s (c + 42) <> !local then
      bad "a central header is not as numpy.savez writes it";
    let packed = u32 s (c + 20) and plain = u32 s (c + 24) in
    need c (46 + named);
    let l = !local in
    need l 30;
    if u32 s l <> 0x04034b50 then bad "a local header is missing";
    if bytes_of s (l + 4) 14 <> bytes_of s (c + 6) 14 || u16 s (l + 26) <> named then
      bad "a local header says something else than the central one";
    let more = u16 s (l + 28) in
    need l (30 + named + more);
    if bytes_of s (l + 30) named <> bytes_of s (c + 46) named then bad "a member has two names";
    let wide = u32 s (l + 18) = 0xffffffff && u32 s (l + 22) = 0xffffffff in
    let sizes_fit =
      if wide then
        more = 20 && u16 s (l + 30 + named) = 1 && u16 s (l + 32 + named) = 16
        && u64 where s (l + 34 + named) = plain && u64 where s (l + 42 + named) = packed
      else more = 0 && u32 s (l + 18) = packed && u32 s (l + 22) = plain in
    if not sizes_fit then bad "a local header gives other sizes than the central one";
    let flags = u16 s (c + 8) and how = u16 s (c + 10) in
    if flags <> 0 && flags <> 0x800 then bad "a member is encrypted or streamed";
    if how <> 0 then Refusal.beyond "%s is compressed; what numpy.savez writes is read here" where;
    if packed <> plain then bad "a stored member has two sizes";
    let name = bytes_of s (l + 30) named in
    let start = l + 30 + named + more in
    need start plain;
    if crc32 s start (start + plain) <> u32 s (c + 16) then bad ("the member " ^ name ^ " is damaged");
    if not (Filename.check_suffix name ".npy") || String.contains name '\000' then bad "a member is no array";
    let key = Filename.chop_suffix name ".npy" in
    if List.mem_assoc key !found then bad ("the array " ^ key ^ " is there twice");
    found := (key, (start, start + plain)) :: !found;
    local := start + plain;
    central := c + 46 + named
  done;
  if !local <> first || !central <> final then bad "the archive has bytes that belong to nothing";
  List.iter (fun (key, _) -> if List.mem_assoc (key ^ ".npy") !found then bad "two names that numpy does not tell apart")
    !found;
  List.rev_map (fun (key, (a, b)) -> (key, lazy (npy (where ^ ", array " ^ key) s a b))) !found

(* ---- .safetensors ---- *)
let safetensors where s =
  let n = String.length s in
  if n < 8 then Refusal.malformed "%s is cut short" where;
  let length = u64 where s 0 in
  if length > n - 8 then Refusal.malformed "%s is cut short" where;
  let header = Json.parse where (String.sub s 8 length) in
  let entry (key, v) =
    let where = where ^ ", tensor " ^ key in
    let wholes k = List.map (Json.whole where) (Json.list where (Json.member where k v)) in
    match Json.text where (Json.member where "dtype" v), wholes "data_offsets" with
    | kind, [a; b] when 0 <= a && a <= b -> (a, b, key, kind, wholes "shape")
    | _ -> Refusal.malformed "%s has an entry that is none" where in
  let entries = match header with
    | Json.Object l -> List.map entry (List.filter (fun (k, _) -> k <> "__metadata__") l)
    | _ -> Refusal.malformed "%s has a header that is no object" where in
  let entries = List.sort compare entries in
  let reached = List.fold_left (fun at (a, b, key, _, _) ->
      if a <> at then Refusal.malformed "%s: the bytes of %s start at %d, not at %d" where key a at else b) 0 entries in
  if 8 + length + reached <> n then Refusal.malformed "%s has bytes that belong to no tensor" where;
  List.map (fun (a, b, key, kind, shape) ->
      let where = where ^ ", tensor " ^ key in
      let known = match kind with
        | "F64" -> ('f', 8) | "F32" -> ('f', 4) | "I64" -> ('i', 8) | "I32" -> ('i', 4) | "I16" -> ('i', 2)
        | "I8" -> ('i', 1) | "U8" -> ('u', 1) | "BOOL" -> ('b', 1)
        | _ -> Refusal.beyond "%s has numbers of a type that is not read here" where in
      (key, lazy (unpack where s (8 + length + a) (8 + length + b) known shape))) entries

let read path s =
  let name = Filename.basename path in
  if Filename.check_suffix path ".npz" then npz name s
  else if Filename.check_suffix path ".safetensors" then safetensors name s
  else Refusal.beyond "%s is no .npz or .safetensors file; no other is read here" name

let array where name arrays =
  match List.assoc_opt name arrays with
  | Some a -> Lazy.force a
  | None -> Refusal.malformed "%s has no array %s" where name
