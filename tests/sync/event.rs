//! Events: rule P7, case 148.

use crate::support::{Log, poll_once, run, settle};
use nestling::sync::Event;
use nestling::{CancelScope, checkpoint, open_nursery};

#[test]
fn setting_it_wakes_everybody() {
    let event = Event::new();
    let log = Log::new();
    run(open_nursery(async |nursery| {
        for name in ["a", "b"] {
            let (event, log) = (&event, &log);
            nursery.start_soon(async move {
                event.wait().await;
                log.say(name);
            });
        }
        settle().await;
        assert_eq!(event.statistics().tasks_waiting, 2);
        assert!(!event.is_set());
        event.set();
        event.set();
        assert!(event.is_set() && event.statistics().is_set);
        assert_eq!(event.statistics().tasks_waiting, 0);
        event.wait().await;
        settle().await;
        log.expect(&["a", "b"]);
    }))
    .unwrap();
}

/// Rule P7.
#[test]
fn waiting_for_what_has_happened_is_a_checkpoint() {
    run(async {
        let event = Event::default();
        event.set();
        let scope = CancelScope::new();
        scope.cancel();
        assert!(scope.run(event.wait()).await.is_err());
        let mut rounds = 0;
        let mut turns = 0;
        let mut looping = Box::pin(async {
            for _ in 0..1000 {
                event.wait().await;
                rounds += 1;
            }
        });
        while poll_once(&mut looping).await.is_pending() {
            turns += 1;
            checkpoint().await;
        }
        assert!(turns >= 7, "{turns}");
        drop(looping);
        assert_eq!(rounds, 1000);
    });
}

/// Rule C19.
#[test]
fn what_came_first_counts() {
    let (before, after) = (Event::new(), Event::new());
    let log = Log::new();
    let scopes = [CancelScope::new(), CancelScope::new()];
    run(open_nursery(async |nursery| {
        nursery.start_soon(async { assert!(scopes[0].run(before.wait()).await.is_ok()) });
        nursery.start_soon(async { assert!(scopes[1].run(after.wait()).await.is_err()) });
        settle().await;
        before.set();
        scopes[0].cancel();
        scopes[1].cancel();
        after.set();
        settle().await;
        log.expect(&[]);
    }))
    .unwrap();
}

#[test]
fn one_that_was_passed_over_goes_on_outside() {
    let event = Event::new();
    let scope = CancelScope::new();
    run(open_nursery(async |nursery| {
        let waited = nursery.spawn(async {
            let mut wait = event.wait();
            assert!(scope.run(&mut wait).await.is_err());
            wait.await;
        });
        settle().await;
        scope.cancel();
        event.set();
        waited.await.unwrap();
    }))
    .unwrap();
}

#[test]
fn who_is_dropped_leaves_nothing() {
    run(async {
        let event = Event::new();
        let mut wait = Box::pin(event.wait());
        assert!(poll_once(&mut wait).await.is_pending());
        assert_eq!(event.statistics().tasks_waiting, 1);
        drop(wait);
        assert_eq!(event.statistics().tasks_waiting, 0);
        assert_eq!(
            format!("{event:?}"),
            "Event { is_set: false, tasks_waiting: 0 }"
        );
    });
}
