//! What memory streams do beside what all streams do.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io::ErrorKind;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use nestling::net::{ByteStream, Error};
use nestling::testing::{
    MemoryStream, lockstep_stream_pair, memory_stream_pair, memory_stream_pair_with_capacity,
};
use nestling::{BoxError, open_nursery, shield, sleep};

use crate::support::{catch, poll_once, run, run_virtual, run_with, settle};

async fn all(stream: &MemoryStream) -> Vec<u8> {
    let mut all = Vec::new();
    let mut buffer = [0; 64];
    loop {
        match stream.read(&mut buffer).await.unwrap() {
            0 => return all,
            count => all.extend_from_slice(&buffer[..count]),
        }
    }
}

#[test]
fn a_stream_without_a_limit_takes_everything_at_once() {
    run(async {
        let (one, two) = memory_stream_pair();
        let bytes = vec![7; 1 << 20];
        assert_eq!(one.write(&bytes).await.unwrap(), bytes.len());
        assert_eq!(one.statistics().in_flight, bytes.len());
        assert_eq!(two.statistics().unread, bytes.len());
        assert_eq!(two.statistics().in_flight, 0);
    });
}

#[test]
fn a_limited_stream_takes_what_there_is_room_for_and_waits_then() {
    run(async {
        let (one, two) = memory_stream_pair_with_capacity(3);
        assert_eq!(one.statistics().capacity, 3);
        assert_eq!(one.write(b"hello").await.unwrap(), 3);
        let mut write = Box::pin(one.write(b"lo"));
        assert!(poll_once(&mut write).await.is_pending());
        assert!(one.statistics().writing);
        let mut buffer = [0; 2];
        assert_eq!(two.read(&mut buffer).await.unwrap(), 2);
        assert_eq!(write.await.unwrap(), 2, "two bytes have room now");
        assert!(!one.statistics().writing);
        // The other direction is not full.
        two.write_all(b"abc").await.unwrap();
    });
}

#[test]
fn without_a_buffer_a_write_gives_no_more_than_a_read_has_asked_for() {
    run(async {
        let (one, two) = lockstep_stream_pair();
        let mut write = Box::pin(one.write(b"hello"));
        assert!(poll_once(&mut write).await.is_pending());
        let mut buffer = [0; 3];
        let mut read = Box::pin(two.read(&mut buffer));
        assert!(poll_once(&mut read).await.is_pending());
        assert!(two.statistics().reading);
        assert_eq!(write.await.unwrap(), 3);
        assert_eq!(read.await.unwrap(), 3);
        assert_eq!(&buffer, b"hel");
    });
}

#[test]
fn without_a_buffer_what_was_put_down_for_a_reader_waits_for_the_next_one() {
    run(async {
        let (one, two) = lockstep_stream_pair();
        let mut buffer = [0; 3];
        let mut read = Box::pin(two.read(&mut buffer));
        assert!(poll_once(&mut read).await.is_pending());
        assert_eq!(one.write(b"hello").await.unwrap(), 3);
        drop(read);
        let mut write = Box::pin(one.write(b"lo"));
        assert!(poll_once(&mut write).await.is_pending(), "nobody reads");
        assert_eq!(two.read(&mut buffer).await.unwrap(), 3);
        assert_eq!(&buffer, b"hel");
        assert!(poll_once(&mut write).await.is_pending(), "nobody reads");
    });
}

#[test]
fn an_aborted_connection_is_broken_on_both_sides() {
    run(async {
        let (one, two) = memory_stream_pair_with_capacity(3);
        two.write_all(b"abc").await.unwrap();
        one.write_all(b"xy").await.unwrap();
        let mut write = Box::pin(two.write(b"d"));
        assert!(poll_once(&mut write).await.is_pending());
        one.abort();
        assert!(write.await.unwrap_err().is_broken(), "what waits fails");
        // What had come in before is read first.
        let mut buffer = [0; 8];
        assert_eq!(two.read(&mut buffer).await.unwrap(), 2);
        for stream in [&one, &two] {
            for _ in 0..2 {
                assert!(stream.read(&mut buffer).await.unwrap_err().is_broken());
                assert!(stream.write(b"x").await.unwrap_err().is_broken());
                assert!(stream.send_eof().await.unwrap_err().is_broken());
            }
        }
        drop(one);
        assert!(two.read(&mut buffer).await.unwrap_err().is_broken());
    });
}

#[test]
fn an_abort_wakes_the_reader_of_each_side() {
    run(async {
        let (one, two) = memory_stream_pair();
        open_nursery(async |nursery| {
            for stream in [&one, &two] {
                nursery.start_soon(async {
                    let read = stream.read(&mut [0; 8]).await;
                    assert!(read.unwrap_err().is_broken());
                });
            }
            settle().await;
            two.abort();
        })
        .await
        .unwrap();
    });
}

#[test]
fn hooks_delay_and_replace_operations() {
    let clock = nestling::testing::MockClock::new();
    let builder = nestling::Builder::new().clock(clock.clone());
    run_with(builder, async {
        let (one, two) = memory_stream_pair();
        two.before_read(async || {
            sleep(Duration::from_secs(3)).await;
            Ok(())
        });
        let left = Cell::new(2);
        one.before_write(async move |bytes| {
            assert!(bytes == b"hello" || bytes == b"again");
            left.set(left.get() - 1);
            match left.get() {
                0 => Err(Error::writing("a bad line", ErrorKind::TimedOut)),
                _ => Ok(()),
            }
        });
        one.write_all(b"hello").await.unwrap();
        let error = one.write_all(b"again").await.unwrap_err();
        assert_eq!(error.to_string(), "write to a bad line: timed out");
        drop(one);
        assert_eq!(all(&two).await, b"hello");
        assert_eq!(clock.elapsed(), Duration::from_secs(6), "two reads");
    });
}

#[test]
fn a_direction_is_busy_while_its_hook_waits() {
    run_virtual(async {
        let (one, _two) = memory_stream_pair();
        one.before_write(async |_| {
            sleep(Duration::from_secs(3)).await;
            Ok(())
        });
        let mut write = Box::pin(one.write(b"x"));
        assert!(poll_once(&mut write).await.is_pending());
        assert!(one.write(b"y").await.unwrap_err().is_busy());
        drop(write);
        assert_eq!(one.statistics().in_flight, 0);
        one.before_write(async |_| Ok(()));
        one.write_all(b"z").await.unwrap();
    });
}

#[test]
fn a_hook_may_set_hooks() {
    run(async {
        let (one, two) = memory_stream_pair();
        let one = Rc::new(one);
        let weak = Rc::downgrade(&one);
        one.before_write(async move |_| {
            let one = weak.upgrade().unwrap();
            one.before_write(async |_| Err(Error::closed("it")));
            Ok(())
        });
        one.write_all(b"x").await.unwrap();
        assert!(one.write_all(b"x").await.unwrap_err().is_closed());
        drop(one);
        assert_eq!(all(&two).await, b"x");
    });
}

#[test]
fn the_close_hook_runs_once() {
    let closed = Rc::new(Cell::new(0));
    let counts = |stream: &MemoryStream| {
        let closed = Rc::clone(&closed);
        stream.on_close(move || closed.set(closed.get() + 1));
    };
    let (one, two) = memory_stream_pair();
    counts(&one);
    counts(&two);
    one.abort();
    assert_eq!(closed.get(), 1);
    drop(one);
    assert_eq!(closed.get(), 1);
    drop(two);
    assert_eq!(closed.get(), 2);
}

/// Polls once, with a waker that does nothing, inside or outside a run.
fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn it_works_outside_a_run() {
    let (one, two) = memory_stream_pair();
    let mut buffer = [0; 8];
    let mut read = Box::pin(two.read(&mut buffer));
    assert!(poll(&mut read).is_pending());
    assert!(poll(&mut read).is_pending());
    let Poll::Ready(written) = poll(&mut Box::pin(one.write(b"abc"))) else {
        panic!("there is room");
    };
    assert_eq!(written.unwrap(), 3);
    assert!(matches!(poll(&mut read), Poll::Ready(Ok(3))));
}

#[test]
fn a_panic_in_a_hook_leaves_the_stream_usable() {
    run(async {
        let (one, two) = memory_stream_pair();
        one.before_write(async |_| panic!("in the hook"));
        let mut write = Box::pin(one.write(b"x"));
        drop(catch(|| poll(&mut write)));
        drop(write);
        one.before_write(async |_| Ok(()));
        one.write_all(b"y").await.unwrap();
        one.send_eof().await.unwrap();
        assert_eq!(all(&two).await, b"y");
    });
}

thread_local! {
    static ABORTED_BY_WAKER: RefCell<Option<Rc<MemoryStream>>> = const { RefCell::new(None) };
}

/// Uses the very stream that wakes it.
struct Reenters;

impl Wake for Reenters {
    fn wake(self: Arc<Self>) {
        if let Some(stream) = ABORTED_BY_WAKER.take() {
            assert!(matches!(
                poll(&mut Box::pin(stream.write(b"z"))),
                Poll::Ready(Err(error)) if error.is_busy()
            ));
            stream.abort();
        }
    }
}

#[test]
fn a_waker_may_use_the_stream_that_wakes_it() {
    let waker = Waker::from(Arc::new(Reenters));
    let mut cx = Context::from_waker(&waker);
    for (one, two) in [memory_stream_pair(), lockstep_stream_pair()] {
        let two = Rc::new(two);
        let mut buffer = [0; 8];
        let mut read = Box::pin(one.read(&mut buffer));
        assert!(read.as_mut().poll(&mut cx).is_pending());
        ABORTED_BY_WAKER.set(Some(Rc::clone(&two)));
        assert!(matches!(
            poll(&mut Box::pin(two.write(b"y"))),
            Poll::Ready(Ok(1))
        ));
        assert!(matches!(read.as_mut().poll(&mut cx), Poll::Ready(Ok(1))));
        drop(read);
        assert_eq!(&buffer[..1], b"y");
        let mut late = Box::pin(one.read(&mut buffer));
        let Poll::Ready(Err(error)) = poll(&mut late) else {
            panic!("it was aborted");
        };
        assert!(error.is_broken());
    }
}

#[test]
fn its_clean_up_may_still_use_it() {
    run(async {
        let (one, two) = memory_stream_pair();
        open_nursery(async |nursery| {
            nursery.start_soon(async {
                let bye = nestling::on_cancel(std::future::pending::<()>(), async || {
                    shield(one.write_all(b"bye")).await
                });
                bye.await;
            });
            settle().await;
            nursery.cancel();
            Ok::<_, BoxError>(())
        })
        .await
        .unwrap();
        drop(one);
        assert_eq!(all(&two).await, b"bye");
    });
}

#[test]
fn its_text_shows_its_state() {
    let (one, _two) = memory_stream_pair_with_capacity(5);
    let text = format!("{one:?}");
    assert!(text.starts_with("MemoryStream { statistics: "), "{text}");
    assert!(text.contains("capacity: 5"), "{text}");
}
