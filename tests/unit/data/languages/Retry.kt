package shop

/** How often. */
data class Policy(val limit: Int)

fun retry(call: () -> Unit) {
    call()
}
