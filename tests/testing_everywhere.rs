//! `cancel_everywhere`: each kind of leak is found, each step is come to, and what is said leads back.

#[path = "everywhere/probe.rs"]
mod probe;
mod support;

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::io::{Read, Write};
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use nestling::io::Io;
use nestling::net::{TcpListener, TcpStream};
use nestling::testing::{
    CancelEverywhere, Disturbance, Held, MockClock, Proceed, assert_checkpoints,
    assert_no_checkpoints, cancel_everywhere, each_step, outstanding,
};
use nestling::{
    BoxError, Builder, CancelScope, Nursery, catch_cancel, checkpoint, move_on_after, on_cancel,
    open_nursery, poll_proceed, run, shield, sleep, sleep_forever,
};

use support::{boom, leak, message_of, poll_once};

const TICK: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);

/// What `settings` says about `program`.
fn said<R: nestling::Outcome>(
    settings: CancelEverywhere<'_>,
    program: impl AsyncFn() -> R,
) -> String {
    message_of(|| settings.run(program))
}

fn all<'a>() -> CancelEverywhere<'a> {
    CancelEverywhere::new().drop_too().panic_too()
}

/// Keeps what `future` has after its first poll for ever.
async fn forget<F: Future>(future: F) {
    let mut forgotten = Box::pin(future);
    assert!(poll_once(&mut forgotten).await.is_pending());
    leak(forgotten);
}

#[test]
fn a_program_is_run_once_for_each_of_its_steps() {
    let runs = Cell::new(0);
    let coverage = cancel_everywhere(async || {
        runs.set(runs.get() + 1);
        checkpoint().await;
        checkpoint().await;
    });
    // Three polls, and the two checkpoints at the end of the first and the second.
    assert_eq!(coverage.steps(), 5);
    assert_eq!((coverage.runs(), runs.get()), (6, 6));
}

#[test]
fn every_task_and_every_checkpoint_counts() {
    let coverage = cancel_everywhere(async || {
        open_nursery(async |nursery| {
            nursery.start_soon(async {
                for _ in 0..3 {
                    poll_fn(poll_proceed).await;
                }
            });
        })
        .await
    });
    // The program twice, the body, the child, and what that passes.
    assert_eq!(coverage.steps(), 2 + 1 + 1 + 3);
}

#[test]
fn each_step_is_where_the_program_is_cut_off() {
    let came = RefCell::new(Vec::new());
    let program = async || {
        came.borrow_mut().push(0);
        for number in 1..4 {
            poll_fn(poll_proceed).await;
            let last = came.borrow_mut().pop();
            assert_eq!(last, Some(number - 1));
            came.borrow_mut().push(number);
        }
    };
    cancel_everywhere(program);
    // Undisturbed; cancelled before the poll, and at each of its three checkpoints.
    assert_eq!(came.take(), [3, 0, 0, 1, 2]);
}

#[test]
fn a_program_that_cleans_up_passes() {
    let coverage = all().run(async || {
        open_nursery(async |nursery| {
            let _held = Held::new();
            nursery.start_soon(on_cancel(sleep(HOUR), async || sleep(TICK).await));
            nursery.start_soon(shield(sleep(2 * TICK)));
            nursery.start_soon(async {
                move_on_after(TICK, sleep_forever()).await;
            });
            catch_cancel(sleep(TICK)).await.ok();
            nursery.cancel();
        })
        .await
        .ok();
    });
    assert!(coverage.runs() > 4 * coverage.steps(), "{coverage:?}");
}

#[test]
fn a_forgotten_frame_is_found() {
    let text = said(CancelEverywhere::new(), async || {
        forget(move_on_after(HOUR, pending::<()>())).await;
    });
    assert!(text.starts_with("left alone, the program left"), "{text}");
    assert!(text.contains("1 × frame"), "{text}");
    // The tree shows which.
    assert!(
        text.contains("scope (tests/testing_everywhere.rs:"),
        "{text}"
    );
}

#[test]
fn a_forgotten_timer_is_found() {
    let text = said(CancelEverywhere::new(), async || forget(sleep(HOUR)).await);
    assert!(text.contains("1 × timer"), "{text}");
    assert!(!text.contains("× frame"), "{text}");
}

/// A source that somebody outside the program keeps.
#[cfg(not(miri))]
#[test]
fn a_forgotten_source_is_found() {
    let kept = RefCell::new(Vec::new());
    let text = said(CancelEverywhere::new(), async || {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        kept.borrow_mut().push(listener);
        Ok::<_, BoxError>(())
    });
    assert!(text.contains("1 × source"), "{text}");
    kept.take();
}

#[cfg(all(target_os = "linux", not(miri)))]
#[test]
fn a_forgotten_descriptor_is_found() {
    let kept = RefCell::new(Vec::new());
    // The leak check has the other tests wait.
    let text = said(CancelEverywhere::new().exclusive(), async || {
        kept.borrow_mut()
            .push(std::net::UdpSocket::bind("127.0.0.1:0"));
    });
    assert!(text.contains("descriptor "), "{text}");
    assert!(text.contains("socket:["), "{text}");
}

#[cfg(all(target_os = "linux", not(miri)))]
#[test]
fn a_forgotten_thread_is_found() {
    let ends = RefCell::new(Vec::new());
    let threads = RefCell::new(Vec::new());
    let text = said(CancelEverywhere::new().exclusive(), async || {
        let (end, ended) = std::sync::mpsc::channel::<()>();
        ends.borrow_mut().push(end);
        let wait = move || assert!(ended.recv().is_err());
        let thread = std::thread::Builder::new().name("forgotten".to_owned());
        threads.borrow_mut().push(thread.spawn(wait));
        checkpoint().await;
    });
    drop(ends);
    for thread in threads.take() {
        thread.unwrap().join().unwrap();
    }
    assert!(text.contains("`forgotten`"), "{text}");
}

#[test]
fn a_forgotten_permit_is_found() {
    let text = said(CancelEverywhere::new(), async || {
        let held = Held::new();
        forget(async move {
            let _held = held;
            pending::<()>().await;
        })
        .await;
    });
    assert!(text.contains("1 × permit or guard"), "{text}");
}

/// It is given back in the end, but not if the program is cut off in between.
#[test]
fn a_permit_that_is_lost_at_one_step_is_found_there() {
    let program = async || {
        checkpoint().await;
        let held = Rc::new(Held::new());
        // A cycle that only the last line opens.
        let cycle = Rc::new(RefCell::new(None));
        *cycle.borrow_mut() = Some((Rc::clone(&cycle) as Rc<dyn std::any::Any>, held));
        let opened = || drop(cycle.take());
        checkpoint().await;
        opened();
    };
    let before = outstanding();
    let text = message_of(|| cancel_everywhere(program));
    assert!(outstanding() > before);
    assert!(
        text.starts_with("cancelled at step 3 of 5, the program left"),
        "{text}"
    );
    assert!(
        text.contains("\nstep 3 is a checkpoint in the program itself"),
        "{text}"
    );
    assert!(text.contains(".only([Disturbance::Cancel(3)])"), "{text}");
    let replayed = CancelEverywhere::new().only([Disturbance::Cancel(3)]);
    assert_eq!(message_of(|| replayed.run(program)), text);
    let coverage = CancelEverywhere::new()
        .only([Disturbance::Cancel(1)])
        .run(program);
    assert_eq!((coverage.steps(), coverage.runs()), (5, 2));
}

#[test]
fn what_is_wrong_by_the_users_word_is_found() {
    let open = Cell::new(0);
    let settings = CancelEverywhere::new().check(|| assert_eq!(open.replace(0), 0, "open doors"));
    let text = said(settings, async || {
        open.set(open.get() + 1);
        sleep(TICK).await;
        open.set(open.get() - 1);
    });
    assert!(text.starts_with("cancelled at step 0 of"), "{text}");
    assert!(text.contains("open doors"), "{text}");
}

#[test]
fn a_swallowed_panic_is_found() {
    let program = async || {
        let mut future = pin!(checkpoint());
        poll_fn(|cx| {
            let poll = AssertUnwindSafe(|| future.as_mut().poll(cx));
            std::panic::catch_unwind(poll).unwrap_or(Poll::Ready(()))
        })
        .await;
    };
    let text = said(CancelEverywhere::new().panic_too(), program);
    assert!(text.starts_with("made to panic at step 1 of 3"), "{text}");
    assert!(text.contains("swallowed the panic"), "{text}");
    cancel_everywhere(program);
}

#[test]
fn a_program_that_does_not_end_is_found() {
    // Cancelled, it goes on in its shield.
    let program = async || {
        shield(async {
            checkpoint().await;
            while nestling::current_cancellation().is_some() {
                checkpoint().await;
            }
        })
        .await;
    };
    let stubborn = async || {
        let cancelled = Cell::new(false);
        on_cancel(checkpoint(), async || {
            cancelled.set(true);
            loop {
                checkpoint().await;
            }
        })
        .await;
    };
    cancel_everywhere(program);
    let text = said(CancelEverywhere::new().steps_max(500), stubborn);
    assert!(text.starts_with("cancelled at step "), "{text}");
    assert!(
        text.contains("does not come to an end within 500 steps"),
        "{text}"
    );
}

#[test]
fn a_program_that_waits_for_ever_is_found() {
    let text = said(CancelEverywhere::new(), async || {
        on_cancel(checkpoint(), sleep_forever).await;
    });
    assert!(text.starts_with("cancelled at step "), "{text}");
    assert!(text.contains("deadlock"), "{text}");
    assert!(text.contains("waits for ever"), "{text}");
}

#[test]
fn a_program_that_fails_by_itself_is_refused() {
    let text = said(CancelEverywhere::new(), async || {
        checkpoint().await;
        boom::<()>("no wonder")
    });
    assert_eq!(text, "left alone, the program failed: no wonder");
}

/// What it returns when it was disturbed is its own affair.
#[test]
fn a_program_that_fails_when_cancelled_passes() {
    all().run(async || {
        let result = catch_cancel(sleep(TICK)).await;
        result.map_err(|_| support::Boom("cancelled"))
    });
}

#[test]
fn a_panic_of_the_programs_own_is_told() {
    let text = said(CancelEverywhere::new(), async || {
        let caught = catch_cancel(sleep(TICK)).await;
        assert!(caught.is_ok(), "it relies on not being cancelled");
    });
    assert!(text.starts_with("cancelled at step "), "{text}");
    assert!(
        text.contains("panicked: it relies on not being cancelled"),
        "{text}"
    );
}

#[test]
fn a_destructor_that_panics_is_told() {
    let text = said(CancelEverywhere::new().drop_too(), async || {
        let _on_drop = support::on_drop(|| panic!("never drop me"));
        checkpoint().await;
    });
    assert!(text.contains("never drop me"), "{text}");
}

#[test]
fn a_failure_names_the_task_and_what_it_waited_for() {
    let text = said(CancelEverywhere::new().panic_too(), async || {
        open_nursery(async |nursery| {
            nursery.task().name("doorman").start_soon(async {
                let mut future = pin!(sleep(HOUR));
                poll_fn(|cx| {
                    let poll = AssertUnwindSafe(|| future.as_mut().poll(cx));
                    std::panic::catch_unwind(poll).unwrap_or(Poll::Ready(()))
                })
                .await;
            });
        })
        .await
    });
    assert!(
        text.contains("a checkpoint in task `doorman` (tests/testing_everywhere.rs:"),
        "{text}"
    );
    let settings = CancelEverywhere::new().only([Disturbance::Cancel(9)]);
    let text = said(settings, async || {
        let has_key = Cell::new(false);
        open_nursery(async |nursery| {
            nursery.task().name("doorman").start_soon(async {
                let _on_drop = support::on_drop(|| assert!(!has_key.get(), "he has a key"));
                sleep(TICK).await;
                has_key.set(true);
                sleep(TICK).await;
                has_key.set(false);
            });
        })
        .await
    });
    assert!(text.contains("he has a key"), "{text}");
    assert!(
        text.contains("is a poll of task `doorman` (tests/"),
        "{text}"
    );
    assert!(text.contains(", which waited for"), "{text}");
}

/// The lines of the program that lead to the checkpoint, where there is debug information.
#[cfg(all(target_os = "linux", debug_assertions, not(miri)))]
#[test]
fn a_failure_names_the_line_of_the_checkpoint() {
    let line = Cell::new(0);
    let settings = CancelEverywhere::new()
        .check(|| panic!("found"))
        .only([Disturbance::Cancel(1)]);
    let text = said(settings, async || {
        line.set(line!() + 1);
        checkpoint().await;
    });
    let site = format!("at tests/testing_everywhere.rs:{}:", line.get());
    assert!(text.contains(&site), "{text}");
}

#[test]
fn what_unwinds_is_disturbed_too() {
    let program = async || {
        on_cancel(sleep(HOUR), async || {
            let mut future = pin!(sleep(TICK));
            poll_fn(|cx| {
                let poll = AssertUnwindSafe(|| future.as_mut().poll(cx));
                std::panic::catch_unwind(poll).unwrap_or(Poll::Ready(()))
            })
            .await;
        })
        .await;
    };
    let text = said(CancelEverywhere::new().panic_too(), program);
    assert!(text.starts_with("cancelled at step "), "{text}");
    assert!(text.contains(" and made to panic at step "), "{text}");
    assert!(text.contains(".only([Disturbance::Cancel("), "{text}");
    assert!(text.contains(", Disturbance::Panic("), "{text}");
    CancelEverywhere::new()
        .panic_too()
        .pairs_max(0)
        .run(program);
}

#[test]
fn the_number_of_pairs_is_limited() {
    let program = async || {
        open_nursery(async |nursery| {
            for _ in 0..5 {
                nursery.start_soon(on_cancel(sleep(TICK), async || sleep(TICK).await));
            }
        })
        .await
        .ok();
    };
    let none = all().pairs_max(0).run(program);
    let some = all().pairs_max(20).seed(3).run(program);
    let every = all().pairs_max(usize::MAX).run(program);
    assert_eq!(some.runs(), none.runs() + 20);
    assert!(every.runs() > some.runs());
}

#[test]
fn a_program_is_dropped_in_each_of_its_turns() {
    let polls = RefCell::new(Vec::new());
    CancelEverywhere::new()
        .drop_too()
        .pairs_max(0)
        .run(async || {
            polls.borrow_mut().push(0);
            let count = async {
                for _ in 0..3 {
                    checkpoint().await;
                    *polls.borrow_mut().last_mut().expect("pushed above") += 1;
                }
            };
            count.await;
        });
    let polls = polls.take();
    // Alone; cancelled at the 4 polls and 3 checkpoints; dropped after each poll and each checkpoint, but
    // for the last poll, which is the program's end.
    assert_eq!(polls, [3, 0, 0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2, 3]);
}

#[test]
fn the_budget_is_what_it_is_elsewhere() {
    let yields = async || {
        let mut yields = 0;
        for _ in 0..1000 {
            poll_fn(|cx| {
                let poll = poll_proceed(cx);
                yields += u32::from(poll.is_pending());
                poll
            })
            .await;
        }
        yields
    };
    let alone = run(yields());
    assert_eq!(alone, 1000 / 128);
    let checked = async || assert_eq!(yields().await, alone);
    let coverage = CancelEverywhere::new().only([]).run(checked);
    assert_eq!(coverage.steps(), 1000 + alone as usize + 1);
    // And in a task.
    CancelEverywhere::new().only([]).run(async || {
        open_nursery(async |nursery| {
            nursery.start_soon(checked());
            checked().await;
        })
        .await
    });
}

#[test]
fn checkpoints_are_told_from_others_while_steps_are_counted() {
    cancel_everywhere(async || {
        assert_checkpoints(poll_fn(poll_proceed)).await;
        assert_no_checkpoints(async { 5 }).await;
    });
}

#[test]
fn the_order_of_a_seed_is_kept() {
    let orders = RefCell::new(Vec::new());
    let program = async || {
        let order = RefCell::new(Vec::new());
        open_nursery(async |nursery| {
            for number in 0..8 {
                let order = &order;
                nursery.start_soon(async move { order.borrow_mut().push(number) });
            }
        })
        .await
        .ok();
        orders.borrow_mut().push(order.take());
    };
    CancelEverywhere::new().seed(5).only([]).run(program);
    CancelEverywhere::new().only([]).run(program);
    let orders = orders.take();
    assert_eq!(orders[0], orders[1]);
    assert_ne!(orders[1], orders[2]);
    assert_eq!(orders[3], (0..8).collect::<Vec<_>>());
}

#[cfg(not(miri))]
#[test]
fn sockets_work_in_it() {
    let coverage = all().pairs_max(200).run(async || {
        let outcome = open_nursery(async |nursery: &Nursery<'_, '_>| {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            let address = listener.local_addr()?;
            nursery.start_soon(async move {
                let (stream, _) = listener.accept().await?;
                stream.write_all(b"hello").await
            });
            let stream = TcpStream::connect(address).await?;
            let mut greeting = [0; 5];
            stream.read_exact(&mut greeting).await?;
            assert_eq!(&greeting, b"hello");
            Ok::<_, BoxError>(())
        });
        outcome.await
    });
    assert!(coverage.steps() > 10, "{coverage:?}");
}

#[cfg(not(miri))]
#[test]
fn another_clock_may_be_given() {
    let begun = std::time::Instant::now();
    CancelEverywhere::new()
        .builder(Builder::new)
        .run(async || sleep(TICK).await);
    // Left alone, and cancelled at its last step.
    assert!(begun.elapsed() >= 2 * TICK);
    let clock = MockClock::new();
    CancelEverywhere::new()
        .builder(|| Builder::new().clock(clock.clone()))
        .run(async || sleep(TICK).await);
    assert_eq!(clock.elapsed(), 3 * TICK);
}

#[test]
fn what_is_cancelled_is_the_scope_around_the_program() {
    let reasons = RefCell::new(Vec::new());
    CancelEverywhere::new()
        .only([Disturbance::Cancel(1)])
        .run(async || {
            let cut = catch_cancel(checkpoint()).await;
            if let Err(cancelled) = cut {
                reasons.borrow_mut().push(cancelled.to_string());
            }
        });
    let reasons = reasons.take();
    assert_eq!(reasons.len(), 1);
    assert!(
        reasons[0].contains("cancelled everywhere: step 1"),
        "{reasons:?}"
    );
}

#[test]
fn steps_are_told_of_without_any_disturbance() {
    let told = Rc::new(RefCell::new(Vec::new()));
    let sink = Rc::clone(&told);
    let program = async {
        open_nursery(async |nursery| {
            nursery.task().name("sleeper").start_soon(sleep(TICK));
        })
        .await
    };
    let counted = each_step(program, move |step| {
        sink.borrow_mut().push(step.to_string());
        Proceed::Now
    });
    support::run_virtual(counted).unwrap();
    let told = told.take();
    assert!(told[0].starts_with("a poll of the main future"), "{told:?}");
    assert!(
        told[1].starts_with("a poll of the body of a nursery"),
        "{told:?}"
    );
    let of_sleeper: Vec<_> = told
        .iter()
        .filter(|step| step.contains("`sleeper`"))
        .collect();
    assert!(
        of_sleeper[1].starts_with("a checkpoint in task"),
        "{told:?}"
    );
    assert!(of_sleeper[2].contains(", which waited for"), "{told:?}");
}

#[test]
fn a_checkpoint_may_be_put_off() {
    let asked = Rc::new(Cell::new(0));
    let count = Rc::clone(&asked);
    let put_off = each_step(sleep(Duration::ZERO), move |step| {
        let times = count.get();
        count.set(times + usize::from(step.is_checkpoint()));
        if step.is_checkpoint() && times < 3 {
            Proceed::Later
        } else {
            Proceed::Now
        }
    });
    run(put_off);
    assert!(asked.get() > 3);
}

/// The outer one is told again once the inner one has been polled.
#[test]
fn steps_within_steps() {
    let counts = Rc::new(RefCell::new((0, 0)));
    let (outer, inner) = (Rc::clone(&counts), Rc::clone(&counts));
    let program = async move {
        poll_fn(poll_proceed).await;
        let inside = each_step(poll_fn(poll_proceed), move |_| {
            inner.borrow_mut().1 += 1;
            Proceed::Now
        });
        inside.await;
        poll_fn(poll_proceed).await;
    };
    run(each_step(program, move |_| {
        outer.borrow_mut().0 += 1;
        Proceed::Now
    }));
    assert_eq!(*counts.borrow(), (3, 2));
    // Nothing of it stays with the thread.
    run(checkpoint());
    assert_eq!(*counts.borrow(), (3, 2));
}

#[test]
fn it_is_refused_inside_a_run() {
    let text = message_of(|| run(async { cancel_everywhere(async || ()) }));
    assert!(text.contains("inside a run"), "{text}");
}

/// A scope of the program's own that is cut off at the same step.
#[test]
fn a_scope_in_the_program_may_be_cancelled_as_well() {
    all().run(async || {
        let scope = CancelScope::new();
        let inner = scope.clone();
        scope
            .run(async {
                checkpoint().await;
                inner.cancel();
                checkpoint().await;
            })
            .await
            .ok();
    });
}

/// An I/O object of the user's own, which is no checkpoint of the library's but uses them.
#[cfg(not(miri))]
#[test]
fn sources_of_ones_own_are_stopped_too() {
    all().pairs_max(50).run(async || {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        let mut ours = std::net::TcpStream::connect(listener.local_addr()?)?;
        let (theirs, _) = listener.accept()?;
        theirs.set_nonblocking(true)?;
        let theirs = Io::new(theirs)?;
        ours.write_all(b"x")?;
        let mut byte = [0];
        theirs
            .read_with(|mut stream| stream.read(&mut byte))
            .await?;
        Ok::<_, BoxError>(())
    });
}

/// `Unpin` or not, boxed or not: any future may be a program.
#[test]
fn a_program_may_return_a_boxed_future() {
    fn boxed() -> Pin<Box<dyn Future<Output = ()>>> {
        Box::pin(checkpoint())
    }
    cancel_everywhere(boxed);
}

#[test]
fn guards_and_marks_may_be_used_instead_of_tokens() {
    probe::everywhere(async |probe| {
        let _guard = probe.guard();
        probe.at(sleep(TICK)).await;
    });
    let text = message_of(|| {
        probe::everywhere_in(probe::Time::Real, async |probe| {
            let guard = probe.guard();
            forget(async move {
                let _guard = guard;
                pending::<()>().await;
            })
            .await;
        });
    });
    assert!(text.contains("not every guard was dropped once"), "{text}");
}
