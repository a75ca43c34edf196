//! What the example programs share, tested by the tests that stand beside it.

#[path = "../examples/kit/mod.rs"]
mod kit;
