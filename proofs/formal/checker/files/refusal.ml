(* Malformed: not what a certificate or its files may be. Beyond: something that this checker does not read. *)
exception Malformed of string
exception Beyond of string

let malformed form = Printf.ksprintf (fun s -> raise (Malformed s)) form
let beyond form = Printf.ksprintf (fun s -> raise (Beyond s)) form

(* with the seconds of processor so far *)
let tell form = Printf.ksprintf (fun s -> Printf.printf "%6.1f s  %s\n%!" (Sys.time ()) s) form
