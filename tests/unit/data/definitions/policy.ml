open List
(** A policy. *)
type policy = { limit : int; name : string }
type mode = Fast | Slow
(** Calls. *)
let run ?(x = 1) f = f x
let rec even n = n = 0 || odd (n - 1)
and odd n = n <> 0 && even (n - 1)
let () = print_endline "x"
module Inner = struct
  let a x = x
  type t = int
end
module type S = sig val x : int end
module Make (X : S) = struct let y = X.x end
class point x = object method get = x end
exception Bad of string
let x, y = 1, 2
