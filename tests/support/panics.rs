//! Panics as values.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

pub(crate) type Payload = Box<dyn Any + Send>;

/// The payload that `f` panics with.
#[track_caller]
pub(crate) fn catch<R>(f: impl FnOnce() -> R) -> Payload {
    match catch_unwind(AssertUnwindSafe(f)) {
        Err(payload) => payload,
        Ok(_) => panic!("it did not panic"),
    }
}

/// The message of the panic that `f` ends with.
#[track_caller]
pub(crate) fn message_of<R>(f: impl FnOnce() -> R) -> String {
    let payload = catch(f);
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => match payload.downcast::<&'static str>() {
            Ok(text) => String::from(*text),
            Err(_) => panic!("the panic's payload is no text"),
        },
    }
}
