use std::sync::atomic::{AtomicUsize, Ordering};

use lexopt::prelude::*;

use crate::Error;

/// What the command line says: `WORK --batches N --operations N --buffer N`.
pub struct Arguments {
    /// The name of the work.
    pub work: String,
    /// How often the whole is done.
    pub batches: usize,
    /// Operations in a batch: children, round trips, sleeps, whatever the work is made of.
    pub operations: usize,
    /// Bytes of buffer for each connection.
    pub buffer: usize,
}

impl Arguments {
    pub(crate) fn from_command_line() -> Result<Arguments, Error> {
        let mut arguments = Arguments {
            work: String::new(),
            batches: 100,
            operations: 1000,
            buffer: 1024,
        };
        let mut parser = lexopt::Parser::from_env();
        while let Some(argument) = parser.next()? {
            match argument {
                Value(work) => arguments.work = work.string()?,
                Long("batches") => arguments.batches = parser.value()?.parse()?,
                Long("operations") => arguments.operations = parser.value()?.parse()?,
                Long("depth") => DEPTH.store(parser.value()?.parse()?, Ordering::Relaxed),
                Long("buffer") => arguments.buffer = parser.value()?.parse()?,
                other => return Err(other.unexpected().into()),
            }
        }
        Ok(arguments)
    }
}

static DEPTH: AtomicUsize = AtomicUsize::new(1);

/// How deep things are to be nested in this process.
#[must_use]
pub fn depth() -> usize {
    DEPTH.load(Ordering::Relaxed)
}
