const std = @import("std");
/// A policy.
pub const Policy = struct {
    limit: u32 = 5,
    /// Calls.
    pub fn run(self: *Policy, x: anytype) !void {
        _ = x;
    }
    const Inner = enum { a, b };
};
pub fn List(comptime T: type) type {
    return struct { items: []T, pub fn add(self: @This()) void {} };
}
const Mode = union(enum) { a: u8, b };
const E = error{ Bad };
test "calls" { try std.testing.expect(true); }
export fn c_call() void {}
