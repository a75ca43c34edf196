use std::time::{Duration, Instant};

use crate::{Arguments, Error};

/// A number of equal batches, each timed by itself: the time of one is
/// from before its first operation until after its last.
pub struct Batches {
    count: usize,
    operations: usize,
    times_ns: Vec<u64>,
}

impl Batches {
    /// As many and as large as the command line says.
    #[must_use]
    pub fn new(arguments: &Arguments) -> Batches {
        Batches {
            count: arguments.batches,
            operations: arguments.operations,
            times_ns: Vec::with_capacity(arguments.batches),
        }
    }

    /// Runs every batch and prints the nanoseconds that each took.
    pub async fn run<F, B, E>(mut self, mut batch: F) -> Result<(), Error>
    where
        F: FnMut(usize) -> B,
        B: Future<Output = Result<(), E>>,
        Error: From<E>,
    {
        for _ in 0..self.count {
            let begun = Instant::now();
            batch(self.operations).await?;
            self.times_ns.push(begun.elapsed().as_nanos() as u64);
        }
        self.print();
        Ok(())
    }

    /// As [`run`](Self::run), of batches that time a part of themselves, which they return.
    pub async fn run_timing<F, B, E>(mut self, mut batch: F) -> Result<(), Error>
    where
        F: FnMut(usize) -> B,
        B: Future<Output = Result<Duration, E>>,
        Error: From<E>,
    {
        for _ in 0..self.count {
            let time = batch(self.operations).await?;
            self.times_ns.push(time.as_nanos() as u64);
        }
        self.print();
        Ok(())
    }

    fn print(&self) {
        print!("ns");
        for time in &self.times_ns {
            print!(" {time}");
        }
        println!();
    }
}
