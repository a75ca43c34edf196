//! Wakers that panic or call back in, and uses at odd times.

use super::*;

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use support::{Flag, PanicOnWake, waker_of};

/// A pair of streams of one host, between which bytes move at once.
async fn pair_at_once() -> (VirtualNet, VirtualStream, VirtualStream) {
    let net = VirtualNet::new(1);
    let host = net.host("host");
    let listener = host.bind("127.0.0.1:80").await.unwrap();
    let one = host.connect("127.0.0.1:80").await.unwrap();
    let other = listener.accept().await.unwrap().0;
    (net, one, other)
}

#[test]
fn a_waker_that_panics_takes_nothing_from_others() {
    run_virtual(async {
        let (net, one, other) = pair_at_once().await;
        let flag = Flag::new();
        let (mut first, mut second) = ([0; 8], [0; 8]);
        let panics = Waker::from(Arc::new(PanicOnWake));
        let mut reading = pin!(one.read(&mut first));
        let mut also = pin!(other.read(&mut second));
        assert!(
            reading
                .as_mut()
                .poll(&mut Context::from_waker(&panics))
                .is_pending()
        );
        assert!(
            also.as_mut()
                .poll(&mut Context::from_waker(&waker_of(&flag)))
                .is_pending()
        );
        let reset = catch_unwind(AssertUnwindSafe(|| net.reset_all()));
        assert!(reset.is_err());
        assert_eq!(flag.count(), 1);
        assert!(reading.await.unwrap_err().is_broken());
        assert!(also.await.unwrap_err().is_broken());
    });
}

thread_local! {
    static HELD: RefCell<Option<(VirtualNet, VirtualStream)>> = const { RefCell::new(None) };
}

/// Uses the network and drops a stream when it is woken.
struct CallsBack;

impl Wake for CallsBack {
    fn wake(self: Arc<Self>) {
        if let Some((net, stream)) = HELD.take() {
            net.host("another");
            drop(stream);
            net.reset_all();
        }
    }
}

#[test]
fn a_waker_may_use_the_network() {
    run_virtual(async {
        let Pair {
            net,
            client,
            one,
            other,
            ..
        } = &pair().await;
        HELD.set(Some((
            net.clone(),
            client.connect("server:80").await.unwrap(),
        )));
        let mut buffer = [0; 8];
        let waker = Waker::from(Arc::new(CallsBack));
        let mut reading = pin!(other.read(&mut buffer));
        let mut cx = Context::from_waker(&waker);
        assert!(reading.as_mut().poll(&mut cx).is_pending());
        one.write_all(b"abc").await.unwrap();
        sleep(SECOND).await; // the timer delivers the bytes
        assert!(HELD.take().is_none());
        assert_eq!(reading.await.unwrap(), 3);
        assert!(other.read(&mut [0; 8]).await.unwrap_err().is_broken());
        assert_eq!(net.statistics().hosts, 3);
    });
}

#[test]
fn only_the_last_waker_is_woken() {
    run_virtual(async {
        let (_net, one, other) = pair_at_once().await;
        let (early, late) = (Flag::new(), Flag::new());
        let mut buffer = [0; 8];
        let mut reading = pin!(other.read(&mut buffer));
        for flag in [&early, &late, &late] {
            let waker = waker_of(flag);
            assert!(
                reading
                    .as_mut()
                    .poll(&mut Context::from_waker(&waker))
                    .is_pending()
            );
        }
        one.write(b"abc").await.unwrap();
        one.write(b"def").await.unwrap();
        assert_eq!((early.count(), late.count()), (0, 1));
        assert_eq!(reading.await.unwrap(), 6);
        // No waker is left behind, whether a wait has ended or was dropped.
        assert_eq!(Arc::strong_count(&early), 1);
        assert_eq!(Arc::strong_count(&late), 1);
    });
}

#[test]
fn a_wait_that_is_dropped_leaves_no_waker() {
    run_virtual(async {
        let Pair {
            client,
            server,
            listener,
            one,
            ..
        } = &pair().await;
        server.unplug();
        let flag = Flag::new();
        let waker = waker_of(&flag);
        let mut cx = Context::from_waker(&waker);
        let mut buffer = [0; 8];
        let large = vec![0; 1 << 20];
        {
            assert!(pin!(one.read(&mut buffer)).poll(&mut cx).is_pending());
            assert!(pin!(one.write_all(&large)).poll(&mut cx).is_pending());
            assert!(pin!(listener.accept()).poll(&mut cx).is_pending());
            assert!(pin!(client.connect("server:80")).poll(&mut cx).is_pending());
        }
        assert_eq!(Arc::strong_count(&flag), 2, "this one and `waker`");
        assert_eq!(flag.count(), 0);
    });
}

#[test]
fn each_wait_survives_being_cut_off_at_any_poll() {
    // Cut off after so many turns of a conversation, at every one of its awaits.
    for turns in 0..times(200, 20) {
        run_virtual(async {
            let link = Link::new()
                .latency(Duration::ZERO)
                .pieces(1..=3)
                .receive_buffer(4)
                .send_buffer(4);
            let net = VirtualNet::builder(turns as u64).link(link).build();
            let (client, server) = (net.host("client"), net.host("server"));
            let listener = server.bind("0.0.0.0:80").await.unwrap();
            let ended = open_nursery(async |nursery| {
                nursery.start_soon(async {
                    let (stream, _) = listener.accept().await?;
                    let question = read_to_end(&stream).await?;
                    stream.write_all(&question).await
                });
                nursery.start_soon(async {
                    let stream = client.connect("server:80").await?;
                    stream.write_all(b"a question").await?;
                    stream.send_eof().await?;
                    read_to_end(&stream).await.map(drop)
                });
                support::yield_n(turns).await;
                nursery.cancel();
                ok(())
            });
            ended.await.unwrap();
            drop(listener);
            sleep(SECOND).await;
            let statistics = net.statistics();
            assert_eq!(
                (statistics.remembered, statistics.bytes_in_transit),
                (0, 0),
                "{turns}"
            );
        });
    }
}

#[test]
fn a_network_goes_on_in_another_run() {
    let virtual_time = || nestling::Builder::new().clock(MockClock::new());
    let left = virtual_time().run(async {
        let pair = pair().await;
        pair.one.write_all(b"abc").await.unwrap();
        sleep(SECOND / 2000).await;
        pair
    });
    virtual_time().run(async move {
        left.other.read_exact(&mut [0; 3]).await.unwrap();
        left.client.connect("server:80").await.unwrap();
    });
}

#[test]
fn it_works_in_real_time_too() {
    support::run(async {
        let Pair { one, other, .. } = pair().await;
        one.write_all(b"abc").await.unwrap();
        let (read, time) = timed(other.read(&mut [0; 8])).await;
        assert_eq!(read.unwrap(), 3);
        assert!(time >= MILLI);
    });
}
