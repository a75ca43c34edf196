//! Calls into threads, and from there.

use nestling::testing::CancelEverywhere;
use nestling::{Builder, from_thread, to_thread};

use super::*;
use crate::probe::{Time, everywhere_in};
use crate::support::LeakCheck;

#[test]
fn calls() {
    everywhere_in(Time::Real, async |probe| {
        let _guard = probe.guard();
        probe.at(to_thread::run_sync(|| ())).await.unwrap();
        let abandoned = to_thread::with().abandon_on_cancel().run_sync(|| ());
        probe.at(abandoned).await.unwrap();
        probe.at(shield(to_thread::run_sync(|| ()))).await.unwrap();
        move_on_after(HOUR, probe.at(to_thread::run_sync(|| ())))
            .await
            .unwrap()
            .unwrap();
    });
}

#[test]
fn calls_that_wait_for_a_place() {
    everywhere_in(Time::Real, async |probe| {
        let limiter = to_thread::Limiter::new(1);
        let calls = (0..3).map(|_| {
            let call = to_thread::with().limiter(&limiter);
            probe.at(call.run_sync(|| ()))
        });
        for result in join_all(calls).await {
            result.unwrap();
        }
        assert_eq!(limiter.statistics().working, 0);
    });
}

#[test]
fn visits() {
    let _leaks = LeakCheck::begin();
    // Not made to panic: what panics in the visit of a thread that nobody waits for ends there.
    let stopped = CancelEverywhere::new().builder(Builder::new).drop_too();
    stopped.run(async || {
        // Cut off or not, the thread comes to its end.
        let work = || {
            from_thread::run_sync(|| ()).ok();
            from_thread::run(async || checkpoint().await).ok();
            from_thread::run(async || on_cancel(sleep(TICK), checkpoint).await).ok();
            from_thread::run(async || to_thread::run_sync(|| ()).await.is_ok()).ok();
            to_thread::check_cancelled().ok()
        };
        to_thread::run_sync(work).await.unwrap();
        let call = to_thread::with().abandon_on_cancel();
        call.run_sync(work).await.unwrap();
        checkpoint().await;
    });
}
