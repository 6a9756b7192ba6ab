(** Writes `Relabel.check` and `Delete.check_deleted` as OCaml over zarith's integers. Trusted, beside Coq's extraction:
    that the functions of `integer.ml` do what Coq's of the same names do, and that an OCaml int counts a list. *)
From Coq Require Extraction.
From Coq Require Import ZArith List ExtrOcamlBasic ExtrOcamlZBigInt ExtrOcamlNatInt.
From Certify Require Import Relabel Delete.

Extract Inlined Constant Z.add => "Integer.add".
Extract Inlined Constant Z.sub => "Integer.sub".
Extract Inlined Constant Z.mul => "Integer.mul".
Extract Inlined Constant Z.opp => "Integer.neg".
Extract Inlined Constant Z.abs => "Integer.abs".
Extract Inlined Constant Z.max => "Integer.max".
Extract Inlined Constant Z.min => "Integer.min".
Extract Inlined Constant Z.ltb => "Integer.lt".
Extract Inlined Constant Z.leb => "Integer.leq".
Extract Inlined Constant Z.eqb => "Integer.equal".
Extract Inlined Constant Z.shiftl => "Integer.shiftl".
Extract Inlined Constant Z.shiftr => "Integer.shiftr".
Extract Inlined Constant Z.div => "Integer.div".
Extract Inlined Constant Z.sqrt => "Integer.sqrt".
Extract Inlined Constant Z.log2 => "Integer.log2".
Extract Inlined Constant Z.of_nat => "Integer.of_int".
Extract Inlined Constant Nat.ltb => "(<)".
Extract Inlined Constant length => "List.length".
Set Extraction Output Directory ".".
Extraction "verified.ml" check check_deleted.
