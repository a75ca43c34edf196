//! Wakers that panic while the thread unwinds already: that must not abort.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use nestling::net::ByteStream;
use nestling::testing::net::{Link, VirtualNet};
use nestling::testing::{MockClock, Sequencer, memory_stream_pair};
use nestling::{Builder, sync, to_thread};

use crate::support::{PanicOnWake, join_all, message_of, poll_once, waker_of};

/// Leaves a waker that panics with whatever `future` waits for.
#[track_caller]
fn park<F: Future>(future: Pin<&mut F>) {
    let waker = waker_of(&Arc::new(PanicOnWake));
    assert!(future.poll(&mut Context::from_waker(&waker)).is_pending());
}

/// The run ends with the panic of `main`, whatever panicked in destructors after that.
#[track_caller]
fn check(main: impl Future<Output = ()>) {
    let message = message_of(|| Builder::new().clock(MockClock::new()).run(main));
    assert_eq!(message, "first");
}

fn first() {
    panic!("first");
}

#[test]
fn of_a_memory_stream() {
    check(async {
        let (one, other) = memory_stream_pair();
        let mut buffer = [0; 4];
        let mut reading = pin!(other.read(&mut buffer));
        park(reading.as_mut());
        let _dropped_first = one;
        first();
    });
}

#[test]
fn of_a_virtual_stream() {
    check(async {
        let net = VirtualNet::new(1);
        let (client, server) = (net.host("client"), net.host("server"));
        net.link(&client, &server, Link::new().latency(Duration::ZERO));
        let listener = server.bind(("0.0.0.0", 80)).await.unwrap();
        let both = [true, false].map(|calls| {
            let (client, server, listener) = (&client, &server, &listener);
            async move {
                match calls {
                    true => client.connect((server.ip(), 80)).await.unwrap(),
                    false => listener.accept().await.unwrap().0,
                }
            }
        });
        let mut ends = join_all(both).await;
        let (one, other) = (ends.pop().unwrap(), ends.pop().unwrap());
        let mut buffer = [0; 4];
        let mut reading = pin!(other.read(&mut buffer));
        park(reading.as_mut());
        let _dropped_first = one;
        first();
    });
}

#[test]
fn of_a_sequencer() {
    check(async {
        let order = Sequencer::new();
        let turn = order.at(0).await;
        let mut next = pin!(order.at(1));
        park(next.as_mut());
        let _dropped_first = turn;
        first();
    });
    check(async {
        let order = Sequencer::new();
        let (mut one, mut two) = (pin!(order.at(1)), pin!(order.at(2)));
        park(one.as_mut());
        park(two.as_mut());
        first();
    });
}

#[test]
fn of_a_limiter_of_threads() {
    check(async {
        let limiter = to_thread::Limiter::new(1);
        let call = to_thread::with().limiter(&limiter);
        let (go, gone) = std::sync::mpsc::channel::<()>();
        let mut working = Box::pin(call.clone().run_sync(move || gone.recv().is_err()));
        assert!(poll_once(&mut working).await.is_pending());
        let mut waiting = Box::pin(call.run_sync(|| ()));
        park(waiting.as_mut());
        drop(go);
        // Until the thread has told that it is done; should it need longer, the test sees less.
        std::thread::sleep(Duration::from_millis(20));
        let _dropped_first = working;
        first();
    });
}

#[test]
fn of_a_lock() {
    check(async {
        let lock = sync::Lock::unowned(());
        let guard = lock.acquire().await;
        let mut waiting = lock.acquire();
        park(Pin::new(&mut waiting));
        let _dropped_first = guard;
        first();
    });
}
