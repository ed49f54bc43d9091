class Account
{
    /// <summary>Charge the card, and try again when the gateway is slow.</summary>
    Receipt Charge(int amount, int retries = 3)
    {
        if (amount <= 0)
        {
            throw new ArgumentException("nothing to charge");
        }
        for (int attempt = 0; attempt < retries; attempt++)
        {
            try
            {
                var receipt = gateway.Send(card, amount);
                this.paid = this.paid + amount;
                return receipt;
            }
            catch (TimeoutException error)
            {
                Log("slow", attempt);
            }
        }
        return null;
    }
}
