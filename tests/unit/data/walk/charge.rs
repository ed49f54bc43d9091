impl Account {
    /// Charge the card, and try again when the gateway is slow.
    fn charge(&mut self, amount: i64, retries: usize) -> Result<Receipt, Error> {
        if amount <= 0 {
            return Err(Error::new("nothing to charge"));
        }
        for attempt in 0..retries {
            match self.gateway.send(&self.card, amount) {
                Ok(receipt) => {
                    self.paid = self.paid + amount;
                    return Ok(receipt);
                }
                Err(error) => log("slow", attempt),
            }
        }
        Err(Error::TooSlow)
    }
}
