//! Nestling's errors, as far as they are compared.

use nestling::{CancelKind, Cancelled, NurseryError, StartError, TooSlow};

use crate::outcome::Failure;
use crate::program::Id;

/// The error that an operation makes.
#[derive(Debug, thiserror::Error)]
#[error("error {0}")]
pub(crate) struct Numbered(pub(crate) Id);

pub(crate) fn cause_of(cancelled: &Cancelled) -> String {
    match cancelled.kind() {
        CancelKind::Explicit => cancelled.reason().unwrap_or("without a reason").into(),
        CancelKind::Deadline => match cancelled.scope() {
            Some(scope) => format!("deadline of {scope}"),
            None => "deadline".into(),
        },
        CancelKind::SiblingFailed => "another task failed".into(),
        CancelKind::MainDone => "only daemons are left".into(),
        kind => format!("{kind:?}"),
    }
}

pub(crate) fn failure_of(error: &(dyn std::error::Error + 'static)) -> Failure {
    if let Some(Numbered(id)) = error.downcast_ref() {
        Failure::Boom(*id)
    } else if error.is::<TooSlow>() {
        Failure::TooSlow
    } else if error.is::<Cancelled>() {
        Failure::Cancelled
    } else if let Some(error) = error.downcast_ref::<NurseryError>() {
        match error {
            NurseryError::Cancelled(_) => Failure::NurseryCancelled,
            NurseryError::Failed(errors) => {
                let errors = errors.errors().iter();
                Failure::several(errors.map(|error| failure_of(error.error())).collect())
            }
        }
    } else if let Some(error) = error.downcast_ref::<StartError>() {
        match error {
            StartError::Failed(error) => Failure::StartFailed(Box::new(failure_of(error.error()))),
            StartError::Cancelled(_) => Failure::StartCancelled,
            StartError::NotReady { .. } => Failure::NotReady,
        }
    } else {
        panic!("an error from nowhere: {error:?}")
    }
}
