use std::error::Error;
use std::fmt;

use nestling_runtime::{CancelKind, Cancelled};

use super::{NurseryError, StartError};
use crate::multi_error::MultiError;
use crate::multi_error::tests::{
    Number, Wrapped, chain, failed, site, task, without_site, wrapped,
};

fn cancelled() -> Cancelled {
    Cancelled::new(CancelKind::Explicit).because("user left")
}

#[test]
fn a_nursery_error_shows_what_it_holds() {
    let error = failed([task("a", wrapped("outer", Number(1)))]);
    assert_eq!(chain(&error), ["outer", "number 1"]);
    let debug = without_site(format!("{error:?}"));
    assert_eq!(debug, "outer\n  in task `a` (@)\n  caused by: number 1");

    let error = NurseryError::Cancelled(cancelled());
    assert!(error.to_string().ends_with("user left"));
    assert_eq!(format!("{error:?}"), error.to_string());
}

#[test]
fn a_nursery_error_has_errors_or_was_cancelled() {
    let error = failed([task("a", Number(1)), task("b", Number(2))]);
    assert!(!error.is_cancelled());
    assert_eq!(error.multi().map(MultiError::len), Some(2));
    assert_eq!(error.find(), Some(&Number(1)));
    assert_eq!(error.into_multi().map(|multi| multi.len()), Some(2));

    let error = NurseryError::from(cancelled());
    assert!(error.is_cancelled());
    assert!(error.multi().is_none());
    assert!(error.find::<Cancelled>().is_some());
    assert!(error.find::<Number>().is_none());
    assert!(error.into_multi().is_none());
}

#[test]
fn a_cancelled_nursery_in_a_task_is_a_leaf() {
    let error = failed([
        task("a", NurseryError::Cancelled(cancelled())),
        task("b", Number(1)),
    ]);
    assert_eq!(error.multi().map(|multi| multi.leaves().count()), Some(2));
    assert!(
        error
            .find::<NurseryError>()
            .is_some_and(NurseryError::is_cancelled)
    );
    let (taken, rest) = error
        .into_multi()
        .map(MultiError::split::<NurseryError>)
        .unwrap_or_default();
    assert_eq!(taken.len(), 1);
    assert!(rest.is_some());
}

#[test]
fn errors_can_be_taken_out_by_match() {
    let NurseryError::Failed(errors) = failed([task("a", Number(1))]) else {
        panic!("it failed")
    };
    let StartError::Failed(error) = StartError::Failed(task("a", errors)) else {
        panic!("it failed")
    };
    assert!(error.into_error().is::<MultiError>());
}

#[test]
fn a_start_that_failed_says_which_child_and_says_it_once() {
    let error = StartError::Failed(task("db", wrapped("login", Number(1))));
    assert!(error.is_failed() && !error.is_cancelled() && !error.is_not_ready());
    assert_eq!((error.task(), error.site()), (Some("db"), Some(site())));
    assert_eq!(error.find(), Some(&Number(1)));
    assert!(error.find::<Wrapped>().is_some());
    assert!(error.find::<fmt::Error>().is_none());
    let texts: Vec<String> = chain(&error).into_iter().map(without_site).collect();
    assert_eq!(
        texts,
        [
            "task `db` (@) failed before it was ready: login",
            "number 1"
        ]
    );
    let debug = without_site(format!("{error:?}"));
    assert_eq!(
        debug,
        "login\n  in task `db` (@), before it was ready\n  caused by: number 1"
    );
}

#[test]
fn a_start_whose_child_had_several_errors_shows_them_as_a_tree() {
    let error = StartError::Failed(task(
        "",
        failed([task("a", Number(1)), task("b", Number(2))]),
    ));
    let expected = "a task (@) failed before it was ready: 2 tasks failed\n\
                    ├─ 1. a (@): number 1\n\
                    └─ 2. b (@): number 2";
    assert_eq!(without_site(&error), expected);
    assert_eq!(without_site(format!("{error:?}")), expected);
}

#[test]
fn a_start_that_was_cancelled_says_so() {
    let error = StartError::from(cancelled());
    assert!(error.is_cancelled() && !error.is_failed() && !error.is_not_ready());
    assert_eq!((error.task(), error.site()), (None, None));
    assert!(error.find::<Cancelled>().is_some());
    assert!(error.to_string().ends_with("user left"));
    assert_eq!(format!("{error:?}"), error.to_string());
    assert!(error.source().is_none());
}

#[test]
fn a_child_that_was_never_ready_is_told_what_to_do() {
    let error = StartError::NotReady {
        task: "db".into(),
        site: site(),
    };
    assert!(error.is_not_ready() && !error.is_failed() && !error.is_cancelled());
    assert_eq!((error.task(), error.site()), (Some("db"), Some(site())));
    assert!(error.find::<Number>().is_none());
    let text = without_site(&error);
    assert!(text.starts_with("task `db` (@) ended without"), "{text}");
    assert!(
        text.contains("ready.started(") && text.contains("start_soon"),
        "{text}"
    );
    assert_eq!(without_site(format!("{error:?}")), text);
}
