//! The single steps that reading and writing are made of: one system call, if it does not have to wait.
//!
//! The operations are no `async fn`s that await each other: each of these would keep its arguments twice
//! and dispatch on a state of its own in each poll, and every connection has one that waits.

use std::io::{ErrorKind, Read, Write};
use std::task::{Context, Poll, ready};

use nestling_runtime::io::{Direction, Place};
use nestling_runtime::poll_proceed;

use super::connection::Connection;
use crate::error::{Error, Operation, Reason};

/// Goes on holding the place.
#[inline]
pub(super) fn poll_read(
    place: &mut Place<'_, Connection>,
    cx: &mut Context<'_>,
    buffer: &mut [u8],
) -> Poll<Result<usize, Error>> {
    let io = place.io();
    let connection = io.get_ref();
    if buffer.is_empty() {
        ready!(poll_for_nothing(place, cx, Operation::Read))?;
        return Poll::Ready(Err(connection.error(Operation::Read, Reason::EmptyBuffer)));
    }
    let read = ready!(place.poll_step_with(cx, |_| (&connection.socket).read(buffer)));
    Poll::Ready(match read {
        Ok(0) => connection.ended(),
        Ok(count) => {
            if count < buffer.len() {
                io.drained(Direction::Read);
            }
            Ok(count)
        }
        Err(error) => Err(connection.failed(Operation::Read, error)),
    })
}

/// `got`: how much of `buffer` is filled.
pub(super) fn poll_read_exact(
    place: &mut Place<'_, Connection>,
    cx: &mut Context<'_>,
    buffer: &mut [u8],
    got: &mut usize,
) -> Poll<Result<(), Error>> {
    if buffer.is_empty() {
        return poll_for_nothing(place, cx, Operation::Read);
    }
    let connection = place.io().get_ref();
    loop {
        match ready!(poll_read(place, cx, &mut buffer[*got..]))? {
            0 => {
                let (got, wanted) = (*got, buffer.len());
                let reason = Reason::UnexpectedEnd { got, wanted };
                return Poll::Ready(Err(connection.error(Operation::Read, reason)));
            }
            count => *got += count,
        }
        if *got == buffer.len() {
            return Poll::Ready(Ok(()));
        }
        let held = place.hold();
        held.map_err(|error| connection.failed(Operation::Read, error))?;
    }
}

/// Goes on holding the place.
#[inline]
pub(super) fn poll_write(
    place: &mut Place<'_, Connection>,
    cx: &mut Context<'_>,
    bytes: &[u8],
) -> Poll<Result<usize, Error>> {
    let io = place.io();
    let connection = io.get_ref();
    if connection.ends.is_eof_sent() {
        ready!(poll_proceed(cx));
        return Poll::Ready(Err(connection.error(Operation::Write, Reason::Closed)));
    }
    if bytes.is_empty() {
        return poll_for_nothing(place, cx, Operation::Write).map_ok(|()| 0);
    }
    let written = ready!(place.poll_step_with(cx, |_| (&connection.socket).write(bytes)));
    Poll::Ready(match written {
        Ok(0) => Err(connection.error(Operation::Write, ErrorKind::WriteZero)),
        Ok(count) => {
            if count < bytes.len() {
                io.drained(Direction::Write);
            }
            Ok(count)
        }
        Err(error) => Err(connection.failed(Operation::Write, error)),
    })
}

/// `rest`: what has not been written yet.
#[inline]
pub(super) fn poll_write_all(
    place: &mut Place<'_, Connection>,
    cx: &mut Context<'_>,
    rest: &mut &[u8],
) -> Poll<Result<(), Error>> {
    loop {
        let count = ready!(poll_write(place, cx, rest))?;
        if count == rest.len() {
            return Poll::Ready(Ok(()));
        }
        *rest = rest.get(count..).unwrap_or_default();
        // No other task's bytes come in between.
        let held = place.hold();
        held.map_err(|error| place.io().get_ref().failed(Operation::Write, error))?;
    }
}

/// What stands for a step with nothing to read into or to write: a checkpoint, and the place.
#[cold]
fn poll_for_nothing(
    place: &mut Place<'_, Connection>,
    cx: &mut Context<'_>,
    operation: Operation,
) -> Poll<Result<(), Error>> {
    ready!(poll_proceed(cx));
    let held = place.hold();
    Poll::Ready(held.map_err(|error| place.io().get_ref().failed(operation, error)))
}
