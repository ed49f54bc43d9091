"Charge the card, and try again when the gateway is slow."
function charge(account, amount; retries=3)
    if amount <= 0
        throw(ArgumentError("nothing to charge"))
    end
    for attempt in 1:retries
        try
            receipt = send_card(account.card, amount)
            account.paid = account.paid + amount
            return receipt
        catch error
            log("slow", attempt)
        end
    end
    return nothing
end
