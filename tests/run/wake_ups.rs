//! What ends the loop's wait. It waits in one way while the run has sources and in another while it has none.

use std::future::poll_fn;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{run, times};
use nestling::net::TcpListener;
use nestling::{open_nursery, sleep, statistics};

type Order = Box<dyn FnOnce() + Send>;

/// A thread that does what it is told.
struct Other {
    orders: mpsc::Sender<Order>,
    thread: thread::JoinHandle<()>,
}

impl Other {
    fn new() -> Other {
        let (orders, taken) = mpsc::channel::<Order>();
        let thread = thread::spawn(move || taken.into_iter().for_each(|order| order()));
        Other { orders, thread }
    }

    fn does(&self, order: impl FnOnce() + Send + 'static) {
        self.orders.send(Box::new(order)).unwrap();
    }

    /// Has it wake the caller.
    async fn wakes_us(&self) {
        let done = Arc::new(AtomicBool::new(false));
        let mut is_asked = false;
        poll_fn(|cx| {
            if done.load(Ordering::Relaxed) {
                return Poll::Ready(());
            }
            if !is_asked {
                is_asked = true;
                let (done, waker) = (Arc::clone(&done), cx.waker().clone());
                self.does(move || {
                    done.store(true, Ordering::Relaxed);
                    waker.wake();
                });
            }
            Poll::Pending
        })
        .await;
    }

    fn ends(self) {
        drop(self.orders);
        self.thread.join().unwrap();
    }
}

#[test]
fn a_thread_wakes_a_loop_without_sources() {
    let other = Other::new();
    run(async {
        for _ in 0..times(2000, 20) {
            other.wakes_us().await;
        }
        assert_eq!(statistics().io.sources, 0);
    });
    other.ends();
}

#[test]
fn two_threads_wake_a_loop_without_sources_that_also_counts_the_time() {
    let others = [Other::new(), Other::new()];
    run(async {
        open_nursery(async |nursery| {
            for other in &others {
                nursery.start_soon(async move {
                    for _ in 0..times(1000, 10) {
                        other.wakes_us().await;
                    }
                });
            }
            nursery.start_soon(async {
                for micros in 0..times(300, 5) as u64 {
                    let duration = Duration::from_micros(micros);
                    let begin = Instant::now();
                    sleep(duration).await;
                    assert!(begin.elapsed() >= duration);
                }
            });
        })
        .await
        .unwrap();
    });
    others.into_iter().for_each(Other::ends);
}

#[test]
#[cfg_attr(miri, ignore = "it has too few system calls of networks")]
fn threads_and_events_wake_a_loop_whose_sources_come_and_go() {
    let other = Other::new();
    run(async {
        for _ in 0..200 {
            assert_eq!(statistics().io.sources, 0);
            other.wakes_us().await;
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            assert_eq!(statistics().io.sources, 1);
            other.wakes_us().await;
            let address = listener.local_addr().unwrap();
            other.does(move || drop(TcpStream::connect(address).unwrap()));
            let (stream, _) = listener.accept().await.unwrap();
            drop(listener);
            other.wakes_us().await;
            drop(stream);
        }
    });
    other.ends();
}

#[test]
fn without_sources_a_deadline_alone_ends_the_wait() {
    run(async {
        for micros in [1, 10, 100, 1000] {
            let duration = Duration::from_micros(micros);
            let begin = Instant::now();
            sleep(duration).await;
            assert!(begin.elapsed() >= duration, "{duration:?}");
        }
    });
}
