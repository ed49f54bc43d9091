/* Charge the card, and try again when the gateway is slow. */
struct receipt *charge(struct account *self, int amount, int retries)
{
	if (amount <= 0) {
		return NULL;
	}
	for (int attempt = 0; attempt < retries; attempt++) {
		struct receipt *receipt = gateway_send(self->card, amount);
		if (!receipt) {
			log_line("slow", attempt);
			continue;
		}
		self->paid = self->paid + amount;
		return receipt;
	}
	return NULL;
}
