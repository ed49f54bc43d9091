class Account {
  /** Charge the card, and try again when the gateway is slow. */
  async charge(amount: number, retries = 3): Promise<Receipt | null> {
    if (amount <= 0) {
      throw new RangeError("nothing to charge");
    }
    for (let attempt = 0; attempt < retries; attempt++) {
      try {
        const receipt = await this.gateway.send(this.card, amount);
        this.paid = this.paid + amount;
        return receipt;
      } catch (error) {
        log("slow", attempt);
      }
    }
    return null;
  }
}
