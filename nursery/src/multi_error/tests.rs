//! Multi-errors as a specification: `shape` for the tree, `looking` for finding and taking out,
//! `text` for what is printed, `size` for very large and very deep trees.

mod looking;
mod shape;
mod size;
mod text;

use std::error::Error;
use std::panic::Location;

use super::{MultiError, TaskError};
use crate::error::{BoxError, NurseryError};

/// An error with a number, to be recognised by.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("number {0}")]
pub(crate) struct Number(pub(crate) u32);

/// A domain's own error around any other.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub(crate) struct Wrapped {
    pub(crate) text: &'static str,
    pub(crate) source: BoxError,
}

pub(crate) fn wrapped(text: &'static str, source: impl Into<BoxError>) -> Wrapped {
    Wrapped {
        text,
        source: source.into(),
    }
}

/// Where all tasks of these tests are started.
pub(crate) fn site() -> &'static Location<'static> {
    Location::caller()
}

pub(crate) fn task(name: &'static str, error: impl Into<BoxError>) -> TaskError {
    TaskError::new(name, site(), error)
}

pub(crate) fn multi<const N: usize>(errors: [TaskError; N]) -> MultiError {
    MultiError::new(errors.into()).expect("tests pass at least one error")
}

pub(crate) fn failed<const N: usize>(errors: [TaskError; N]) -> NurseryError {
    NurseryError::Failed(multi(errors))
}

/// The text with `@` for the place where the tasks were started.
pub(crate) fn without_site(text: impl ToString) -> String {
    let at = format!("{}:{}", site().file(), site().line());
    text.to_string().replace(&at, "@")
}

/// The texts of an error and of its sources.
pub(crate) fn chain(error: &dyn Error) -> Vec<String> {
    let mut texts = vec![error.to_string()];
    let mut next = error.source();
    while let Some(cause) = next {
        texts.push(cause.to_string());
        next = cause.source();
    }
    texts
}
