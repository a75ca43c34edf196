//! A lot in both directions at the same time.

use std::cell::Cell;

use super::Maker;
use super::op::both;
use super::rule::Rule;
use crate::error::Error;
use crate::stream::ByteStream;

const AMOUNT: usize = if cfg!(miri) { 1 << 11 } else { 1 << 20 };
const LARGEST: usize = if cfg!(miri) { 1 << 8 } else { 1 << 13 };
/// A stream that carries a few bytes at a time is done after so many reads.
const READS: usize = if cfg!(miri) { 200 } else { 4_000 };

pub(super) async fn all<S: ByteStream>(make: &Maker<'_, S>, swapped: bool) {
    let (a, b) = make.pair(swapped).await;
    let rule = Rule("both directions carry any amount of bytes, independently of each other");
    let (first, second) = both(
        rule.begin("what goes there", one_way(rule, &a, &b, 1)),
        rule.begin("what comes back", one_way(rule, &b, &a, 2)),
    )
    .await;
    rule.ok("writing there", first);
    rule.ok("writing back", second);
}

async fn one_way<S: ByteStream>(rule: Rule, from: &S, to: &S, seed: u64) -> Result<(), Error> {
    let bytes = Numbers(seed).bytes(AMOUNT);
    let way = Way {
        rule,
        bytes: &bytes,
        total: Cell::new(AMOUNT),
        reads: Cell::new(0),
    };
    let write = rule.begin(
        "a writer of large amounts",
        way.send(from, Numbers(seed + 10)),
    );
    let read = rule.begin(
        "a reader of large amounts",
        way.receive(to, Numbers(seed + 20)),
    );
    both(write, read).await.0
}

struct Way<'a> {
    rule: Rule,
    bytes: &'a [u8],
    /// How many of them are sent in the end.
    total: Cell<usize>,
    reads: Cell<usize>,
}

impl Way<'_> {
    /// In pieces of all sizes, empty ones among them.
    async fn send(&self, stream: &impl ByteStream, mut sizes: Numbers) -> Result<(), Error> {
        let mut rest = self.bytes;
        stream.write_all(b"").await?;
        while !rest.is_empty() {
            let mut size = sizes.below(LARGEST + 1).min(rest.len());
            let enough = self.reads.get() > READS;
            if enough {
                size = 1;
                self.total.set(self.bytes.len() - rest.len() + size);
            }
            let (piece, later) = rest.split_at(size);
            stream.write_all(piece).await?;
            rest = if enough { &[] } else { later };
        }
        Ok(())
    }

    async fn receive(&self, stream: &impl ByteStream, mut sizes: Numbers) {
        let mut got = 0;
        while got < self.total.get() {
            let size = 1 + sizes.below(LARGEST);
            let more = self.rule.ok("a read", self.rule.read(stream, size).await);
            if more.is_empty() {
                self.rule.broken(format_args!(
                    "a read returned 0, which means the end, after {got} of {} bytes",
                    self.total.get()
                ));
            }
            let end = self.bytes.len().min(got + more.len());
            self.rule.same(&more, &self.bytes[got..end]);
            got += more.len();
            self.reads.set(self.reads.get() + 1);
        }
    }
}

/// Numbers without a pattern, the same in each run: xorshift.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap_or_default()
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next().to_le_bytes()[0]).collect()
    }
}
