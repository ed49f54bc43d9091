defmodule Account do
  @doc "Charge the card, and try again when the gateway is slow."
  def charge(account, amount, retries \\ 3) do
    if amount <= 0 do
      raise ArgumentError, "nothing to charge"
    end

    case Gateway.send(account.card, amount) do
      {:ok, receipt} ->
        receipt

      {:error, :timeout} ->
        log("slow", retries)
        charge(account, amount, retries - 1)
    end
  end
end
