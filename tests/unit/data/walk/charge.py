class Account:
    def charge(self, amount, *, retries=3):
        """Charge the card, and try again when the gateway is slow."""
        if amount <= 0:
            raise ValueError("nothing to charge")
        for attempt in range(retries):
            try:
                receipt = self.gateway.send(self.card, amount)
            except TimeoutError as error:
                log("slow", attempt)
                continue
            self.paid = self.paid + amount
            return receipt
        return None
