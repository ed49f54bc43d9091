{-# LANGUAGE X #-}
-- | Module doc.
module Shop.Policy (run, Policy(..)) where

import Data.List (sort)

-- | A policy.
data Policy a = Policy { limit :: Int } | None
  deriving (Show)
newtype N = N Int
type Handler = Int -> IO ()
class Runner a where
  run' :: a -> Int
  run' _ = 1
instance Runner Int where
  run' x = x
-- | Calls.
run :: Int -> Int
run 0 = 1
run n = go n
  where go 0 = 1
        go m = m
(<+>) :: Int -> Int -> Int
a <+> b = a + b
main :: IO ()
main = do
  print 1
x = 3
