//! One direction is closed.

use super::Maker;
use super::cutting::cancelled;
use super::op::both;
use super::rule::Rule;
use crate::error::Error;
use crate::stream::ByteStream;

pub(super) async fn all<S: ByteStream>(make: &Maker<'_, S>, swapped: bool) {
    ends_one_direction(make.pair(swapped).await).await;
    wakes_the_reader(make.pair(swapped).await).await;
    nothing_follows(make.pair(swapped).await).await;
    ends_both_directions(make.pair(swapped).await).await;
    the_end_stays_a_good_end(make.pair(swapped).await).await;
    cancelled_it_does_nothing(make.pair(swapped).await).await;
}

pub(super) async fn clogged<S: ByteStream>(make: &Maker<'_, S>) {
    let (a, _b) = make.pair(false).await;
    let rule = Rule("send_eof gets an error that is busy while another task is writing");
    let mut write = rule.begin("a write to the clogged stream", a.write(b"x"));
    write.must_wait().await;
    rule.fails("it", a.send_eof(), "busy", Error::is_busy).await;
    write.must_wait().await;
}

async fn ends_one_direction<S: ByteStream>((a, b): (S, S)) {
    let rule = Rule("after send_eof the other end reads what was written, and then 0 for ever");
    let text = b"last words";
    let mut write = rule.begin("a write", a.write_all(text));
    if write.settle().await {
        rule.ok("a write", write.must_end().await);
        rule.succeeds("send_eof", a.send_eof()).await;
        rule.expect(&b, text).await;
    } else {
        let read = rule.begin("a read", rule.take(&b, text));
        let (written, ()) = both(write, read).await;
        rule.ok("a write", written);
        rule.succeeds("send_eof", a.send_eof()).await;
    }
    rule.expect_end(&b).await;

    let rule = Rule("after send_eof the other direction goes on");
    let mut buffer = [0; 8];
    let mut read = rule.begin("a read", a.read(&mut buffer));
    read.must_wait().await;
    drop(read);
    rule.transfer(&b, &a, b"an answer").await;
    rule.transfer(&b, &a, b"and more").await;
}

async fn wakes_the_reader<S: ByteStream>((a, b): (S, S)) {
    let rule = Rule("a waiting read returns 0 when the other end sends the end");
    let mut buffer = [0; 8];
    let mut read = rule.begin("the read", b.read(&mut buffer));
    read.must_wait().await;
    rule.succeeds("send_eof", a.send_eof()).await;
    let count = rule.ok("the read", read.must_end().await);
    if count != 0 {
        rule.broken(format_args!("it returned {count} bytes"));
    }
    rule.expect_end(&b).await;
}

async fn nothing_follows<S: ByteStream>((a, b): (S, S)) {
    let rule = Rule("after send_eof every write fails as closed");
    rule.succeeds("send_eof", a.send_eof()).await;
    for _ in 0..2 {
        let late = a.write(b"x");
        rule.fails("a write", late, "closed", Error::is_closed)
            .await;
        let late = a.write_all(b"x");
        rule.fails("a write_all", late, "closed", Error::is_closed)
            .await;
        let late = a.write(b"");
        rule.fails("a write of nothing", late, "closed", Error::is_closed)
            .await;
        let rule = Rule("a second send_eof does nothing");
        rule.succeeds("it", a.send_eof()).await;
    }
    rule.expect_end(&b).await;
}

async fn ends_both_directions<S: ByteStream>((a, b): (S, S)) {
    let rule = Rule("each end may send its end, in any order");
    rule.transfer(&a, &b, b"x").await;
    rule.succeeds("send_eof", a.send_eof()).await;
    rule.expect_end(&b).await;
    rule.transfer(&b, &a, b"y").await;
    rule.succeeds("send_eof at the other end", b.send_eof())
        .await;
    rule.expect_end(&a).await;
    rule.expect_end(&b).await;
}

async fn the_end_stays_a_good_end<S: ByteStream>((a, b): (S, S)) {
    let rule = Rule("an end that has sent its end and is dropped leaves no error for a reader");
    rule.succeeds("send_eof", a.send_eof()).await;
    drop(a);
    rule.expect_end(&b).await;
}

async fn cancelled_it_does_nothing<S: ByteStream>((a, b): (S, S)) {
    let rule = Rule("in a cancelled context send_eof does nothing and is cut off");
    let mut buffer = [0; 8];
    let mut read = rule.begin("a read at the other end", b.read(&mut buffer));
    read.must_wait().await;
    cancelled(rule, "send_eof", a.send_eof()).await;
    read.must_wait().await;
    drop(read);
    rule.transfer(&a, &b, b"x").await;
}
