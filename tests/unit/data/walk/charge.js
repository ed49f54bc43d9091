class Account {
  /** Charge the card, and try again when the gateway is slow. */
  charge(amount, retries = 3) {
    if (amount <= 0) {
      throw new RangeError("nothing to charge");
    }
    for (let attempt = 0; attempt < retries; attempt++) {
      try {
        const receipt = this.gateway.send(this.card, amount);
        this.paid = this.paid + amount;
        return receipt;
      } catch (error) {
        log("slow", attempt);
      }
    }
    return null;
  }
}
