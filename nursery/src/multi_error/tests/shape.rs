use std::thread;

use super::{Number, failed, multi, site, task, wrapped};
use crate::error::{BoxError, NurseryError, StartError};
use crate::multi_error::{Leaves, MultiError, TaskError};

/// The names of the leaves in order.
fn names(multi: &MultiError) -> Vec<&str> {
    multi.leaves().map(TaskError::task).collect()
}

#[test]
fn errors_go_to_other_threads() {
    fn is_send_and_sync<T: Send + Sync + 'static>() {}
    is_send_and_sync::<MultiError>();
    is_send_and_sync::<TaskError>();
    is_send_and_sync::<NurseryError>();
    is_send_and_sync::<StartError>();
    is_send_and_sync::<Leaves<'static>>();

    let error = multi([task("a", Number(1))]);
    let text = thread::spawn(move || error.to_string()).join();
    assert_eq!(text.ok().as_deref(), Some("number 1"));
}

#[test]
fn a_multi_error_is_never_empty() {
    assert!(MultiError::new(vec![]).is_none());
    assert_eq!(
        MultiError::new(vec![task("a", Number(1))]).map(|multi| multi.len()),
        Some(1)
    );
}

#[test]
fn errors_keep_the_order_of_failure() {
    let error = multi([
        task("c", Number(3)),
        task("a", Number(1)),
        task("b", Number(2)),
    ]);
    assert_eq!(error.len(), 3);
    assert_eq!(
        error
            .errors()
            .iter()
            .map(TaskError::task)
            .collect::<Vec<_>>(),
        ["c", "a", "b"]
    );
    assert_eq!(
        (&error)
            .into_iter()
            .map(TaskError::task)
            .collect::<Vec<_>>(),
        ["c", "a", "b"]
    );
    let owned: Vec<String> = error
        .into_iter()
        .map(|entry| entry.task().to_owned())
        .collect();
    assert_eq!(owned, ["c", "a", "b"]);
}

#[test]
fn an_entry_knows_its_task_its_site_and_its_error() {
    let entry = TaskError::new(format!("conn {}", 7), site(), Number(1));
    assert_eq!(entry.task(), "conn 7");
    assert_eq!(entry.site(), site());
    assert_eq!(entry.error().downcast_ref(), Some(&Number(1)));
    assert_eq!(entry.into_error().downcast_ref(), Some(&Number(1)));
}

#[test]
fn a_multi_error_is_nested_however_it_is_wrapped() {
    let inner = || multi([task("a", Number(1)), task("b", Number(2))]);
    let wraps: [fn(MultiError) -> BoxError; 5] = [
        |multi| multi.into(),
        |multi| NurseryError::Failed(multi).into(),
        |multi| task("passed on", multi).into(),
        |multi| StartError::Failed(task("db", multi)).into(),
        |multi| {
            StartError::Failed(task("db", task("passed on", NurseryError::Failed(multi)))).into()
        },
    ];
    for wrap in wraps {
        let entry = task("outer", wrap(inner()));
        assert_eq!(entry.nested().map(names), Some(vec!["a", "b"]));
        assert_eq!(
            names(&multi([task("first", Number(0)), entry])),
            ["first", "a", "b"]
        );
    }
}

#[test]
fn an_error_that_only_has_a_multi_error_as_its_source_is_a_leaf() {
    let entry = task(
        "pool",
        wrapped("pool is broken", failed([task("a", Number(1))])),
    );
    assert!(entry.nested().is_none());
    assert_eq!(names(&multi([entry])), ["pool"]);
}

#[test]
fn start_errors_that_hold_no_multi_error_are_leaves() {
    let failed = StartError::Failed(task("db", Number(1)));
    let not_ready = StartError::NotReady {
        task: "db".into(),
        site: site(),
    };
    assert_eq!(
        names(&multi([task("a", failed), task("b", not_ready)])),
        ["a", "b"]
    );
}

#[test]
fn leaves_are_visited_depth_first() {
    let deep = failed([
        task("b1", Number(1)),
        task("b2", failed([task("b21", Number(2))])),
    ]);
    let error = multi([task("a", Number(0)), task("b", deep), task("c", Number(3))]);
    assert_eq!(names(&error), ["a", "b1", "b21", "c"]);
}

#[test]
fn leaves_tell_how_many_they_are_at_least() {
    let error = multi([
        task("a", Number(0)),
        task("b", failed([task("c", Number(1))])),
    ]);
    let mut leaves = error.leaves();
    assert_eq!(leaves.size_hint(), (2, None));
    assert_eq!(leaves.by_ref().count(), 2);
    assert_eq!(leaves.size_hint(), (0, Some(0)));
    assert!(leaves.next().is_none());
}
