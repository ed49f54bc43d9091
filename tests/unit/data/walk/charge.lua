-- Charge the card, and try again when the gateway is slow.
function Account:charge(amount, retries)
  if amount <= 0 then
    error("nothing to charge")
  end
  for attempt = 1, retries do
    local receipt = self.gateway:send(self.card, amount)
    if receipt then
      self.paid = self.paid + amount
      return receipt
    else
      log("slow", attempt)
    end
  end
  return nil
end
