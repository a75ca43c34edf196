//! Operations that are cut off, by being dropped or cancelled.

use std::fmt;
use std::future::Future;

use nestling_nursery::CancelScope;
use nestling_runtime::checkpoint;

use super::Maker;
use super::op::both;
use super::rule::Rule;
use crate::stream::ByteStream;

/// Streams of several layers take several polls from the news to the result.
const POLLS: usize = 5;

pub(super) async fn all<S: ByteStream>(make: &Maker<'_, S>, swapped: bool) {
    for polls in 0..POLLS {
        for early in [false, true] {
            dropped_reads_lose_nothing(make.pair(swapped).await, polls, early).await;
        }
        dropped_writes_write_nothing(make.pair(swapped).await, polls).await;
    }
    waiting_reads_leave_no_trace(make.pair(swapped).await).await;
    cancelled_while_bytes_come(make.pair(swapped).await).await;
    cancelled_reads_take_nothing(make.pair(swapped).await).await;
    cancelled_writes_write_nothing(make.pair(swapped).await).await;
}

/// Runs `operation` in a context that is cancelled already.
pub(super) async fn cancelled<T: fmt::Debug>(
    rule: Rule,
    what: &'static str,
    operation: impl Future<Output = T>,
) {
    let scope = CancelScope::new();
    scope.cancel();
    if let Ok(value) = rule.does(what, scope.run(operation)).await {
        rule.broken(format_args!(
            "{what} was not cut off, it returned {value:?}; an operation asks `poll_proceed` first"
        ));
    }
}

/// The read is polled `polls` times when there is something to read, and is dropped if it has not
/// returned then. It has waited for that before, unless the bytes were `early`.
async fn dropped_reads_lose_nothing<S: ByteStream>((a, b): (S, S), polls: usize, early: bool) {
    let rule = Rule("a read that is dropped has taken nothing");
    let mut buffer = [0; 8];
    let mut write = rule.begin("a write", a.write_all(b"x"));
    if early {
        write.settle().await;
    }
    let mut read = rule.begin("a read", b.read(&mut buffer));
    if !early {
        read.must_wait().await;
    }
    write.settle().await;
    for _ in 0..polls {
        read.step().await;
        checkpoint().await;
    }
    match read.into_value() {
        Some(result) => {
            let count = rule.ok("a read", result);
            rule.same(buffer.get(..count).unwrap_or(&buffer), b"x");
            rule.ok("a write", write.must_end().await);
            rule.transfer(&a, &b, b"y").await;
        }
        None => {
            // The next byte comes along, as the first may be lost and would be waited for in vain.
            let next = rule.begin("a write", async {
                write.must_end().await?;
                a.write_all(b"y").await
            });
            let second = rule.begin("a later read", async {
                rule.take(&b, b"x").await;
                rule.take(&b, b"y").await;
            });
            let (written, ()) = both(next, second).await;
            rule.ok("a write", written);
        }
    }
}

async fn dropped_writes_write_nothing<S: ByteStream>((a, b): (S, S), polls: usize) {
    let rule = Rule("a write that is dropped has written nothing");
    let mut buffer = [0; 8];
    let mut read = rule.begin("a read at the other end", b.read(&mut buffer));
    read.must_wait().await;
    let mut write = rule.begin("a write", a.write(b"never"));
    for _ in 0..polls {
        write.step().await;
        checkpoint().await;
    }
    match write.into_value() {
        Some(result) => {
            let count = rule.ok("a write", result);
            let written = b"never".get(..count).unwrap_or(b"never");
            let read = rule.ok("a read", read.must_end().await);
            let start = written.get(..read).unwrap_or(written);
            rule.same(buffer.get(..read).unwrap_or(&buffer), start);
            rule.expect(&b, &written[start.len()..]).await;
        }
        None => {
            read.must_wait().await;
            drop(read);
        }
    }
    rule.transfer(&a, &b, b"y").await;
}

async fn waiting_reads_leave_no_trace<S: ByteStream>((a, b): (S, S)) {
    let rule = Rule("a read that was dropped while it waited does not keep others from reading");
    for _ in 0..3 {
        let mut buffer = [0; 8];
        let mut read = rule.begin("a read", b.read(&mut buffer));
        read.must_wait().await;
        drop(read);
        let mut read = rule.begin("a read_exact", b.read_exact(&mut buffer));
        read.must_wait().await;
        drop(read);
        rule.transfer(&a, &b, b"x").await;
    }
}

async fn cancelled_while_bytes_come<S: ByteStream>((a, b): (S, S)) {
    let rule = Rule("a read that is cancelled when bytes come either returns or leaves them");
    let scope = CancelScope::new();
    let mut buffer = [0; 8];
    let mut read = rule.begin("the read", scope.run(b.read(&mut buffer)));
    read.must_wait().await;
    let mut write = rule.begin("a write", a.write_all(b"x"));
    write.settle().await;
    scope.cancel();
    match read.must_end().await {
        Ok(result) => {
            let count = rule.ok("the read", result);
            rule.same(buffer.get(..count).unwrap_or(&buffer), b"x");
            rule.ok("a write", write.must_end().await);
        }
        Err(_cancelled) => {
            let read = rule.begin("a later read", rule.take(&b, b"x"));
            let (written, ()) = both(write, read).await;
            rule.ok("a write", written);
        }
    }
    rule.transfer(&a, &b, b"y").await;
}

async fn cancelled_reads_take_nothing<S: ByteStream>((a, b): (S, S)) {
    let rule = Rule("in a cancelled context a read takes nothing and is cut off");
    let mut write = rule.begin("a write", a.write_all(b"xy"));
    write.settle().await;
    cancelled(rule, "a read", b.read(&mut [0; 8])).await;
    cancelled(rule, "a read_exact", b.read_exact(&mut [0; 1])).await;
    let read = rule.begin("a later read", rule.take(&b, b"xy"));
    let (written, ()) = both(write, read).await;
    rule.ok("a write", written);
}

async fn cancelled_writes_write_nothing<S: ByteStream>((a, b): (S, S)) {
    let rule = Rule("in a cancelled context a write writes nothing and is cut off");
    let mut buffer = [0; 8];
    let mut read = rule.begin("a read at the other end", b.read(&mut buffer));
    read.must_wait().await;
    cancelled(rule, "a write", a.write(b"never")).await;
    cancelled(rule, "a write_all", a.write_all(b"never")).await;
    read.must_wait().await;
    drop(read);
    rule.transfer(&a, &b, b"x").await;
}
