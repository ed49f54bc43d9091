-- | Charge the card, and try again when the gateway is slow.
charge :: Account -> Int -> IO (Maybe Receipt)
charge account amount = do
  if amount <= 0
    then throwIO NothingToCharge
    else do
      receipt <- sendCard (card account) amount
      logLine "sent" receipt
      return (Just receipt)
