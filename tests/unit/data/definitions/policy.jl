module Shop
using Foo
"""
A policy.
"""
struct Policy{T} <: Base
    limit::Int
end
mutable struct M end
abstract type Base end
"Calls."
function run(p::Policy, x::Int=1; k=2)::Int where T
    return x
end
short(x) = x + 1
Base.show(io::IO, p::Policy) = print(io, "x")
function Base.length(p::Policy) 1 end
macro mac(x) x end
const X = 1
end
