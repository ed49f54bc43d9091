/// Charge the card, and try again when the gateway is slow.
fn charge(self: *Account, amount: i64, retries: usize) !?Receipt {
    if (amount <= 0) {
        return error.NothingToCharge;
    }
    for (0..retries) |attempt| {
        const receipt = self.gateway.send(self.card, amount) catch {
            log("slow", attempt);
            continue;
        };
        self.paid = self.paid + amount;
        return receipt;
    }
    return null;
}
