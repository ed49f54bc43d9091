class Account {
  /// Charge the card, and try again when the gateway is slow.
  Receipt? charge(int amount, {int retries = 3}) {
    if (amount <= 0) {
      throw ArgumentError('nothing to charge');
    }
    for (var attempt = 0; attempt < retries; attempt++) {
      try {
        final receipt = gateway.send(card, amount);
        this.paid = this.paid + amount;
        return receipt;
      } on TimeoutException catch (error) {
        log('slow', attempt);
      }
    }
    return null;
  }
}
