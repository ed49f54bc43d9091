(** Calls. *)
val run : int -> int
type t
