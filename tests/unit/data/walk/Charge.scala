class Account {
  /** Charge the card, and try again when the gateway is slow. */
  def charge(amount: Int, retries: Int = 3): Option[Receipt] = {
    if (amount <= 0) {
      throw new IllegalArgumentException("nothing to charge")
    }
    for (attempt <- 0 until retries) {
      try {
        val receipt = gateway.send(card, amount)
        this.paid = this.paid + amount
        return Some(receipt)
      } catch {
        case error: TimeoutException => log("slow", attempt)
      }
    }
    None
  }
}
