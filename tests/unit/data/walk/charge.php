<?php
class Account
{
    /** Charge the card, and try again when the gateway is slow. */
    function charge(int $amount, int $retries = 3)
    {
        if ($amount <= 0) {
            throw new InvalidArgumentException("nothing to charge");
        }
        foreach (range(1, $retries) as $attempt) {
            try {
                $receipt = $this->gateway->send($this->card, $amount);
                $this->paid = $this->paid + $amount;
                return $receipt;
            } catch (TimeoutException $error) {
                log("slow", $attempt);
            }
        }
        return null;
    }
}
