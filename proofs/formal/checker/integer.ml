(* Coq's integers as zarith's: each function does on all arguments what Coq's of the same name does. Trusted. *)
include Z

let shiftl x k = let k = Z.to_int k in if k < 0 then Z.shift_right x (Int.neg k) else Z.shift_left x k
let shiftr x k = let k = Z.to_int k in if k < 0 then Z.shift_left x (Int.neg k) else Z.shift_right x k
let div x y = if Z.sign y = 0 then Z.zero else Z.fdiv x y
let sqrt x = if Z.sign x <= 0 then Z.zero else Z.sqrt x
let log2 x = if Z.sign x <= 0 then Z.zero else Z.of_int (Int.pred (Z.numbits x))
