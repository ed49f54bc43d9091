class Account {
    /** Charge the card, and try again when the gateway is slow. */
    fun charge(amount: Int, retries: Int = 3): Receipt? {
        if (amount <= 0) {
            throw IllegalArgumentException("nothing to charge")
        }
        for (attempt in 0 until retries) {
            try {
                val receipt = gateway.send(card, amount)
                this.paid = this.paid + amount
                return receipt
            } catch (error: TimeoutException) {
                log("slow", attempt)
            }
        }
        return null
    }
}
