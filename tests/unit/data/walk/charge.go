package account

// Charge charges the card, and tries again when the gateway is slow.
func (a *Account) Charge(amount int, retries int) (*Receipt, error) {
	if amount <= 0 {
		return nil, errors.New("nothing to charge")
	}
	for attempt := 0; attempt < retries; attempt++ {
		receipt, err := a.gateway.Send(a.card, amount)
		if err != nil {
			log("slow", attempt)
			continue
		}
		a.paid = a.paid + amount
		return receipt, nil
	}
	return nil, nil
}
