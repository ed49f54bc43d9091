//! Crate doc.
use std::fmt;

/// A policy.
#[derive(Debug, Clone)]
pub struct Policy<T> where T: Clone { limit: u32, t: T }

impl<T: Clone> Policy<T> {
    const X: u32 = 1;
    /// Makes one.
    #[must_use]
    pub fn new(limit: u32, t: T) -> Self { Self { limit, t } }
    pub async unsafe fn run<F>(&self, f: F) -> Result<(), Error> where F: Fn() {
        fn inner() {}
        inner(); Ok(())
    }
}
impl<'a, T> fmt::Display for Policy<T> { fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result { Ok(()) } }
impl Trait for &'a str { fn a(&self) {} }
impl<T> Tr for Vec<T> { fn b() {} }
pub trait Runner: Send { fn run(&self); fn d(&self) { } type X; }
pub enum Mode { Fast, Slow(u32) }
union U { a: u32 }
mod tests { use super::*; #[test] fn works() { } }
macro_rules! retry { ($x:expr) => { $x }; }
pub type Handler = Box<dyn Fn()>;
pub const LIMIT: u32 = 3;
static Y: u32 = 1;
extern "C" { fn c_call(x: i32); }
impl std::convert::From<u8> for crate::a::B { fn from(x: u8) -> Self { B } }
