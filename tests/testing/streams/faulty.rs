//! Streams with a defect each.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::io::ErrorKind;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use nestling::net::{ByteStream, Error};
use nestling::testing::MemoryStream;
use nestling::{checkpoint, poll_proceed, shield, sleep, sleep_forever};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Defect {
    LosesBytesWhenDropped,
    ReturnsZeroBeforeTheEnd,
    ForgetsToWakeOnClose,
    ForgetsToWakeOnData,
    ForgetsToWakeTheWriter,
    LetsTwoReadersIn,
    LetsTwoWritersIn,
    SendsEofDuringAWrite,
    WritesAfterEof,
    CallsClosedBroken,
    WritesToNobody,
    BreaksOnlyOnce,
    EndsOnlyOnce,
    EndsWithAnError,
    LosesTheRestOnClose,
    ReadsNothingAsEnd,
    FillsItsBuffer,
    WritesNothingLate,
    ClaimsMoreThanItTook,
    WritesLateWhatWasDropped,
    IgnoresCancellationOfReads,
    IgnoresCancellationOfWrites,
    IgnoresCancellationOfEof,
    CorruptsAByte,
    StaysBusyAfterADrop,
    RefusesASecondEof,
    ClosesBothWithEof,
    DropsEof,
    ReadsExactlyLess,
    ExactReadersShare,
}

/// A stream that does all well but for its defect.
pub(crate) struct Faulty {
    inner: MemoryStream,
    defect: Defect,
    late: RefCell<Vec<u8>>,
    once: Cell<bool>,
    busy: Cell<bool>,
    count: Cell<usize>,
    /// Whether this end, the other end is gone.
    gone: [Arc<AtomicBool>; 2],
}

pub(crate) fn faulty(defect: Defect, (one, two): (MemoryStream, MemoryStream)) -> (Faulty, Faulty) {
    let gone = [Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default()];
    let turned = [Arc::clone(&gone[1]), Arc::clone(&gone[0])];
    let wrap = |inner, gone| Faulty {
        inner,
        defect,
        late: RefCell::default(),
        once: Cell::new(false),
        busy: Cell::new(false),
        count: Cell::new(0),
        gone,
    };
    (wrap(one, gone), wrap(two, turned))
}

impl Drop for Faulty {
    fn drop(&mut self) {
        self.gone[0].store(true, Ordering::Relaxed);
        if self.defect == Defect::LosesTheRestOnClose {
            self.inner.abort();
        }
    }
}

/// `Some` if `operation` is ready at once.
async fn at_once<T>(operation: impl Future<Output = T>) -> Option<T> {
    let mut operation = pin!(operation);
    poll_fn(|cx| match operation.as_mut().poll(cx) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// Tries again and again as long as the answer is that somebody else is at it.
macro_rules! insist {
    ($operation:expr) => {
        loop {
            match $operation.await {
                Err(error) if error.is_busy() => sleep(Duration::from_millis(1)).await,
                result => break result,
            }
        }
    };
}

/// Passes wakes on only while `allowed`.
struct Filter {
    allowed: Arc<AtomicBool>,
    inner: Waker,
    wakes_if: bool,
}

impl Wake for Filter {
    fn wake(self: Arc<Self>) {
        if self.allowed.load(Ordering::Relaxed) == self.wakes_if {
            self.inner.wake_by_ref();
        }
    }
}

/// Polls `operation` with a waker that is passed on only while `flag` is `wakes_if`.
async fn deaf<T>(flag: &Arc<AtomicBool>, wakes_if: bool, operation: impl Future<Output = T>) -> T {
    let mut operation = pin!(operation);
    poll_fn(|cx| {
        let filter = Filter {
            allowed: Arc::clone(flag),
            inner: cx.waker().clone(),
            wakes_if,
        };
        let waker = Waker::from(Arc::new(filter));
        operation.as_mut().poll(&mut Context::from_waker(&waker))
    })
    .await
}

/// What a dropped write leaves for the next one.
struct Late<'a>(&'a Faulty, Option<&'a [u8]>);

impl Drop for Late<'_> {
    fn drop(&mut self) {
        if let Some(bytes) = self.1 {
            self.0.late.borrow_mut().extend_from_slice(bytes);
        }
    }
}

impl ByteStream for Faulty {
    async fn read(&self, buffer: &mut [u8]) -> Result<usize, Error> {
        let inner = &self.inner;
        match self.defect {
            Defect::LosesBytesWhenDropped => {
                let result = inner.read(buffer).await;
                checkpoint().await;
                result
            }
            Defect::ReturnsZeroBeforeTheEnd => {
                checkpoint().await;
                at_once(inner.read(buffer)).await.unwrap_or(Ok(0))
            }
            Defect::ForgetsToWakeOnClose => deaf(&self.gone[1], false, inner.read(buffer)).await,
            Defect::ForgetsToWakeOnData => deaf(&self.gone[1], true, inner.read(buffer)).await,
            Defect::LetsTwoReadersIn => insist!(inner.read(buffer)),
            Defect::EndsOnlyOnce => match inner.read(buffer).await {
                Ok(0) if self.once.replace(true) => {
                    sleep_forever().await;
                    Ok(0)
                }
                result => result,
            },
            Defect::EndsWithAnError => match inner.read(buffer).await {
                Ok(0) => Err(Error::reading("it", ErrorKind::ConnectionReset)),
                result => result,
            },
            Defect::ReadsNothingAsEnd if buffer.is_empty() => Ok(0),
            Defect::FillsItsBuffer => {
                let mut count = inner.read(&mut *buffer).await?;
                while 0 < count && count < buffer.len() {
                    match inner.read(&mut buffer[count..]).await? {
                        0 => break,
                        more => count += more,
                    }
                }
                Ok(count)
            }
            Defect::IgnoresCancellationOfReads => shield(inner.read(buffer)).await,
            Defect::CorruptsAByte => {
                let count = inner.read(&mut *buffer).await?;
                self.count.set(self.count.get() + count);
                if self.count.get() > 50_000 && count > 0 {
                    buffer[0] ^= 1;
                }
                Ok(count)
            }
            Defect::StaysBusyAfterADrop => {
                if self.busy.replace(true) {
                    return Err(Error::busy_reading("it"));
                }
                let result = inner.read(buffer).await;
                self.busy.set(false);
                result
            }
            _ => inner.read(buffer).await,
        }
    }

    async fn write(&self, bytes: &[u8]) -> Result<usize, Error> {
        let inner = &self.inner;
        match self.defect {
            Defect::ForgetsToWakeTheWriter => deaf(&self.gone[1], true, inner.write(bytes)).await,
            Defect::LetsTwoWritersIn => insist!(inner.write(bytes)),
            Defect::WritesAfterEof => match inner.write(bytes).await {
                Err(error) if error.is_closed() => Ok(bytes.len()),
                result => result,
            },
            Defect::CallsClosedBroken => match inner.write(bytes).await {
                Err(error) if error.is_closed() => Err(Error::writing("it", ErrorKind::BrokenPipe)),
                result => result,
            },
            Defect::WritesToNobody => match inner.write(bytes).await {
                Err(error) if error.is_broken() => Ok(bytes.len()),
                result => result,
            },
            Defect::BreaksOnlyOnce => match inner.write(bytes).await {
                Err(error) if error.is_broken() && self.once.replace(true) => Ok(bytes.len()),
                result => result,
            },
            Defect::WritesNothingLate if bytes.is_empty() => {
                sleep_forever().await;
                Ok(0)
            }
            Defect::ClaimsMoreThanItTook => match inner.write(bytes).await {
                Ok(count) if count > 4 => Ok(count + 1),
                result => result,
            },
            Defect::WritesLateWhatWasDropped => {
                poll_fn(poll_proceed).await;
                let mut late = Late(self, Some(bytes));
                loop {
                    let before = self.late.borrow().clone();
                    if before.is_empty() {
                        break;
                    }
                    let count = inner.write(&before).await?;
                    self.late.borrow_mut().drain(..count);
                }
                let result = inner.write(bytes).await;
                late.1 = None;
                result
            }
            Defect::IgnoresCancellationOfWrites => shield(inner.write(bytes)).await,
            _ => inner.write(bytes).await,
        }
    }

    async fn send_eof(&self) -> Result<(), Error> {
        match self.defect {
            Defect::SendsEofDuringAWrite => match self.inner.send_eof().await {
                Err(error) if error.is_busy() => Ok(()),
                result => result,
            },
            Defect::IgnoresCancellationOfEof => shield(self.inner.send_eof()).await,
            Defect::RefusesASecondEof if self.once.replace(true) => Err(Error::closed("it")),
            Defect::ClosesBothWithEof => {
                self.inner.send_eof().await?;
                self.inner.abort();
                Ok(())
            }
            Defect::DropsEof => {
                checkpoint().await;
                Ok(())
            }
            _ => self.inner.send_eof().await,
        }
    }

    async fn read_exact(&self, buffer: &mut [u8]) -> Result<(), Error> {
        match self.defect {
            Defect::ReadsExactlyLess => self.read(buffer).await.map(drop),
            Defect::ExactReadersShare => {
                let mut got = 0;
                while got < buffer.len() {
                    match at_once(self.read(&mut buffer[got..])).await {
                        Some(Ok(0)) => {
                            return Err(Error::unexpected_end("it", got, buffer.len()));
                        }
                        Some(Ok(count)) => got += count,
                        Some(Err(error)) => return Err(error),
                        None => checkpoint().await,
                    }
                }
                Ok(())
            }
            _ => {
                let mut got = 0;
                while got < buffer.len() {
                    match self.read(&mut buffer[got..]).await? {
                        0 => return Err(Error::unexpected_end("it", got, buffer.len())),
                        count => got += count,
                    }
                }
                Ok(())
            }
        }
    }
}
