//! Nestling: nurseries and their children. Children may borrow.

mod cancel;
mod channels;
mod echo;
mod memory;
mod nested;
mod spawn;
mod sync;
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
        ("ping-pong", channels::ping_pong),
        ("producers", channels::producers),
        ("lock", sync::locks),
        ("semaphore", sync::semaphores),
        ("contended", sync::contended_locks),
        ("notify", sync::notify),
        ("sleeps", time::sleeps),
        ("timeout", time::timeouts),
        ("cancel-tree", cancel::run),
        ("nested", nested::run),
        ("wake-from-thread", threads::wake),
        ("to-thread", threads::blocking),
        ("parked", memory::parked),
        ("sleeping", memory::sleeping),
    ])
}
