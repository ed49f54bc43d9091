package shop

import java.time.Duration

/** How often. */
@JvmInline
value class Limit(val n: Int)

sealed interface State { data object Idle : State }

abstract class Policy<T : Any>(private val limit: Int) : Base(limit), Runnable {
    private val cache = mutableMapOf<String, T>()

    init { require(limit > 0) }

    constructor() : this(5)

    /** Calls. */
    override suspend fun run(call: () -> T): T {
        return call()
    }

    companion object {
        fun default() = Policy<Int>(3)
    }
    enum class Mode { FAST, SLOW }
}

fun <T> List<T>.second(): T = this[1]
object Registry { fun add(x: Int) {} }
typealias Handler = (Int) -> Unit
val String.size2: Int
    get() = length
