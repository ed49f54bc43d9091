# Charge the card, and try again when the gateway is slow.
charge() {
  local amount="$1" retries="${2:-3}"
  if [ "$amount" -le 0 ]; then
    echo "nothing to charge" >&2
    return 1
  fi
  for attempt in $(seq "$retries"); do
    if receipt=$(send "$card" "$amount"); then
      paid=$((paid + amount))
      return 0
    else
      log "slow" "$attempt"
    fi
  done
  return 1
}
