(** Charge the card, and try again when the gateway is slow. *)
let rec charge account amount retries =
  if amount <= 0 then raise (Invalid_argument "nothing to charge")
  else
    match send account.card amount with
    | Ok receipt -> account.paid <- account.paid + amount; Some receipt
    | Error _ -> log "slow" retries; charge account amount (retries - 1)
