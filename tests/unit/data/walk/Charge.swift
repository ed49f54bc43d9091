class Account {
    /// Charge the card, and try again when the gateway is slow.
    func charge(amount: Int, retries: Int = 3) throws -> Receipt? {
        guard amount > 0 else {
            throw ChargeError.nothing
        }
        for attempt in 0..<retries {
            do {
                let receipt = try gateway.send(card, amount)
                self.paid = self.paid + amount
                return receipt
            } catch {
                log("slow", attempt)
            }
        }
        return nil
    }
}
