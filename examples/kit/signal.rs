//! Signals where there are any; elsewhere none ever arrives.

#[cfg(unix)]
pub use nestling::signal::{SIGINT, SIGTERM, Signals, name, signals};

#[cfg(not(unix))]
pub use elsewhere::{SIGINT, SIGTERM, Signals, name, signals};

#[cfg(not(unix))]
mod elsewhere {
    use std::io;

    pub const SIGINT: i32 = 2;
    pub const SIGTERM: i32 = 15;

    #[derive(Debug)]
    pub struct Signals;

    pub fn signals(_: &[i32]) -> io::Result<Signals> {
        Ok(Signals)
    }

    pub fn name(_: i32) -> &'static str {
        "a signal"
    }

    impl Signals {
        pub async fn recv(&mut self) -> io::Result<i32> {
            loop {
                nestling::sleep_forever().await;
            }
        }
    }
}
