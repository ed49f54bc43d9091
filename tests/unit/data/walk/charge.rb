class Account
  # Charge the card, and try again when the gateway is slow.
  def charge(amount, retries = 3)
    if amount <= 0
      raise ArgumentError, "nothing to charge"
    end
    while attempt < retries
      begin
        receipt = @gateway.send(@card, amount)
        @paid = @paid + amount
        return receipt
      rescue TimeoutError => error
        log("slow", attempt)
      end
    end
    nil
  end
end
