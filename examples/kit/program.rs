//! How a program starts and ends: its command line, its exit status, one line for what failed.

use std::error::Error;
use std::fmt::Display;
use std::process::ExitCode;

use nestling::{BoxError, Builder, NurseryError};

use super::output::{complain, raw};

/// What keeps a program from doing its work.
#[derive(Debug)]
pub enum Stop {
    /// The help was asked for.
    Help,
    /// The command line is wrong.
    Usage(String),
}

impl Stop {
    /// A wrong command line, and what to write instead.
    pub fn usage(text: impl Display) -> Stop {
        Stop::Usage(text.to_string())
    }
}

impl From<lexopt::Error> for Stop {
    fn from(error: lexopt::Error) -> Stop {
        Stop::usage(format_args!("{error} (--help tells what there is)"))
    }
}

/// Reads the command line by `parse`, and runs `main` with what it says.
///
/// The status is 0 if all went well, 2 for a wrong command line, 1 for what failed in `main`.
pub fn program<O>(
    name: &str,
    help: &str,
    parse: impl FnOnce(lexopt::Parser) -> Result<O, Stop>,
    main: impl AsyncFnOnce(O) -> Result<(), BoxError>,
) -> ExitCode {
    let options = match parse(lexopt::Parser::from_env()) {
        Ok(options) => options,
        Err(Stop::Help) => {
            raw(help);
            return ExitCode::SUCCESS;
        }
        Err(Stop::Usage(text)) => {
            complain(format_args!("{name}: {text}"));
            return ExitCode::from(2);
        }
    };
    // `try_run`, as `run` panics if the system has not even the few descriptors that a run needs.
    let result = Builder::new().try_run(main(options));
    match result.unwrap_or_else(|error| Err(error.into())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(format_args!("{name}: {}", explain(&*error)));
            ExitCode::FAILURE
        }
    }
}

/// An error in one line: of several, the one that came first.
pub fn explain(error: &(dyn Error + Send + Sync + 'static)) -> String {
    let errors = match error.downcast_ref() {
        Some(NurseryError::Failed(errors)) => errors,
        _ => return error.to_string().replace('\n', " "),
    };
    let mut leaves = errors.leaves();
    match (leaves.next(), leaves.count()) {
        (None, _) => String::new(),
        (Some(first), 0) => first.to_string(),
        (Some(first), more) => format!("{first} (and {more} more errors)"),
    }
    .replace('\n', " ")
}
