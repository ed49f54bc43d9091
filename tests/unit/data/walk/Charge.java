class Account {
    /** Charge the card, and try again when the gateway is slow. */
    Receipt charge(int amount, int retries) {
        if (amount <= 0) {
            throw new IllegalArgumentException("nothing to charge");
        }
        for (int attempt = 0; attempt < retries; attempt++) {
            try {
                Receipt receipt = gateway.send(card, amount);
                this.paid = this.paid + amount;
                return receipt;
            } catch (TimeoutException error) {
                log("slow", attempt);
            }
        }
        return null;
    }
}
