//! Writing to a connection that is in order, with and without room.

use super::Maker;
use super::op::both;
use super::rule::Rule;
use crate::error::Error;
use crate::stream::ByteStream;

/// The last bytes that a case writes to a clogged stream, of whose contents it knows nothing else.
const MARK: &[u8] = b"<the end of what this case has written>";

pub(super) async fn all<S: ByteStream>(make: &Maker<'_, S>, swapped: bool) {
    empty_writes_are_nothing(make.pair(swapped).await).await;
    tells_how_much_it_has_taken(make.pair(swapped).await).await;
}

pub(super) async fn clogged<S: ByteStream>(make: &Maker<'_, S>) {
    one_writer_at_a_time(make.pair(false).await).await;
    for polls in 0..4 {
        dropped_writes_write_nothing(make.pair(false).await, polls).await;
    }
    dropped_when_there_is_room(make.pair(false).await).await;
    the_peer_leaves(make.pair(false).await).await;
}

async fn empty_writes_are_nothing<S: ByteStream>((a, b): (S, S)) {
    let rule = Rule("to write nothing returns 0 at once, and the other end does not see it");
    let mut buffer = [0; 8];
    let mut read = rule.begin("a read at the other end", b.read(&mut buffer));
    read.must_wait().await;
    let count = rule.succeeds("a write of nothing", a.write(b"")).await;
    if count != 0 {
        rule.broken(format_args!("it returned {count}"));
    }
    rule.succeeds("a write_all of nothing", a.write_all(b""))
        .await;
    read.must_wait().await;
    let write = rule.begin("a write", a.write_all(b"x"));
    let (read, written) = both(read, write).await;
    rule.ok("a write", written);
    let count = rule.ok("a read", read);
    rule.same(buffer.get(..count).unwrap_or(&buffer), b"x");
    rule.succeeds("a write of nothing that nobody reads", a.write(b""))
        .await;
    rule.transfer(&a, &b, b"y").await;
}

async fn tells_how_much_it_has_taken<S: ByteStream>((a, b): (S, S)) {
    let rule = Rule(
        "a write returns how many bytes it has written, at least 1 and no more than it was given",
    );
    let bytes = b"abcdefgh";
    let mut buffer = [0; 5];
    let read = rule.begin("a read", b.read(&mut buffer));
    let write = rule.begin("a write", a.write(bytes));
    let (read, written) = both(read, write).await;
    let read = rule.ok("a read", read);
    let count = rule.ok("a write", written);
    let Some(written) = bytes.get(..count).filter(|written| !written.is_empty()) else {
        rule.broken(format_args!(
            "a write of {} bytes returned {count}",
            bytes.len()
        ));
    };
    let start = written.get(..read).unwrap_or(written);
    rule.same(buffer.get(..read).unwrap_or(&buffer), start);
    rule.expect(&b, &written[start.len()..]).await;
    let mut more = [0; 8];
    let mut read = rule.begin(
        "a read, after as many bytes as were written,",
        b.read(&mut more),
    );
    read.must_wait().await;
}

async fn one_writer_at_a_time<S: ByteStream>((a, b): (S, S)) {
    let rule = Rule("a write waits while there is no room");
    let mut first = rule.begin("a write to the clogged stream", a.write_all(MARK));
    first.must_wait().await;

    let rule = Rule("a second writer gets an error that is busy");
    let second = a.write(b"second");
    rule.fails("a second write", second, "busy", Error::is_busy)
        .await;
    let second = a.write_all(b"second");
    rule.fails("a second write_all", second, "busy", Error::is_busy)
        .await;
    let eof = a.send_eof();
    rule.fails("a send_eof during a write", eof, "busy", Error::is_busy)
        .await;

    let rule = Rule("one task may read while another one writes");
    rule.transfer(&b, &a, b"meanwhile").await;

    let rule = Rule("a write goes on when the other end reads");
    let drain = rule.begin("reading to the last byte", drain(rule, &b));
    let (first, drained) = both(first, drain).await;
    rule.ok("a write", first);
    let rule = Rule("a second writer that was sent away has written nothing");
    never_in(rule, &drained, b"second");
}

/// A write that never got further is cut off after `polls` polls.
async fn dropped_writes_write_nothing<S: ByteStream>((a, b): (S, S), polls: usize) {
    let rule = Rule("a write that is dropped while it waits has written nothing");
    let mut write = rule.begin("a write to the clogged stream", a.write(b"never"));
    for _ in 0..polls {
        write.step().await;
    }
    if write.into_value().is_some() {
        rule.broken(format_args!("a write to the clogged stream did not wait"));
    }
    nothing_but_the_mark(rule, &a, &b).await;
}

/// There is room, and it knows, but it does not come to use it.
async fn dropped_when_there_is_room<S: ByteStream>((a, b): (S, S)) {
    let rule = Rule("a write that is dropped when there is room at last has written nothing");
    let mut write = rule.begin("a write to the clogged stream", a.write(b"never"));
    write.must_wait().await;
    let mut seen = Vec::new();
    loop {
        let mut buffer = vec![0; 4096];
        let mut read = rule.begin("a read", b.read(&mut buffer));
        if !read.settle().await {
            // Everything is read. A stream without a buffer has room while this one waits.
            drop(write);
            break;
        }
        let count = rule.ok("a read", read.must_end().await);
        seen.extend_from_slice(buffer.get(..count).unwrap_or(&buffer));
    }
    never_in(rule, &seen, b"never");
    nothing_but_the_mark(rule, &a, &b).await;
}

async fn the_peer_leaves<S: ByteStream>((a, b): (S, S)) {
    let rule = Rule("a waiting write fails as broken when the other end is dropped");
    let mut write = rule.begin("a write to the clogged stream", a.write(b"x"));
    write.must_wait().await;
    drop(b);
    let written = write.must_end().await;
    rule.failed("the write", written, "broken", Error::is_broken);
    let again = a.write(b"x");
    rule.fails("the next write", again, "broken", Error::is_broken)
        .await;
}

async fn nothing_but_the_mark(rule: Rule, a: &impl ByteStream, b: &impl ByteStream) {
    let write = rule.begin("the next write", a.write_all(MARK));
    let drain = rule.begin("reading to the last byte", drain(rule, b));
    let (written, drained) = both(write, drain).await;
    rule.ok("the next write", written);
    never_in(rule, &drained, b"never");
}

fn never_in(rule: Rule, drained: &[u8], bytes: &[u8]) {
    if drained.windows(bytes.len()).any(|part| part == bytes) {
        rule.broken(format_args!("its bytes were read at the other end"));
    }
}

/// Reads up to the mark.
async fn drain(rule: Rule, stream: &impl ByteStream) -> Vec<u8> {
    let mut all = Vec::new();
    while !all.ends_with(MARK) {
        let more = rule.ok("a read", rule.read(stream, 1 << 14).await);
        if more.is_empty() {
            rule.broken(format_args!("a read returned 0, which means the end"));
        }
        all.extend(more);
    }
    all
}
