use std::time::Instant;

use lexopt::prelude::*;

use crate::Error;

/// What the operations of a batch are like.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// They touch nothing.
    Plain,
    /// Each adds one to a counter that is a local of the batch.
    Borrowing,
    /// Each takes a lock that is free, and releases it.
    Lock,
    /// Each takes a permit of a semaphore that has one, and gives it back.
    Semaphore,
    /// Each takes a lock that three tasks are after, and waits once while it holds it.
    Contended,
    /// Another task is woken, or gets an item, and answers.
    PingPong,
    /// An item comes from one of [`PRODUCERS`].
    Producers,
}

/// How many tasks feed one consumer.
pub const PRODUCERS: usize = 4;

/// The capacity of the channel between them.
pub const CAPACITY: usize = 100;

/// A number of equal batches, each timed by itself: the time of one is
/// from before its first operation until after its last.
pub struct Batches {
    count: usize,
    /// Operations in a batch.
    pub operations: usize,
    /// What they are like.
    pub shape: Shape,
    times_ns: Vec<u64>,
}

impl Batches {
    /// From `--batches N --operations N --shape NAME`.
    pub fn from_arguments() -> Result<Self, Error> {
        let mut parser = lexopt::Parser::from_env();
        let mut batches = Self {
            count: 100,
            operations: 1000,
            shape: Shape::Plain,
            times_ns: Vec::new(),
        };
        while let Some(argument) = parser.next()? {
            match argument {
                Long("batches") => batches.count = parser.value()?.parse()?,
                Long("operations") => batches.operations = parser.value()?.parse()?,
                Long("shape") => batches.shape = parser.value()?.parse_with(Shape::named)?,
                other => return Err(other.unexpected().into()),
            }
        }
        batches.times_ns.reserve_exact(batches.count);
        Ok(batches)
    }

    /// Runs every batch and prints the nanoseconds each took.
    pub async fn run<F, E>(mut self, mut batch: F) -> Result<(), Error>
    where
        F: AsyncFnMut(usize) -> Result<(), E>,
        Error: From<E>,
    {
        for _ in 0..self.count {
            let begun = Instant::now();
            batch(self.operations).await?;
            self.times_ns.push(begun.elapsed().as_nanos() as u64);
        }
        print!("ns");
        for time in &self.times_ns {
            print!(" {time}");
        }
        println!();
        Ok(())
    }
}

impl Shape {
    fn named(name: &str) -> Result<Self, &'static str> {
        match name {
            "plain" => Ok(Self::Plain),
            "borrowing" => Ok(Self::Borrowing),
            "lock" => Ok(Self::Lock),
            "semaphore" => Ok(Self::Semaphore),
            "contended" => Ok(Self::Contended),
            "ping-pong" => Ok(Self::PingPong),
            "producers" => Ok(Self::Producers),
            _ => Err("there is no such shape"),
        }
    }
}
