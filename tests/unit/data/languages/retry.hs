module Retry where

-- | How often.
data Policy = Policy Int

retry :: Int -> Int
retry n = n
