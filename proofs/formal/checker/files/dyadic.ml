(* Binary floats as exact numbers: mantissa times a power of two. *)

(* the mantissa, odd or 0, and the exponent of a binary64 from its bits; none of an infinity or NaN *)
let of_bits where bits =
  let e = Int64.to_int (Int64.logand (Int64.shift_right_logical bits 52) 0x7ffL) in
  let m = Int64.to_int (Int64.logand bits 0xfffffffffffffL) in
  if e = 0x7ff then Refusal.malformed "%s has an entry that is no finite number" where;
  let m, e = if e = 0 then (m, -1074) else (m lor (1 lsl 52), e - 1075) in
  if m = 0 then (0, 0)
  else begin
    let m = ref m and e = ref e in
    while !m land 1 = 0 do m := !m lsr 1; incr e done;
    ((if Int64.compare bits 0L < 0 then - !m else !m), !e)
  end

let of_float where x = of_bits where (Int64.bits_of_float x)

(* the least exponent among some numbers, at most 0 *)
let lowest where = Array.fold_left (fun low x -> min low (snd (of_float where x))) 0

let deepest = 1200

(* x times 2^shift, exactly *)
let scaled where shift x =
  let m, e = of_float where x in
  if shift + e < 0 then invalid_arg "Dyadic.scaled";
  Z.shift_left (Z.of_int m) (if m = 0 then 0 else shift + e)
