import Foundation

/// A policy.
public final class Policy<T>: Base, Codable where T: Hashable {
    let limit: Int = 5
    init(limit: Int) { self.limit = limit }
    deinit { print("x") }
    /// Calls.
    @discardableResult
    public func run(_ call: () throws -> T) rethrows -> T {
        return try call()
    }
    subscript(i: Int) -> Int { return i }
    var computed: Int { return 3 }
    static func == (a: Policy, b: Policy) -> Bool { true }
}
protocol Runner { func run() async throws }
extension Policy: Runner where T == Int {
    func extra() {}
}
enum Mode { case fast, slow
  func next() -> Mode { .fast } }
struct Point { var x = 1; mutating func move() {} }
actor Counter { func inc() {} }
func retry<T>(limit: Int, call: () -> T) -> T { call() }
typealias Handler = (Int) -> Void
