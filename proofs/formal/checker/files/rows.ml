(* Any few rows deleted: `Verified.check_deleted` asked about a head, and about heads of which some rows are gone.
   Trusted: `without`, `lies`, `stays` and `judge`, which put its answers together. *)
let span_bits = 80
let largest_count = 200

(* rows that are looked at one by one where spans alone do not prove a point: so many are tried, each in its turn *)
let tried = [1; 2; 4; 6]
let apart = 6

(* one head and at most `most` rows: for every point asked about, whether it was proved, and the rows that pull most;
   none where the head has no floor or no spans are found *)
let one_head (s : Subject.t) most asked =
  let h = s.head in
  let n = List.length h.targets in
  let may = Array.of_list s.may in
  let _, inverse, inverse_scale, scale, base, points = Labels.proposals ~always:true s asked in
  let gone_of = List.combine points (List.map (fun (_, _, _, c) -> match c with Claims.Gone l -> l | _ -> []) asked) in
  let flipping = List.sort_uniq compare (List.concat_map snd gone_of) in
  let kept_spans = ref [||] in
  let weights = List.map (Spans.real (Z.div base.centre_scale h.feature_scale)) base.centre in
  let weights = Array.of_list weights in
  let targets = Array.of_list (List.map (Spans.real h.target_scale) h.targets) in
  let residual = Array.mapi (fun i r ->
      let out = ref 0. in
      Array.iteri (fun a x -> out := !out +. x *. weights.(a)) r;
      targets.(i) -. !out) s.rows in
  let k_real = Spans.real inverse_scale in
  let choose ks =
    Refusal.tell "checked: the diagonal of the hat matrix";
    Array.to_list (Spans.choose n may flipping (Array.of_list (List.map k_real ks)) residual) in
  let span_scale = Z.shift_left Z.one span_bits in
  let spans ks cols _ err r_err =
    let r_real = Spans.real (Z.mul base.centre_scale h.target_scale) in
    let cols = Array.of_list (List.map (Option.map (fun c -> Array.of_list (List.map k_real c))) cols) in
    Refusal.tell "checked: %d columns of the hat matrix"
      (Array.fold_left (fun k c -> if c = None then k else k + 1) 0 cols);
    match Spans.spans may most (Array.of_list (List.map k_real ks)) cols residual (k_real err) (r_real r_err) with
    | None -> List.map (fun _ -> { Verified.low = Z.zero; high = Z.zero; mark = Z.zero }) ks
    | Some found ->
      Refusal.tell "proposals: spans";
      let whole = Proposals.units span_bits in
      let marks = Z.numbits inverse_scale - 1 in
      kept_spans := Array.map (fun (a, b, _) -> (a, b)) found;
      Array.to_list (Array.map (fun (a, b, t) ->
          { Verified.low = whole a; high = whole b;
            mark = Z.add (Proposals.units (span_bits + marks) t) Z.one }) found) in
  let q_real = Spans.real scale and pulling = Hashtbl.create 16 in
  let propose (x : Verified.point) q =
    let q = Array.of_list (List.map q_real q) in
    let gains = Array.mapi (fun i (a, b) -> Float.max (q.(i) *. a) (q.(i) *. b)) !kept_spans in
    let gone = Array.make n false in
    List.iter (fun i -> gone.(i) <- true) (List.assq x gone_of);
    let order = Array.init n Fun.id in
    let first k =  (* the place of the largest gain from k on comes to k *)
      for i = k + 1 to n - 1 do
        if gains.(order.(i)) > gains.(order.(k)) then begin
          let l = order.(k) in order.(k) <- order.(i); order.(i) <- l end
      done;
      order.(k) in
    Hashtbl.replace pulling x.features (List.init (min apart n) first);
    let tau = match x.kept with
      | Some m when Z.fits_int m -> Spans.level_of (max 0 (min n (Z.to_int m))) gains | _ -> 0. in
    (Z.shift_left (Proposals.units (span_bits) tau) (Z.numbits scale - 1), Array.to_list gone) in
  let witness =
    { Verified.may = s.may; most = Z.of_int most; inverse; inverse_scale; span_scale; choose; spans; propose } in
  match Verified.check_deleted Labels.chunk h witness scale base points with
  | None -> None
  | Some (near, answers) ->
    let first (x : Verified.point) = Option.value ~default:[] (Hashtbl.find_opt pulling x.features) in
    Some (near, List.map2 (fun x (kept, lost) -> (x, kept, lost, first x)) points answers)

(* ---- heads of which some rows are gone already: trees (D4b), and rows that are said to flip a point ---- *)
let without (s : Subject.t) gone =
  let left = Array.make (Array.length s.rows) true in
  List.iter (fun i -> left.(i) <- false) gone;
  let those l = List.filteri (fun i _ -> left.(i)) l in
  let h = s.head in
  { s with head = { h with rows = those h.rows; targets = those h.targets; codes = those h.codes };
           rows = Array.of_list (those (Array.to_list s.rows)); may = those s.may }

(* whether an evaluation row lies on a side at the minimum of a head as it is *)
let lies (s : Subject.t) j side =
  let s = { s with above = Array.mapi (fun k a -> if k = j then Some side else a) s.above } in
  let _, inverse, inverse_scale, scale, base, points = Labels.proposals s [(j, Some 0, None, Claims.Nothing)] in
  (* the side of today's weights is asked for too; here weights near the minimum stand for them *)
  let h = { s.head with weights = base.centre; weight_scale = Z.div base.centre_scale s.head.feature_scale } in
  let propose (x : Verified.point) q = Proposals.levels h x.kept None q in
  match Verified.check Labels.chunk h scale inverse inverse_scale propose None points with
  | Some (_, [(yes, _)]) -> yes
  | _ -> false

(* other heads are looked at while this many products of two numbers do for all *)
let work_left = ref 60_000_000_000
let affordable (s : Subject.t) =
  let p = List.length s.head.decay and n = Array.length s.rows in
  work_left := !work_left - (n + p) * p * p - 100 * n * min n 512 - 10_000_000;
  !work_left >= 0

(* D4b for one point: at most k of the rows that may go; those of `order`, from the first on, are looked at one by one.
   Either none of them goes, or one is the first of them that does. Rows have their places in `s`. *)
let rec stays (s : Subject.t) j k order =
  affordable s &&
  if k = 0 then lies s j (s.above.(j) = Some true)
  else
    let apart = { s with may = List.mapi (fun i m -> m && not (List.mem i order)) s.may } in
    let leaf = match one_head apart k [(j, Some k, None, Claims.Nothing)] with
      | Some (_, [(_, kept, _, _)]) -> kept
      | _ -> false in
    let rec children (s : Subject.t) = function
      | [] -> true
      | i :: later ->
        let after = List.map (fun l -> if l > i then l - 1 else l) later in
        stays (without s [i]) j (k - 1) after
        && children { s with may = List.mapi (fun l m -> m && l <> i) s.may } later in
    leaf && children s (List.filter (fun i -> List.nth s.may i) order)

let judge (s : Subject.t) asked =
  let most = min s.count (Array.length s.rows) in
  if most < 1 || most > largest_count then
    Refusal.beyond "perturbation.count is %d; 1 to %d rows are looked at here" s.count largest_count;
  match one_head s most asked with
  | None ->
    Refusal.beyond "no spans are found that hold for all rows that may go, or no floor of H; trees of a certificate \
                    are not read"
  | Some (false, _) -> Refusal.malformed "base.distance: that the weights are so near the minimum is not proved"
  | Some (true, found) ->
    let count f = List.length (List.filter f found) in
    Refusal.tell "checked: by spans alone %d of %d stay, %d of %d flip" (count (fun (_, k, _, _) -> k))
      (count (fun ((x : Verified.point), _, _, _) -> x.kept <> None)) (count (fun (_, _, l, _) -> l))
      (count (fun ((x : Verified.point), _, _, _) -> x.lost <> None));
    List.map2 (fun ((x : Verified.point), kept, lost, first) (j, _, _, change) ->
        let kept = kept || match x.kept with
          | Some m when Z.leq m (Z.of_int most) && Z.sign m > 0 ->
            List.exists (fun k -> stays s j (Z.to_int m) (List.filteri (fun i _ -> i < k) first)) tried
          | _ -> false in
        let lost = lost || match x.lost, change with
          | Some m, Claims.Gone l when Z.leq (Z.of_int (List.length l)) m && List.for_all (List.nth s.may) l ->
            affordable s && lies (without s l) j (s.above.(j) <> Some true)
          | _ -> false in
        (x, (kept, lost))) found asked
