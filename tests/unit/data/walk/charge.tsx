/** Show the receipt of a charge. */
export function Charge({ amount, retries = 3 }: Props) {
  if (amount <= 0) {
    throw new RangeError("nothing to charge");
  }
  const [receipt, setReceipt] = useState(null);
  for (const attempt of range(retries)) {
    try {
      setReceipt(send(amount));
    } catch (error) {
      log("slow", attempt);
    }
  }
  return <Receipt of={receipt} />;
}
