//! Reading from a connection that is in order.

use super::Maker;
use super::op::both;
use super::rule::Rule;
use crate::error::Error;
use crate::stream::ByteStream;

pub(super) async fn all<S: ByteStream>(make: &Maker<'_, S>, swapped: bool) {
    carries_bytes(make.pair(swapped).await).await;
    waits_for_bytes(make.pair(swapped).await).await;
    refuses_an_empty_buffer(make.pair(swapped).await).await;
    one_reader_at_a_time(make.pair(swapped).await).await;
}

/// `read_exact`, after what a `read` does is known to be right.
pub(super) async fn exactly<S: ByteStream>(make: &Maker<'_, S>, swapped: bool) {
    reads_exactly(make.pair(swapped).await).await;
    exact_readers_keep_others_out(make.pair(swapped).await).await;
}

async fn carries_bytes<S: ByteStream>((a, b): (S, S)) {
    let rule = Rule("what is written is read at the other end, in the same order");
    rule.transfer(&a, &b, b"x").await;
    rule.transfer(&b, &a, b"y").await;
    rule.transfer(&a, &b, b"how are you?").await;
    let text = b"letter by letter";
    let write = rule.begin("a write", a.write_all(text));
    let read = rule.begin("a read", async {
        for letter in text {
            rule.take(&b, &[*letter]).await;
        }
    });
    let (written, ()) = both(write, read).await;
    rule.ok("a write", written);
}

async fn waits_for_bytes<S: ByteStream>((a, b): (S, S)) {
    let rule =
        Rule("a read waits for bytes, and returns what has come in without waiting for more");
    let mut buffer = [0; 64];
    let mut read = rule.begin("a read of an idle stream", b.read(&mut buffer));
    read.must_wait().await;
    let write = rule.begin("a write", a.write_all(b"x"));
    let (read, written) = both(read, write).await;
    rule.ok("a write", written);
    let count = rule.ok("a read", read);
    rule.same(buffer.get(..count).unwrap_or(&buffer), b"x");
}

async fn refuses_an_empty_buffer<S: ByteStream>((a, b): (S, S)) {
    let rule = Rule("a read into an empty buffer is an error, since 0 means the end");
    let result = rule.does("such a read", b.read(&mut [])).await;
    let is_right = |error: &Error| {
        !(error.is_busy() || error.is_broken() || error.is_closed() || error.is_unexpected_end())
    };
    rule.failed("such a read", result, "about the buffer", is_right);
    let rule = Rule("a stream is as good as before after a read into an empty buffer");
    rule.transfer(&a, &b, b"x").await;
}

async fn one_reader_at_a_time<S: ByteStream>((a, b): (S, S)) {
    let rule = Rule("a second reader gets an error that is busy");
    let mut buffer = [0; 8];
    let mut first = rule.begin("the first read", b.read(&mut buffer));
    first.must_wait().await;
    let mut spare = [0; 8];
    let second = b.read(&mut spare);
    rule.fails("a second read", second, "busy", Error::is_busy)
        .await;
    let mut two = [0; 2];
    let second = b.read_exact(&mut two);
    rule.fails("a second read_exact", second, "busy", Error::is_busy)
        .await;

    let rule = Rule("one task may write while another one reads");
    rule.transfer(&b, &a, b"meanwhile").await;

    let rule = Rule("a reader is not disturbed by another one that was sent away");
    first.must_wait().await;
    let write = rule.begin("a write", a.write_all(b"x"));
    let (first, written) = both(first, write).await;
    rule.ok("a write", written);
    let count = rule.ok("the first read", first);
    rule.same(buffer.get(..count).unwrap_or(&buffer), b"x");
    rule.transfer(&a, &b, b"y").await;
}

async fn reads_exactly<S: ByteStream>((a, b): (S, S)) {
    let rule = Rule("read_exact fills its buffer, by as many reads as it takes");
    let mut buffer = [0; 6];
    rule.succeeds("read_exact with an empty buffer", b.read_exact(&mut []))
        .await;
    let mut read = rule.begin("read_exact", b.read_exact(&mut buffer));
    let mut write = rule.begin("a write", a.write_all(b"abc"));
    for _ in 0..2 {
        // What was written is taken, and does not do.
        write.settle().await;
        read.must_wait().await;
    }
    rule.ok("a write", write.must_end().await);
    let write = rule.begin("a write", a.write_all(b"def"));
    let (read, written) = both(read, write).await;
    rule.ok("a write", written);
    rule.ok("read_exact", read);
    rule.same(&buffer, b"abcdef");

    let rule = Rule("read_exact tells that the stream has ended too early");
    let read = rule.begin("read_exact", b.read_exact(&mut buffer));
    let write = rule.begin("a write", async {
        let written = a.write_all(b"abc").await;
        drop(a);
        written
    });
    let (read, written) = both(read, write).await;
    rule.ok("a write", written);
    let wanted = "unexpected end";
    rule.failed("read_exact", read, wanted, Error::is_unexpected_end);
    let at_end = b.read_exact(&mut buffer);
    rule.fails("read_exact", at_end, wanted, Error::is_unexpected_end)
        .await;
}

async fn exact_readers_keep_others_out<S: ByteStream>((a, b): (S, S)) {
    let rule = Rule("while a read_exact waits, other readers get an error that is busy");
    let mut buffer = [0; 2];
    let mut first = rule.begin("read_exact", b.read_exact(&mut buffer));
    first.must_wait().await;
    let mut spare = [0; 8];
    let second = b.read(&mut spare);
    rule.fails("a read", second, "busy", Error::is_busy).await;

    let mut write = rule.begin("a write", a.write_all(b"x"));
    write.settle().await;
    first.must_wait().await;
    rule.ok("a write", write.must_end().await);
    let second = b.read(&mut spare);
    rule.fails("a read between its steps", second, "busy", Error::is_busy)
        .await;

    let write = rule.begin("a write", a.write_all(b"y"));
    let (first, written) = both(first, write).await;
    rule.ok("a write", written);
    rule.ok("read_exact", first);
    rule.same(&buffer, b"xy");
}
