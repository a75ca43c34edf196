//! The errors of nurseries: rules N5 to N7, N14, E1 and E2, cases 8, 9, 20, 64, 73 and 74.

use std::cell::RefCell;
use std::error::Error;
use std::io;

use crate::support::{self, Boom, boom, leaves_of, run, settle, yield_n};
use nestling::{
    BoxError, CancelKind, Cancelled, MultiError, NurseryError, Ready, StartError, TaskError,
    checkpoint, is_cancelled, ok, open_nursery, sleep_forever,
};

/// A nursery of the given children, each of which waits some turns and then fails.
async fn failing(children: &[(&'static str, usize)]) -> Result<(), NurseryError> {
    open_nursery(async |nursery| {
        for &(text, turns) in children {
            nursery.task().name(text).start_soon(async move {
                // Counted without checkpoints: a child that has begun is not to be cut off.
                for _ in 0..turns {
                    let mut first = true;
                    std::future::poll_fn(|cx| {
                        cx.waker().wake_by_ref();
                        if std::mem::take(&mut first) && !is_cancelled() {
                            return std::task::Poll::Pending;
                        }
                        std::task::Poll::Ready(())
                    })
                    .await;
                }
                boom::<()>(text)
            });
        }
    })
    .await
}

#[test]
fn errors_are_in_the_order_in_which_tasks_failed() {
    let error = run(failing(&[("third", 5), ("first", 1), ("second", 3)])).unwrap_err();
    let multi = error.multi().unwrap();
    // The first failure wakes the others, which then fail in the order of their start.
    assert_eq!(multi.errors()[0].to_string(), "first");
    assert_eq!(multi.len(), 3);
}

#[test]
fn a_single_error_keeps_its_nesting() {
    let error = run(async {
        open_nursery(async |nursery| {
            nursery
                .task()
                .name("outer")
                .start_soon(failing(&[("inner", 1)]));
        })
        .await
    })
    .unwrap_err();
    let multi = error.into_multi().unwrap();
    assert_eq!(multi.errors()[0].task(), "outer");
    assert_eq!(
        multi.errors()[0].nested().unwrap().errors()[0].task(),
        "inner"
    );
    assert_eq!(multi.to_string(), "inner", "one error displays as itself");
    assert_eq!(
        multi.into_single().unwrap().downcast_ref::<Boom>(),
        Some(&Boom("inner"))
    );
}

#[test]
fn nested_nurseries_nest_their_errors() {
    let error = run(async {
        open_nursery(async |nursery| {
            nursery
                .task()
                .name("left")
                .start_soon(failing(&[("l1", 1), ("l2", 1)]));
            nursery
                .task()
                .name("right")
                .start_soon(failing(&[("r1", 1), ("r2", 1)]));
        })
        .await
    })
    .unwrap_err();
    let mut leaves = leaves_of(&error);
    leaves.sort();
    assert_eq!(leaves, ["l1", "l2", "r1", "r2"]);
    assert_eq!(error.multi().unwrap().len(), 2);
}

#[test]
fn errors_of_different_types_are_told_apart() {
    let error = run(async {
        open_nursery(async |nursery| {
            nursery.start_soon(async { boom::<()>("boom") });
            nursery.start_soon(async { Err::<(), _>(io::Error::other("io")) });
            nursery.start_soon(async { Err::<(), BoxError>("text".into()) });
        })
        .await
    })
    .unwrap_err();
    assert_eq!(error.find::<Boom>(), Some(&Boom("boom")));
    let (booms, rest) = error.into_multi().unwrap().split::<Boom>();
    assert_eq!(booms, [Boom("boom")]);
    let (ios, rest) = rest.unwrap().split::<io::Error>();
    assert_eq!(ios.len(), 1);
    assert_eq!(rest.unwrap().to_string(), "text");
}

#[test]
fn a_leaf_knows_the_task_s_name_and_where_it_was_started() {
    let line = line!() + 4;
    let error = run(async {
        open_nursery(async |nursery| {
            let task = nursery.task().name("reader");
            task.start_soon(async { boom::<()>("reset") });
        })
        .await
    })
    .unwrap_err();
    let leaf = error.multi().unwrap().leaves().next().unwrap();
    assert_eq!(leaf.task(), "reader");
    assert_eq!((leaf.site().file(), leaf.site().line()), (file!(), line));
}

#[test]
fn a_task_without_a_name_is_called_by_its_function() {
    async fn fetch_page() -> Result<(), Boom> {
        boom("no page")
    }
    let line = line!() + 3;
    let error = run(async {
        open_nursery(async |nursery| {
            nursery.start_soon(fetch_page());
        })
        .await
    })
    .unwrap_err();
    let leaf = error.multi().unwrap().leaves().next().unwrap();
    assert!(leaf.task().ends_with("fetch_page"), "{}", leaf.task());
    assert_eq!(leaf.site().line(), line);
}

#[test]
fn the_body_s_error_names_the_place_where_the_nursery_was_opened() {
    let line = line!() + 1;
    let error = run(async { open_nursery(async |_| boom::<()>("body")).await }).unwrap_err();
    let leaf = error.multi().unwrap().leaves().next().unwrap();
    assert_eq!((leaf.site().file(), leaf.site().line()), (file!(), line));
}

#[test]
fn spawn_and_start_also_note_the_line_of_the_call() {
    let line = line!() + 3;
    let error = run(async {
        open_nursery(async |nursery| {
            let _handle = nursery.spawn(async { boom::<()>("spawned") });
            let started = nursery.start(async |_: Ready<()>| boom::<()>("started"));
            let error = started.await.unwrap_err();
            assert_eq!(error.site().map(|site| site.line()), Some(line + 1));
        })
        .await
    })
    .unwrap_err();
    let leaf = error.multi().unwrap().leaves().next().unwrap();
    assert_eq!(leaf.site().line(), line);
}

#[test]
fn several_errors_display_as_a_numbered_tree_with_names_and_sites() {
    let error = run(failing(&[("alpha", 1), ("beta", 1)])).unwrap_err();
    let text = error.to_string();
    for part in ["2 tasks failed", "1. ", "2. ", "alpha", "beta", file!()] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
}

#[test]
fn the_question_mark_takes_a_nursery_error_into_other_error_types() {
    fn assert_error<E: Error + Send + Sync + 'static>(_: &E) {}
    let error = run(async {
        open_nursery(async |_| {
            failing(&[("inner", 1)]).await?;
            ok(())
        })
        .await
    })
    .unwrap_err();
    assert_error(&error);
    assert_error::<MultiError>(error.multi().unwrap());
    assert_error::<TaskError>(&error.multi().unwrap().errors()[0]);
    let boxed: BoxError = error.into();
    assert!(boxed.to_string().contains("inner"));
}

#[test]
fn a_cause_is_found_behind_the_error() {
    #[derive(Debug)]
    struct Outer(Boom);
    impl std::fmt::Display for Outer {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("outer")
        }
    }
    impl Error for Outer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }
    let error = run(async {
        open_nursery(async |n| n.start_soon(async { Err::<(), _>(Outer(Boom("cause"))) })).await
    });
    let error = error.unwrap_err();
    assert_eq!(error.find::<Boom>(), Some(&Boom("cause")));
    assert!(
        error.source().unwrap().is::<Boom>(),
        "one error has its own source"
    );
}

#[test]
fn errors_pass_through_a_cancelled_nursery_whole() {
    // Case 74: nothing of a failure is taken for the cancellation that goes on at the same time.
    let error = run(async {
        open_nursery(async |nursery| {
            nursery.cancel();
            failing(&[("one", 0), ("two", 0)]).await?;
            ok(())
        })
        .await
    })
    .unwrap_err();
    let mut leaves = leaves_of(&error);
    leaves.sort();
    assert_eq!(leaves, ["one", "two"]);
}

#[test]
fn cancelled_tasks_beside_a_failure_are_no_errors() {
    // Case 20: three tasks are cut off, one fails; only that comes out.
    let error = run(async {
        open_nursery(async |outer| {
            outer.start_soon(async {
                open_nursery(async |inner| {
                    inner.start_soon(sleep_forever());
                    inner.start_soon(sleep_forever());
                    inner.start_soon(async {
                        yield_n(3).await;
                        boom::<()>("real")
                    });
                    sleep_forever().await;
                })
                .await
            });
            sleep_forever().await;
        })
        .await
    })
    .unwrap_err();
    assert_eq!(leaves_of(&error), ["real"]);
}

#[test]
fn the_siblings_learn_who_failed_and_where() {
    let seen = RefCell::new(None);
    let line = line!() + 10;
    run(async {
        open_nursery(async |nursery| {
            nursery.start_soon(async {
                // Its destructor runs while it is being cut off; the report is the scope's.
                let scope = nursery.cancel_scope();
                let _look = support::on_drop(|| *seen.borrow_mut() = Some(format!("{scope:?}")));
                sleep_forever().await;
            });
            let task = nursery.task().name("culprit");
            task.start_soon(async { boom::<()>("x") });
        })
        .await
        .unwrap_err();
    });
    let seen = seen.take().unwrap();
    assert!(seen.contains("culprit"), "{seen}");
    assert!(seen.contains(&format!("{}:{line}", file!())), "{seen}");
}

#[test]
fn a_reason_given_before_a_failure_is_not_overwritten_but_the_failure_is_reported() {
    let error = run(async {
        open_nursery(async |nursery| {
            nursery.cancel_scope().cancel_because("first");
            nursery.start_soon(async { boom::<()>("second") });
            let text = format!("{:?}", nursery.cancel_scope());
            assert!(text.contains("first"), "{text}");
            settle().await;
        })
        .await
    })
    .unwrap_err();
    assert_eq!(leaves_of(&error), ["second"]);
}

#[test]
fn an_inner_nursery_s_own_cancellation_does_not_fail_the_outer_one() {
    run(async {
        open_nursery(async |outer| {
            outer.start_soon(async {
                let inner = open_nursery(async |inner| {
                    inner.start_soon(sleep_forever());
                    inner.cancel_scope().cancel_because("enough");
                    sleep_forever().await;
                })
                .await;
                match inner {
                    Err(NurseryError::Cancelled(why)) => assert_eq!(why.reason(), Some("enough")),
                    other => panic!("{other:?}"),
                }
            });
        })
        .await
        .unwrap();
    });
}

#[test]
fn an_inner_cancellation_that_is_returned_as_an_error_is_one() {
    // N14: it is nobody's echo in the outer nursery, which is not cancelled.
    let error = run(async {
        open_nursery(async |outer| {
            outer.start_soon(async {
                open_nursery(async |inner| {
                    inner.cancel();
                    sleep_forever().await;
                })
                .await
            });
        })
        .await
    })
    .unwrap_err();
    assert!(!error.is_cancelled());
    assert_eq!(
        error.find::<Cancelled>().map(Cancelled::kind),
        Some(CancelKind::Explicit)
    );
}

#[test]
fn run_adds_no_level_to_errors() {
    let error: Result<(), Boom> = run(async { boom("main") });
    assert_eq!(error, Err(Boom("main")));
}

#[test]
fn a_multi_error_that_a_user_returns_is_not_flattened() {
    let error = run(async {
        open_nursery(async |nursery| {
            nursery.start_soon(async {
                let errors = failing(&[("one", 1), ("two", 1)])
                    .await
                    .unwrap_err()
                    .into_multi()
                    .unwrap();
                Err::<(), MultiError>(errors)
            });
        })
        .await
    })
    .unwrap_err();
    let multi = error.multi().unwrap();
    assert_eq!((multi.len(), multi.leaves().count()), (1, 2));
}

#[test]
fn a_start_error_inside_a_nursery_error_is_looked_into() {
    let error = run(async {
        open_nursery(async |nursery| {
            nursery
                .start(async |_ready: Ready<()>| failing(&[("one", 1), ("two", 1)]).await)
                .await?;
            Ok::<_, StartError>(())
        })
        .await
    })
    .unwrap_err();
    let mut leaves = leaves_of(&error);
    leaves.sort();
    assert_eq!(leaves, ["one", "two"]);
}

#[test]
fn errors_of_a_thousand_children_are_all_kept() {
    let count = support::times(1000, 50);
    let error = run(async {
        open_nursery(async |nursery| {
            for _ in 0..count {
                nursery.start_soon(async { boom::<()>("all") });
            }
        })
        .await
    })
    .unwrap_err();
    assert_eq!(error.multi().unwrap().len(), count);
}

#[test]
fn errors_a_hundred_levels_deep_come_out_whole() {
    fn nest(depth: usize) -> std::pin::Pin<Box<dyn Future<Output = Result<(), NurseryError>>>> {
        Box::pin(async move {
            open_nursery(async |nursery| {
                if depth == 0 {
                    nursery.start_soon(async { boom::<()>("bottom") });
                } else {
                    nursery.start_soon(nest(depth - 1));
                    nursery.start_soon(async { boom::<()>("level") });
                }
                checkpoint().await;
            })
            .await
        })
    }
    let depth = support::times(100, 10);
    let error = run(nest(depth)).unwrap_err();
    let leaves = leaves_of(&error);
    assert_eq!(leaves.iter().filter(|leaf| *leaf == "bottom").count(), 1);
    assert_eq!(leaves.len(), depth + 1);
}
