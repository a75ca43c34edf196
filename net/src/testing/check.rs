//! The checks that a stream type has to pass.
//!
//! Each case makes a pair of its own, does something to it, and says which rule was broken by what.
//! Operations are begun by hand (see [`op`]), so that a case decides at which of its polls one is
//! dropped, and notices whether a waiting one was woken or only happened to be polled.

mod cutting;
mod duplex;
mod ending;
mod half_close;
mod op;
mod reading;
mod rule;
mod writing;

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::rc::Rc;

use crate::stream::ByteStream;

type Making<'a, S> = Pin<Box<dyn Future<Output = (S, S)> + 'a>>;

/// Makes connected pairs.
struct Maker<'a, S>(Box<dyn Fn() -> Making<'a, S> + 'a>);

impl<'a, S: 'a> Maker<'a, S> {
    fn new(make: impl AsyncFn() -> (S, S) + 'a) -> Maker<'a, S> {
        let make = Rc::new(make);
        Maker(Box::new(move || {
            let make = Rc::clone(&make);
            Box::pin(async move { make().await })
        }))
    }
}

impl<S> Maker<'_, S> {
    async fn pair(&self, swapped: bool) -> (S, S) {
        let (one, two) = (self.0)().await;
        if swapped { (two, one) } else { (one, two) }
    }
}

/// Checks that a stream type keeps what [`ByteStream`] promises. `make` makes a new connected pair
/// each time.
///
/// ```
/// use nestling_net::testing::{check_stream, lockstep_stream_pair, memory_stream_pair};
///
/// # nestling_runtime::run(async {
/// check_stream(async || memory_stream_pair())
///     .clogged(async || lockstep_stream_pair())
///     .await;
/// # });
/// ```
///
/// It reads and writes in both directions, byte by byte and in large amounts; cuts operations off after
/// each of their polls, by dropping and by cancelling them, and looks for bytes that were lost or that
/// went out all the same; has two tasks do what only one may do; drops one end and looks at what the
/// other one reads and writes then. What waits must be woken by what it waits for. With
/// [`clogged`](StreamCheck::clogged) it also looks at writes that have to wait. Half closing is the
/// matter of [`check_half_close`].
///
/// Something that should have happened has 10 seconds of the run's clock to do so. With a virtual
/// clock a stream in memory that hangs is found out at once.
///
/// # Panics
/// If a rule is broken, with the rule and what happened instead.
pub fn check_stream<'a, S: ByteStream + 'a>(
    make: impl AsyncFn() -> (S, S) + 'a,
) -> StreamCheck<'a, S> {
    StreamCheck::new(make, Part::Whole)
}

/// Checks that a stream type keeps what [`ByteStream`] promises about
/// [`send_eof`](ByteStream::send_eof). `make` makes a new connected pair each time.
///
/// ```
/// use nestling_net::testing::{check_half_close, memory_stream_pair};
///
/// # nestling_runtime::run(async {
/// check_half_close(async || memory_stream_pair()).await;
/// # });
/// ```
///
/// Everything else is the matter of [`check_stream`].
///
/// # Panics
/// If a rule is broken, with the rule and what happened instead.
pub fn check_half_close<'a, S: ByteStream + 'a>(
    make: impl AsyncFn() -> (S, S) + 'a,
) -> StreamCheck<'a, S> {
    StreamCheck::new(make, Part::HalfClose)
}

/// A check that is about to run, made by [`check_stream`] and [`check_half_close`]. Await it to run it.
///
/// ```
/// use nestling_net::testing::{check_stream, memory_stream_pair};
///
/// # nestling_runtime::run(async {
/// check_stream(async || memory_stream_pair()).await;
/// # });
/// ```
#[must_use = "a check does nothing unless it is awaited"]
pub struct StreamCheck<'a, S> {
    make: Maker<'a, S>,
    clogged: Option<Maker<'a, S>>,
    part: Part,
}

#[derive(Clone, Copy, Debug)]
enum Part {
    Whole,
    HalfClose,
}

impl<'a, S: ByteStream + 'a> StreamCheck<'a, S> {
    fn new(make: impl AsyncFn() -> (S, S) + 'a, part: Part) -> StreamCheck<'a, S> {
        StreamCheck {
            make: Maker::new(make),
            clogged: None,
            part,
        }
    }

    /// Also looks at writes that have to wait. `make` makes pairs whose first stream has no room: a
    /// write waits until the second one is read from.
    ///
    /// ```
    /// use nestling_net::ByteStream;
    /// use nestling_net::testing::{check_stream, memory_stream_pair_with_capacity};
    ///
    /// # nestling_runtime::run(async {
    /// check_stream(async || memory_stream_pair_with_capacity(3))
    ///     .clogged(async || {
    ///         let (full, other) = memory_stream_pair_with_capacity(3);
    ///         full.write_all(b"abc").await.expect("there is room");
    ///         (full, other)
    ///     })
    ///     .await;
    /// # });
    /// ```
    pub fn clogged(mut self, make: impl AsyncFn() -> (S, S) + 'a) -> Self {
        self.clogged = Some(Maker::new(make));
        self
    }

    async fn run(self) {
        for swapped in [false, true] {
            match self.part {
                Part::Whole => whole(&self.make, swapped).await,
                Part::HalfClose => half_close::all(&self.make, swapped).await,
            }
        }
        match (&self.clogged, self.part) {
            (Some(clogged), Part::Whole) => writing::clogged(clogged).await,
            (Some(clogged), Part::HalfClose) => half_close::clogged(clogged).await,
            (None, _) => {}
        }
    }
}

async fn whole<S: ByteStream>(make: &Maker<'_, S>, swapped: bool) {
    reading::all(make, swapped).await;
    writing::all(make, swapped).await;
    ending::all(make, swapped).await;
    reading::exactly(make, swapped).await;
    cutting::all(make, swapped).await;
    duplex::all(make, swapped).await;
}

impl<'a, S: ByteStream + 'a> IntoFuture for StreamCheck<'a, S> {
    type Output = ();
    type IntoFuture = Pin<Box<dyn Future<Output = ()> + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl<S> fmt::Debug for StreamCheck<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamCheck")
            .field("part", &self.part)
            .field("clogged", &self.clogged.is_some())
            .finish_non_exhaustive()
    }
}
