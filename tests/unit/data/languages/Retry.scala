package shop

/** How often. */
case class Policy(limit: Int)

object Retry {
  def retry(call: () => Unit): Unit = call()
}
