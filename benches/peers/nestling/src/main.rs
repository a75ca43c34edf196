//! Nestling: nurseries and their children. Children may borrow.

mod cancel;
mod echo;
mod memory;
mod nested;
mod spawn;
mod threads;
mod time;
mod yields;

use std::process::ExitCode;

fn main() -> ExitCode {
    measured::main(&[
        ("echo", echo::run),
        ("spawn", spawn::plain),
        ("spawn-yielding", spawn::yielding),
        ("spawn-borrowing", spawn::borrowing),
        ("yield", yields::run),
        ("sleeps", time::sleeps),
        ("timeout", time::timeouts),
        ("cancel-tree", cancel::run),
        ("nested", nested::run),
        ("wake-from-thread", threads::wake),
        ("parked", memory::parked),
        ("sleeping", memory::sleeping),
    ])
}
