//! One end is dropped.

use std::time::Duration;

use nestling_runtime::{checkpoint, sleep};

use super::Maker;
use super::op::both;
use super::rule::Rule;
use crate::error::Error;
use crate::stream::ByteStream;

/// Writes after which the other end's leave must have been noticed, 10 seconds later at most.
const WRITES: usize = 10_000;

pub(super) async fn all<S: ByteStream>(make: &Maker<'_, S>, swapped: bool) {
    reads_the_rest(make.pair(swapped).await).await;
    wakes_the_reader(make.pair(swapped).await).await;
    breaks_writing(make.pair(swapped).await).await;
}

async fn reads_the_rest<S: ByteStream>((a, b): (S, S)) {
    let rule = Rule(
        "when the other end has been dropped, reads return what it has written, and then 0 for ever",
    );
    let text = b"last words";
    let mut write = rule.begin("a write", a.write_all(text));
    if write.settle().await {
        rule.ok("a write", write.must_end().await);
        drop(a);
        rule.expect(&b, text).await;
    } else {
        let read = rule.begin("a read", rule.take(&b, text));
        let (written, ()) = both(write, read).await;
        rule.ok("a write", written);
        drop(a);
    }
    rule.expect_end(&b).await;
}

async fn wakes_the_reader<S: ByteStream>((a, b): (S, S)) {
    let rule = Rule("a waiting read returns 0 when the other end is dropped");
    let mut buffer = [0; 8];
    let mut read = rule.begin("the read", b.read(&mut buffer));
    read.must_wait().await;
    drop(a);
    let count = rule.ok("the read", read.must_end().await);
    if count != 0 {
        rule.broken(format_args!("it returned {count} bytes"));
    }
    rule.expect_end(&b).await;
}

async fn breaks_writing<S: ByteStream>((a, b): (S, S)) {
    let rule =
        Rule("when the other end has been dropped, writes fail as broken before long, and stay so");
    drop(b);
    let mut left = WRITES;
    let error = loop {
        match rule.does("a write", a.write(b"x")).await {
            Err(error) => break error,
            Ok(_) if left == 0 => rule.broken(format_args!("{WRITES} writes succeeded")),
            Ok(_) => left -= 1,
        }
        if left > WRITES - 100 {
            checkpoint().await;
        } else {
            sleep(Duration::from_millis(1)).await;
        }
    };
    rule.failed("a write", Err::<(), _>(error), "broken", Error::is_broken);
    for _ in 0..2 {
        let again = a.write(b"x");
        rule.fails("a later write", again, "broken", Error::is_broken)
            .await;
    }
    let again = a.write_all(b"x");
    rule.fails("a later write_all", again, "broken", Error::is_broken)
        .await;

    let rule = Rule("a read of a broken stream returns 0 or fails as broken");
    match rule.does("it", a.read(&mut [0; 8])).await {
        Ok(0) => {}
        result => rule.failed("it", result, "broken", Error::is_broken),
    }
    let rule = Rule("send_eof on a broken stream does nothing or fails as broken");
    match rule.does("it", a.send_eof()).await {
        Ok(()) => {}
        result => rule.failed("it", result, "broken", Error::is_broken),
    }
}
