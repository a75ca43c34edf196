use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use super::{BusyResource, Direction, Io, IoStatistics, Place, WrongRun};
use crate::reactor::tests::pair;
use crate::{checkpoint, context, run, statistics};

type Socket = Io<TcpStream>;

/// A source and a blocking peer.
fn connection() -> (Socket, TcpStream) {
    let (ours, peer) = pair();
    (Io::new(ours).unwrap(), peer)
}

async fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    let mut future = Some(future);
    poll_fn(|cx| match future.take() {
        Some(future) => Poll::Ready(future.poll(cx)),
        None => Poll::Pending,
    })
    .await
}

async fn read(io: &Socket, buffer: &mut [u8]) -> io::Result<usize> {
    io.read_with(|mut stream| stream.read(buffer)).await
}

fn io_statistics() -> IoStatistics {
    statistics().io
}

#[test]
fn a_read_waits_for_data() {
    run(async {
        let (io, mut peer) = connection();
        let mut buffer = [0; 8];
        {
            let mut reading = pin!(read(&io, &mut buffer));
            assert!(poll_once(reading.as_mut()).await.is_pending());
            peer.write_all(b"abc").unwrap();
            assert_eq!(reading.await.unwrap(), 3);
        }
        assert_eq!(&buffer[..3], b"abc");
    });
}

#[test]
fn an_operation_is_tried_before_anything_else() {
    run(async {
        let (io, _peer) = connection();
        let mut writing = pin!(io.write_with(|mut stream| stream.write(b"abc")));
        assert!(matches!(
            poll_once(writing.as_mut()).await,
            Poll::Ready(Ok(3))
        ));
    });
}

#[test]
fn an_interrupted_operation_is_tried_again() {
    run(async {
        let (io, _peer) = connection();
        let mut calls = 0;
        let result = io
            .write_with(|_| {
                calls += 1;
                if calls < 3 {
                    Err(ErrorKind::Interrupted.into())
                } else {
                    Ok(calls)
                }
            })
            .await;
        assert_eq!(result.unwrap(), 3);
    });
}

#[test]
fn an_operation_that_would_block_is_not_tried_again_before_a_report() {
    run(async {
        let (io, mut peer) = connection();
        let calls = AtomicUsize::new(0);
        let mut reading = pin!(io.read_with(|mut stream| {
            calls.fetch_add(1, Ordering::Relaxed);
            stream.read(&mut [0; 8])
        }));
        for _ in 0..3 {
            assert!(poll_once(reading.as_mut()).await.is_pending());
            checkpoint().await;
        }
        assert_eq!(calls.load(Ordering::Relaxed), 1);
        peer.write_all(b"abc").unwrap();
        assert_eq!(reading.await.unwrap(), 3);
        assert_eq!(calls.load(Ordering::Relaxed), 2);
    });
}

#[test]
fn a_second_reader_is_refused_and_a_writer_is_not() {
    run(async {
        let (io, mut peer) = connection();
        let mut buffer = [0; 8];
        let mut first = pin!(read(&io, &mut buffer));
        assert!(poll_once(first.as_mut()).await.is_pending());
        // Also when there is something to read meanwhile.
        peer.write_all(b"abc").unwrap();

        let refused = read(&io, &mut [0; 8]).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ResourceBusy);
        let busy: BusyResource = refused.downcast().unwrap();
        assert_eq!(busy.direction, Direction::Read);
        assert!(busy.to_string().contains("TcpStream"), "{busy}");
        let refused = io.readable().await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ResourceBusy);
        let polled = poll_fn(|cx| io.poll_read_with(cx, |mut stream| stream.read(&mut [0; 8])));
        assert_eq!(polled.await.unwrap_err().kind(), ErrorKind::ResourceBusy);

        io.write_with(|mut stream| stream.write(b"x"))
            .await
            .unwrap();
        io.writable().await.unwrap();
        assert_eq!(first.await.unwrap(), 3);
        assert_eq!(io_statistics().tasks_waiting_read, 0);
    });
}

async fn read_byte(place: &mut Place<'_, TcpStream>) -> io::Result<usize> {
    poll_fn(|cx| place.poll_step_with(cx, |mut stream| stream.read(&mut [0]))).await
}

#[test]
fn a_place_is_held_over_as_many_steps_as_it_takes() {
    run(async {
        let (io, mut peer) = connection();
        peer.write_all(b"abcd").unwrap();
        let mut place = io.place(Direction::Read);
        assert_eq!(read_byte(&mut place).await.unwrap(), 1);
        assert!(!io.is_busy(Direction::Read), "it has not waited");

        place.hold().unwrap();
        for _ in 0..2 {
            let refused = read(&io, &mut [0]).await.unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::ResourceBusy);
            let mut other = io.place(Direction::Read);
            let refused = other.hold().unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::ResourceBusy);
            drop(other);
            assert_eq!(read_byte(&mut place).await.unwrap(), 1);
        }
        assert!(!io.is_busy(Direction::Write));
        place.leave();
        assert_eq!(read(&io, &mut [0]).await.unwrap(), 1);

        place.hold().unwrap();
        drop(place);
        assert!(!io.is_busy(Direction::Read));
        assert_eq!(io_statistics().tasks_waiting_read, 0);
    });
}

#[test]
fn a_step_that_had_to_wait_goes_on_holding_its_place() {
    run(async {
        let (io, mut peer) = connection();
        let mut place = io.place(Direction::Read);
        assert!(poll_once(pin!(read_byte(&mut place))).await.is_pending());
        peer.write_all(b"a").unwrap();
        assert_eq!(read_byte(&mut place).await.unwrap(), 1);
        assert!(io.is_busy(Direction::Read));
        place.leave();
        assert!(!io.is_busy(Direction::Read));
    });
}

#[test]
fn a_dropped_operation_leaves_nothing_and_reads_nothing() {
    run(async {
        let (io, mut peer) = connection();
        let mut buffer = [0; 8];
        {
            let mut reading = Box::pin(read(&io, &mut buffer));
            assert!(poll_once(reading.as_mut()).await.is_pending());
            assert_eq!(io_statistics().tasks_waiting_read, 1);
            peer.write_all(b"abc").unwrap();
            drop(reading);
        }
        assert_eq!(io_statistics().tasks_waiting_read, 0);
        assert_eq!(read(&io, &mut buffer).await.unwrap(), 3);
    });
}

#[test]
fn a_leaked_operation_keeps_its_direction_and_harms_nobody_else() {
    #[expect(clippy::mem_forget, reason = "what is tested")]
    run(async {
        let (io, _peer) = connection();
        let mut buffer = [0; 8];
        let mut reading = io.read_with(|mut stream| stream.read(&mut buffer));
        assert!(poll_once(pin!(&mut reading)).await.is_pending());
        std::mem::forget(reading);
        let refused = io.readable().await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ResourceBusy);
        drop(io);
        assert_eq!(io_statistics().sources, 0);
    });
}

#[test]
fn in_a_cancelled_context_an_operation_has_no_effect() {
    run(async {
        let (io, _peer) = connection();
        let mut calls = 0;
        {
            let mut operation = pin!(io.write_with(|_| {
                calls += 1;
                Ok(())
            }));
            let polled = poll_fn(|cx| {
                let before = context::with(|context| context.cancelled.replace(true));
                let polled = operation.as_mut().poll(cx);
                context::with(|context| context.cancelled.set(before));
                Poll::Ready(polled)
            });
            assert!(polled.await.is_pending());
        }
        assert_eq!(calls, 0);
        assert_eq!(io_statistics().tasks_waiting_write, 0);
    });
}

/// A short read used to clear the readiness for good when the end of the stream had been queued
/// together with the data, and the next read hung: no further edge was to come.
#[test]
fn an_end_that_is_queued_behind_data_is_seen_after_a_short_read() {
    run(async {
        for report_first in [false, true] {
            let (ours, mut peer) = pair();
            peer.write_all(b"abc").unwrap();
            peer.shutdown(Shutdown::Both).unwrap();
            drop(peer);
            let io = Io::new(ours).unwrap();
            if report_first {
                io.readable().await.unwrap();
            }
            let mut buffer = [0; 8];
            assert_eq!(read(&io, &mut buffer).await.unwrap(), 3);
            io.drained(Direction::Read);
            assert_eq!(read(&io, &mut buffer).await.unwrap(), 0);
            io.drained(Direction::Read);
            assert_eq!(read(&io, &mut buffer).await.unwrap(), 0);
        }
    });
}

#[test]
fn data_after_a_short_read_is_seen() {
    run(async {
        let (io, mut peer) = connection();
        let mut buffer = [0; 8];
        for _ in 0..3 {
            peer.write_all(b"abc").unwrap();
            assert_eq!(read(&io, &mut buffer).await.unwrap(), 3);
            io.drained(Direction::Read);
        }
        // What comes between the short read and the hint is not lost either.
        peer.write_all(b"abc").unwrap();
        assert_eq!(read(&io, &mut buffer).await.unwrap(), 3);
        peer.write_all(b"de").unwrap();
        io.drained(Direction::Read);
        assert_eq!(read(&io, &mut buffer).await.unwrap(), 2);
    });
}

#[test]
fn readable_tells_the_present_state() {
    run(async {
        let (io, mut peer) = connection();
        {
            let mut readable = pin!(io.readable());
            for _ in 0..3 {
                assert!(poll_once(readable.as_mut()).await.is_pending());
                checkpoint().await;
            }
            peer.write_all(b"abc").unwrap();
            readable.await.unwrap();
        }
        // It is still true.
        io.readable().await.unwrap();
        io.readable().await.unwrap();
        // And not any more, though `io` has not seen the read.
        assert_eq!(io.get_ref().read(&mut [0; 8]).unwrap(), 3);
        let mut readable = pin!(io.readable());
        for _ in 0..3 {
            assert!(poll_once(readable.as_mut()).await.is_pending());
            checkpoint().await;
        }
        drop(peer);
        readable.await.unwrap();
    });
}

#[test]
fn a_reader_and_a_writer_wait_at_the_same_time() {
    run(async {
        let (io, mut peer) = connection();
        let mut sent = 0;
        let chunk = [0; 1 << 16];
        let mut writing = loop {
            let mut writing = Box::pin(io.write_with(|mut stream| stream.write(&chunk)));
            match poll_once(writing.as_mut()).await {
                Poll::Ready(count) => sent += count.unwrap(),
                Poll::Pending => break writing,
            }
        };
        let mut buffer = [0; 8];
        let mut reading = Box::pin(read(&io, &mut buffer));
        assert!(poll_once(reading.as_mut()).await.is_pending());
        assert_eq!(io_statistics().tasks_waiting_read, 1);
        assert_eq!(io_statistics().tasks_waiting_write, 1);

        peer.write_all(b"abc").unwrap();
        // One task waits for both, as `join` does. The system may find room for more meanwhile.
        let mut written = None;
        let count = poll_fn(|cx| {
            if written.is_none() {
                if let Poll::Ready(count) = writing.as_mut().poll(cx) {
                    written = Some(count);
                }
            }
            reading.as_mut().poll(cx)
        });
        assert_eq!(count.await.unwrap(), 3);

        peer.read_exact(&mut vec![0; sent]).unwrap();
        let written = match written {
            Some(count) => count,
            None => writing.await,
        };
        assert!(written.unwrap() > 0);
    });
}

#[test]
fn a_source_given_back_is_free() {
    run(async {
        let (io, mut peer) = connection();
        assert_eq!(io_statistics().sources, 1);
        let ours = io.into_inner().unwrap();
        assert_eq!(io_statistics().sources, 0);
        let io = Io::new(ours).unwrap();
        peer.write_all(b"abc").unwrap();
        assert_eq!(read(&io, &mut [0; 8]).await.unwrap(), 3);
    });
}

#[test]
fn another_run_is_refused_and_may_register_the_source_anew() {
    let (io, mut peer) = run(async { connection() });
    run(async {
        let refused = read(&io, &mut [0; 8]).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidInput);
        assert!(refused.downcast::<WrongRun>().is_ok());
        let io = Io::new(io.into_inner().unwrap()).unwrap();
        peer.write_all(b"abc").unwrap();
        assert_eq!(read(&io, &mut [0; 8]).await.unwrap(), 3);
    });
}

#[test]
fn a_source_may_be_dropped_after_its_run() {
    let (io, mut peer) = run(async { connection() });
    drop(io);
    assert_eq!(peer.read(&mut [0; 8]).unwrap(), 0, "it has been closed");
}

#[cfg(unix)]
#[test]
#[cfg_attr(miri, ignore = "no such file there")]
fn a_regular_file_is_refused_with_advice() {
    run(async {
        let file = std::fs::File::open(file!()).or_else(|_| std::fs::File::open("Cargo.toml"));
        let refused = Io::new(file.unwrap()).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::PermissionDenied);
        assert!(refused.to_string().contains("in a thread"), "{refused}");
        assert_eq!(io_statistics().sources, 0);
    });
}

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_future_takes_precedence_over_polls_and_tells_them() {
    run(async {
        let (io, mut peer) = connection();
        let count = Arc::<Count>::default();
        let waker = Waker::from(Arc::clone(&count));
        let mut cx = Context::from_waker(&waker);
        let mut poll = || io.poll_read_with(&mut cx, |mut stream| stream.read(&mut [0; 8]));
        assert!(poll().is_pending());

        let mut buffer = [0; 8];
        let mut reading = pin!(read(&io, &mut buffer));
        assert!(poll_once(reading.as_mut()).await.is_pending());
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        let Poll::Ready(Err(refused)) = poll() else {
            panic!("it would wait for ever")
        };
        assert_eq!(refused.kind(), ErrorKind::ResourceBusy);
        peer.write_all(b"abc").unwrap();
        assert_eq!(reading.await.unwrap(), 3);
    });
}

#[test]
fn a_poll_is_woken_by_data() {
    run(async {
        let (io, mut peer) = connection();
        let mut polls = 0;
        let count = poll_fn(|cx| {
            polls += 1;
            let polled = io.poll_read_with(cx, |mut stream| stream.read(&mut [0; 8]));
            if polled.is_pending() {
                peer.write_all(b"abc").unwrap();
            }
            polled
        });
        assert_eq!(count.await.unwrap(), 3);
        assert_eq!(polls, 2);
    });
}

/// Looks at the reactor when it is woken and when it is dropped.
struct Nosy;

impl Wake for Nosy {
    fn wake(self: Arc<Self>) {
        io_statistics();
    }
}

impl Drop for Nosy {
    fn drop(&mut self) {
        io_statistics();
    }
}

#[test]
fn wakers_may_use_the_reactor_when_they_are_woken_or_dropped() {
    run(async {
        let (io, mut peer) = connection();
        let park = || {
            let waker = Waker::from(Arc::new(Nosy));
            let polled = io.poll_read_with(&mut Context::from_waker(&waker), |mut stream| {
                stream.read(&mut [0; 8])
            });
            assert!(polled.is_pending());
        };
        park();
        park();
        {
            let mut buffer = [0; 8];
            let mut reading = pin!(read(&io, &mut buffer));
            assert!(poll_once(reading.as_mut()).await.is_pending());
        }
        park();
        peer.write_all(b"abc").unwrap();
        assert_eq!(read(&io, &mut [0; 8]).await.unwrap(), 3);
        park();
        drop(io);
    });
}

thread_local! {
    static SOCKETS: RefCell<[Option<Socket>; 2]> = const { RefCell::new([None, None]) };
    static NEWCOMER: RefCell<Option<Socket>> = const { RefCell::new(None) };
}

/// Waits at one of the sockets, and woken, has the other one give its place to a newcomer.
struct Rival {
    number: usize,
    woken: Arc<AtomicUsize>,
}

impl Wake for Rival {
    fn wake(self: Arc<Self>) {
        self.woken.fetch_add(1, Ordering::Relaxed);
        let other = SOCKETS.with_borrow_mut(|sockets| sockets[1 - self.number].take());
        drop(other);
        let (newcomer, _peer) = connection();
        let newcomer = newcomer.into_inner().unwrap();
        NEWCOMER.set(Some(Io::new(newcomer).unwrap()));
    }
}

/// The reports of one wait are handled one after the other, and in between wakers run.
#[test]
fn a_waker_may_take_away_a_source_that_the_same_wait_reported() {
    run(async {
        let woken = Arc::<AtomicUsize>::default();
        let mut peers = Vec::new();
        for number in 0..2 {
            let (io, peer) = connection();
            let waker = Waker::from(Arc::new(Rival {
                number,
                woken: Arc::clone(&woken),
            }));
            let polled = io.poll_read_with(&mut Context::from_waker(&waker), |mut stream| {
                stream.read(&mut [0; 8])
            });
            assert!(polled.is_pending());
            SOCKETS.with_borrow_mut(|sockets| sockets[number] = Some(io));
            peers.push(peer);
        }
        for peer in &mut peers {
            peer.write_all(b"x").unwrap();
        }
        while woken.load(Ordering::Relaxed) == 0 {
            checkpoint().await;
        }
        for _ in 0..3 {
            checkpoint().await;
        }
        assert_eq!(woken.load(Ordering::Relaxed), 1, "the other one had gone");
        let newcomer = NEWCOMER.take().unwrap();
        assert_eq!(read(&newcomer, &mut [0; 8]).await.unwrap(), 0);
        assert_eq!(io_statistics().sources, 2);
        SOCKETS.take();
    });
}

#[test]
fn who_holds_a_place_without_waiting_tells_those_who_poll() {
    run(async {
        let (io, _peer) = connection();
        let count = Arc::<Count>::default();
        let waker = Waker::from(Arc::clone(&count));
        let mut cx = Context::from_waker(&waker);
        let mut poll = || io.poll_read_with(&mut cx, |mut stream| stream.read(&mut [0; 8]));
        assert!(poll().is_pending());
        let mut place = io.place(Direction::Read);
        place.hold().unwrap();
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        assert!(matches!(poll(), Poll::Ready(Err(_))), "it is told");
        place.leave();
        assert!(poll().is_pending());
        // Not again: it holds the place already.
        drop(place);
        assert_eq!(io_statistics().tasks_waiting_read, 1);
    });
}

type Reading = Pin<Box<dyn Future<Output = io::Result<usize>>>>;

thread_local! {
    static READING: RefCell<Option<(Reading, Waker)>> = const { RefCell::new(None) };
}

/// Dropped, it has a future wait at the source.
struct MakesRoom;

impl Wake for MakesRoom {
    fn wake(self: Arc<Self>) {}
}

impl Drop for MakesRoom {
    fn drop(&mut self) {
        if let Some((mut reading, waker)) = READING.take() {
            let polled = reading.as_mut().poll(&mut Context::from_waker(&waker));
            assert!(polled.is_pending());
            READING.set(Some((reading, waker)));
        }
    }
}

/// The waker of a poll that gives way to another poll is dropped, and a future takes the place meanwhile.
#[test]
fn a_future_that_comes_between_two_polls_is_woken() {
    run(async {
        let (io, mut peer) = connection();
        let io = Rc::new(io);
        let poll = |waker: &Waker| {
            io.poll_read_with(&mut Context::from_waker(waker), |mut stream| {
                stream.read(&mut [0; 8])
            })
        };
        assert!(poll(&Waker::from(Arc::new(MakesRoom))).is_pending());

        let future = Arc::<Count>::default();
        let reader = Rc::clone(&io);
        let reading: Reading = Box::pin(async move { read(&reader, &mut [0; 8]).await });
        READING.set(Some((reading, Waker::from(Arc::clone(&future)))));
        let polls = Arc::<Count>::default();
        let waker = Waker::from(Arc::clone(&polls));
        assert!(poll(&waker).is_pending());
        assert!(io.is_busy(Direction::Read));
        assert_eq!(polls.0.load(Ordering::Relaxed), 1, "it has to give way");
        assert!(matches!(poll(&waker), Poll::Ready(Err(_))));

        peer.write_all(b"abc").unwrap();
        while !io.registered.is_ready(Direction::Read) {
            checkpoint().await;
        }
        assert_eq!(future.0.load(Ordering::Relaxed), 1);
        drop(READING.take());
    });
}
