// Charge the card, and try again when the gateway is slow.
Receipt Account::charge(int amount, int retries)
{
    if (amount <= 0) {
        throw std::invalid_argument("nothing to charge");
    }
    for (int attempt = 0; attempt < retries; ++attempt) {
        try {
            auto receipt = gateway.send(card, amount);
            this->paid = this->paid + amount;
            return receipt;
        } catch (const Timeout& error) {
            log("slow", attempt);
        }
    }
    return {};
}
