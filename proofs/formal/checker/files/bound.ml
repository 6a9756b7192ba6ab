(* The certificate's own digest, and the files that it binds by size and SHA-256. *)
let largest = 1 lsl 32

let read path =
  match In_channel.with_open_bin path (fun c ->
      if In_channel.length c > Int64.of_int largest then Refusal.beyond "%s is too large" path;
      In_channel.input_all c) with
  | s -> s
  | exception Sys_error e -> Refusal.malformed "a file cannot be read: %s" e

(* the bytes without the member `digest`; keys are sorted and each is there once, so that it is where it is *)
let check_digest bytes certificate =
  let digest = Json.text "digest" (Json.member "the certificate" "digest" certificate) in
  let words = Printf.sprintf "\"digest\":\"%s\"," digest in
  let n = String.length bytes and l = String.length words in
  let rec places at found =
    if at + l > n then found
    else if String.sub bytes at l = words then places (at + l) (at :: found) else places (at + 1) found in
  match places 0 [] with
  | [at] ->
    let rest = String.sub bytes 0 at ^ String.sub bytes (at + l) (n - at - l) in
    if digest <> "sha256:" ^ Sha256.hex rest then Refusal.malformed "the certificate's digest is not that of its bytes"
  | _ -> Refusal.malformed "the certificate's digest is not where canonical JSON has it"

let file folder subject name =
  let where = "subject." ^ name in
  let entry = Json.member "subject" name subject in
  let path = Json.text (where ^ ".path") (Json.member where "path" entry) in
  if path = "" || String.contains path '\000' || not (Filename.is_relative path) then
    Refusal.malformed "%s.path is no path from the certificate's folder" where;
  let full = Filename.concat folder path in
  let bytes = read full in
  if String.length bytes <> Json.whole where (Json.member where "bytes" entry) then
    Refusal.malformed "%s has another size than the certificate binds" path;
  let sha = Sha256.hex bytes in
  if sha <> Json.text where (Json.member where "sha256" entry) then
    Refusal.malformed "%s has another SHA-256 than the certificate binds" path;
  Printf.printf "file     %s %s sha256:%s\n%!" name path sha;
  (full, bytes)

(* the file that the spec names has to be the one that is bound *)
let same_file spec_path named bound =
  let real p = try Unix.realpath p with Unix.Unix_error _ -> Refusal.malformed "%s cannot be read" p in
  if real (Filename.concat (Filename.dirname spec_path) named) <> real bound then
    Refusal.malformed "the spec names the file %s, the certificate binds %s" named bound
