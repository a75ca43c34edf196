use std::{fmt, io};

use super::{Number, Wrapped, failed, multi, site, task, without_site, wrapped};
use crate::error::{NurseryError, StartError};
use crate::multi_error::{MultiError, TaskError};

#[test]
fn find_gives_the_first_in_order_also_below_the_top_level() {
    let inner = failed([task("b", Number(2)), task("c", Number(3))]);
    let error = multi([
        task("a", fmt::Error),
        task("inner", inner),
        task("d", Number(4)),
    ]);
    assert_eq!(error.find(), Some(&Number(2)));
    assert!(error.find::<fmt::Error>().is_some());
    assert!(error.find::<io::Error>().is_none());
}

#[test]
fn find_looks_at_the_sources_of_a_leaf_before_the_next_leaf() {
    let error = multi([
        task("a", wrapped("outer", wrapped("middle", Number(1)))),
        task("b", Number(2)),
    ]);
    assert_eq!(error.find(), Some(&Number(1)));
    assert_eq!(
        error.find::<Wrapped>().map(|found| found.text),
        Some("outer")
    );
}

/// A multi-error's `source()` is the source of its only leaf, or its first leaf. Following it like
/// any other source would miss the only leaf itself, or all leaves but the first.
#[test]
fn find_sees_all_leaves_of_a_multi_error_that_is_a_source() {
    let one = multi([task("a", wrapped("pool", failed([task("b", Number(1))])))]);
    assert_eq!(one.find(), Some(&Number(1)));
    let two = failed([task("b", Number(1)), task("c", fmt::Error)]);
    let two = multi([task("a", wrapped("pool", two)), task("d", Number(4))]);
    assert_eq!(two.find(), Some(&Number(1)));
    assert!(two.find::<fmt::Error>().is_some());
}

#[test]
fn find_sees_a_start_error_and_what_it_holds() {
    let error = multi([task(
        "a",
        StartError::Failed(task("db", wrapped("login", Number(1)))),
    )]);
    assert_eq!(
        error.find::<StartError>().and_then(StartError::task),
        Some("db")
    );
    assert!(error.find::<Wrapped>().is_some());
    assert_eq!(error.find(), Some(&Number(1)));
}

#[test]
fn find_does_not_give_the_structure_of_the_tree() {
    let error = multi([task("a", failed([task("b", Number(1))]))]);
    assert!(error.find::<MultiError>().is_none());
    assert!(error.find::<NurseryError>().is_none());
    assert!(error.find::<TaskError>().is_none());
}

#[test]
fn split_takes_matching_leaves_from_any_depth_and_keeps_the_shape_of_the_rest() {
    let deep = failed([task("b1", Number(2)), task("b2", fmt::Error)]);
    let inner = failed([
        task("a1", Number(1)),
        task("a2", deep),
        task("a3", io::Error::other("x")),
    ]);
    let error = multi([
        task("a", inner),
        task("c", fmt::Error),
        task("d", Number(3)),
    ]);

    let (numbers, rest) = error.split::<Number>();
    assert_eq!(numbers, [Number(1), Number(2), Number(3)]);
    assert_eq!(
        rest.map(without_site).as_deref(),
        Some(
            "2 tasks failed\n\
             ├─ 1. a (@): 2 tasks failed\n\
             │  ├─ 1.1. a2 (@): b2 (@): an error occurred when formatting an argument\n\
             │  └─ 1.2. a3 (@): x\n\
             └─ 2. c (@): an error occurred when formatting an argument"
        )
    );
}

#[test]
fn split_drops_levels_that_are_left_empty() {
    let empty = failed([task("a1", failed([task("a11", Number(1))]))]);
    let error = multi([task("a", empty), task("b", fmt::Error)]);
    let (numbers, rest) = error.split::<Number>();
    assert_eq!(numbers, [Number(1)]);
    let rest: Vec<String> = rest
        .into_iter()
        .flatten()
        .map(|entry| entry.task().into())
        .collect();
    assert_eq!(rest, ["b"]);
}

#[test]
fn split_leaves_nothing_when_everything_matches() {
    let error = multi([
        task("a", failed([task("b", Number(1))])),
        task("c", Number(2)),
    ]);
    let (numbers, rest) = error.split::<Number>();
    assert_eq!(numbers, [Number(1), Number(2)]);
    assert!(rest.is_none());
}

#[test]
fn split_leaves_everything_when_nothing_matches() {
    let error = multi([
        task("a", failed([task("b", Number(1))])),
        task("c", Number(2)),
    ]);
    let before = error.to_string();
    let (taken, rest) = error.split::<fmt::Error>();
    assert!(taken.is_empty());
    assert_eq!(rest.map(|rest| rest.to_string()), Some(before));
}

#[test]
fn split_keeps_what_a_level_is_wrapped_in() {
    let pair = |name| multi([task(name, Number(1)), task(name, fmt::Error)]);
    let error = multi([
        task("bare", pair("a")),
        task("nursery", NurseryError::Failed(pair("b"))),
        task(
            "start",
            StartError::Failed(task("db", NurseryError::Failed(pair("c")))),
        ),
    ]);
    let (numbers, rest) = error.split::<Number>();
    assert_eq!(numbers.len(), 3);
    let rest: Vec<TaskError> = rest.into_iter().flatten().collect();
    assert!(rest[0].error().is::<MultiError>());
    assert!(rest[1].error().is::<NurseryError>());
    assert_eq!(
        rest[2].error().downcast_ref().and_then(StartError::task),
        Some("db")
    );
    for entry in &rest {
        assert_eq!(entry.site(), site());
        assert_eq!(entry.nested().map(MultiError::len), Some(1));
    }
}

#[test]
fn split_does_not_take_what_is_only_a_source() {
    let (taken, rest) = multi([task("a", wrapped("outer", Number(1)))]).split::<Number>();
    assert!(taken.is_empty());
    assert!(rest.is_some());
}

#[test]
fn into_single_gives_the_only_error_out_of_all_its_nesting() {
    let error = multi([task(
        "a",
        failed([task("b", multi([task("c", Number(1))]))]),
    )]);
    let single = error.into_single().expect("there is one error");
    assert_eq!(single.downcast_ref(), Some(&Number(1)));
}

#[test]
fn into_single_gives_several_errors_back_unharmed() {
    let error = multi([task(
        "a",
        failed([task("b", Number(1)), task("c", Number(2))]),
    )]);
    let back = error.into_single().expect_err("there are two errors");
    assert_eq!(
        back.leaves().map(TaskError::task).collect::<Vec<_>>(),
        ["b", "c"]
    );
}
