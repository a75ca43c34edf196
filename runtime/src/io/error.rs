//! What can go wrong at a source beside the operations themselves.

use std::io;

use super::Direction;

/// Another task waits for the same direction of a source.
///
/// It comes inside an [`io::Error`] of the kind [`ResourceBusy`](io::ErrorKind::ResourceBusy).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "another task is already waiting to {} this {resource}: one task may read and one may write at \
     the same time; let one task do it and hand the others what they need over a channel, or take \
     turns with a lock",
    match .direction { Direction::Read => "read from", Direction::Write => "write to" }
)]
#[non_exhaustive]
pub struct BusyResource {
    /// The source's type.
    pub resource: &'static str,
    /// What the other task waits for.
    pub direction: Direction,
}

impl BusyResource {
    pub(super) fn of<T>(direction: Direction) -> BusyResource {
        BusyResource {
            resource: std::any::type_name::<T>(),
            direction,
        }
    }
}

/// A source was used in another run than the one whose reactor watches it.
///
/// It comes inside an [`io::Error`] of the kind [`InvalidInput`](io::ErrorKind::InvalidInput).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "this {resource} was made in another run, and the loop of this one would never hear of it: take \
     it out there with `into_inner` and make a new `Io` of it here"
)]
#[non_exhaustive]
pub struct WrongRun {
    /// The source's type.
    pub resource: &'static str,
}

impl WrongRun {
    pub(super) fn of<T>() -> WrongRun {
        WrongRun {
            resource: std::any::type_name::<T>(),
        }
    }
}

/// The system refused to watch a source.
///
/// It comes inside an [`io::Error`] of the kind that the system gave.
#[derive(Debug, thiserror::Error)]
#[error("the system cannot watch this {resource}: {reason}{}", hint(.reason))]
#[non_exhaustive]
pub struct RegisterError {
    /// The source's type.
    pub resource: &'static str,
    /// What the system said.
    #[source]
    pub reason: io::Error,
}

impl RegisterError {
    pub(super) fn wrap<T>(reason: io::Error) -> io::Error {
        let resource = std::any::type_name::<T>();
        io::Error::new(reason.kind(), RegisterError { resource, reason })
    }
}

fn hint(reason: &io::Error) -> &'static str {
    match reason.kind() {
        io::ErrorKind::PermissionDenied => {
            " (regular files and directories are always ready; read and write them in a thread)"
        }
        io::ErrorKind::AlreadyExists => {
            " (it is watched already; share one `Io`, which takes a reader and a writer)"
        }
        _ => "",
    }
}
