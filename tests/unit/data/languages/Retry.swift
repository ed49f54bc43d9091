import Foundation

/// How often.
struct Policy {
    let limit: Int
}

func retry(_ call: () -> Void) {
    call()
}
