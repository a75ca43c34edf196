//! A rule, and what the cases do under its name.

use std::fmt;
use std::future::Future;

use super::op::{Op, both};
use crate::error::Error;
use crate::stream::ByteStream;

/// What a stream promises, in a sentence.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule(pub(super) &'static str);

impl Rule {
    #[cold]
    pub(super) fn broken(self, how: fmt::Arguments<'_>) -> ! {
        panic!("the stream breaks the rule \"{}\": {how}", self.0);
    }

    /// Begins an operation. `what` is its name in messages: "a read".
    pub(super) fn begin<'a, T>(
        self,
        what: &'static str,
        operation: impl Future<Output = T> + 'a,
    ) -> Op<'a, T> {
        Op::new(self, what, operation)
    }

    /// Does something that has to end by itself.
    pub(super) async fn does<T>(self, what: &'static str, operation: impl Future<Output = T>) -> T {
        self.begin(what, operation).must_end().await
    }

    /// Does something that has to end by itself, and well.
    pub(super) async fn succeeds<T>(
        self,
        what: &'static str,
        operation: impl Future<Output = Result<T, Error>>,
    ) -> T {
        let result = self.does(what, operation).await;
        self.ok(what, result)
    }

    pub(super) fn ok<T>(self, what: &'static str, result: Result<T, Error>) -> T {
        match result {
            Ok(value) => value,
            Err(error) => self.broken(format_args!("{what} failed: {error}")),
        }
    }

    /// Does something that has to end by itself, and with an error that `is_right`.
    pub(super) async fn fails<T: fmt::Debug>(
        self,
        what: &'static str,
        operation: impl Future<Output = Result<T, Error>>,
        wanted: &'static str,
        is_right: impl Fn(&Error) -> bool,
    ) {
        let result = self.does(what, operation).await;
        self.failed(what, result, wanted, is_right);
    }

    pub(super) fn failed<T: fmt::Debug>(
        self,
        what: &'static str,
        result: Result<T, Error>,
        wanted: &'static str,
        is_right: impl Fn(&Error) -> bool,
    ) {
        match result {
            Err(error) if is_right(&error) => {}
            Err(error) => self.broken(format_args!(
                "the error of {what} is not {wanted}: {error:?}"
            )),
            Ok(value) => self.broken(format_args!(
                "{what} returned Ok({value:?}) instead of an error that is {wanted}"
            )),
        }
    }

    /// One read into a buffer that is as large as the answer may be; to be used in an operation that
    /// was begun, which sees to it that this does not hang.
    pub(super) async fn read(
        self,
        stream: &impl ByteStream,
        size: usize,
    ) -> Result<Vec<u8>, Error> {
        let mut buffer = vec![0; size];
        let count = stream.read(&mut buffer).await?;
        if count > size {
            self.broken(format_args!(
                "a read into {size} bytes says that it has read {count}"
            ));
        }
        buffer.truncate(count);
        Ok(buffer)
    }

    /// Reads `wanted`, which has to come.
    pub(super) async fn expect(self, stream: &impl ByteStream, wanted: &[u8]) {
        self.does("a read", self.take(stream, wanted)).await;
    }

    /// Reads `wanted` by as many reads as it takes; to be used as [`read`](Rule::read).
    pub(super) async fn take(self, stream: &impl ByteStream, wanted: &[u8]) {
        let mut got = Vec::new();
        while got.len() < wanted.len() {
            let more = self.read(stream, wanted.len() - got.len()).await;
            let more = self.ok("a read", more);
            if more.is_empty() {
                self.broken(format_args!(
                    "a read returned 0, which means the end, after {} of {} bytes",
                    got.len(),
                    wanted.len()
                ));
            }
            got.extend(more);
        }
        self.same(&got, wanted);
    }

    pub(super) fn same(self, got: &[u8], wanted: &[u8]) {
        let differ = (0..got.len().max(wanted.len())).find(|&at| got.get(at) != wanted.get(at));
        if let Some(at) = differ {
            let part = |bytes: &[u8]| {
                let rest = bytes.get(at..).unwrap_or_default();
                rest[..rest.len().min(16)].escape_ascii().to_string()
            };
            self.broken(format_args!(
                "what was read is not what was written: from byte {at} on \"{}\" instead of \"{}\"",
                part(got),
                part(wanted)
            ));
        }
    }

    /// The end, and the end again at every later read.
    pub(super) async fn expect_end(self, stream: &impl ByteStream) {
        for what in [
            "a read at the end",
            "a second read at the end",
            "a third read at the end",
        ] {
            let count = self.succeeds(what, stream.read(&mut [0; 8])).await;
            if count != 0 {
                self.broken(format_args!("{what} returned {count} bytes"));
            }
        }
    }

    /// Writes `bytes` at one end and reads them at the other.
    pub(super) async fn transfer(self, from: &impl ByteStream, to: &impl ByteStream, bytes: &[u8]) {
        let write = self.begin("a write", from.write_all(bytes));
        let read = self.begin("a read", self.take(to, bytes));
        let (written, ()) = both(write, read).await;
        self.ok("a write", written);
    }
}
