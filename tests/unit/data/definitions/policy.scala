package shop
import cats._

/** A policy. */
@deprecated
case class Policy[T](limit: Int) extends Base with Runnable {
  val x = 1
  /** Calls. */
  override def run(call: () => T): T = {
    call()
  }
  def short = 3
}
object Policy { def apply(): Policy[Int] = Policy(3); implicit class Ops(s: String) { def twice = s + s } }
trait Runner[F[_]] { def run: F[Unit] }
sealed abstract class State
enum Mode { case Fast, Slow }
given ord: Ordering[Int] with
  def compare(a: Int, b: Int) = 0
extension (s: String)
  def second: Char = s(1)
type Handler = Int => Unit
def top(x: Int) = x
package object utils { def helper = 1 }
