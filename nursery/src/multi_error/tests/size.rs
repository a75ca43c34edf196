//! Trees far larger than real ones. Each test runs on a stack of 128 KiB, so that anything which
//! calls itself once per level overflows it.

use std::error::Error;
use std::thread;

use super::{Number, failed, multi, task, wrapped};
use crate::error::{BoxError, NurseryError, StartError};
use crate::multi_error::{MultiError, TaskError};

const MANY: u32 = 100_000;

fn on_a_small_stack(test: fn()) {
    let thread = thread::Builder::new().stack_size(128 * 1024).spawn(test);
    let result = thread.expect("a thread can be started").join();
    result.expect("the test passes on a small stack");
}

/// `MANY` levels of one entry, each wrapped in another of the ways there are.
fn deep_chain() -> MultiError {
    let mut error = multi([task("leaf", wrapped("outer", Number(1)))]);
    for level in 0..MANY {
        let wrapped: BoxError = match level % 4 {
            0 => error.into(),
            1 => NurseryError::Failed(error).into(),
            2 => task("passed on", error).into(),
            _ => StartError::Failed(task("db", NurseryError::Failed(error))).into(),
        };
        error = multi([task("level", wrapped)]);
    }
    error
}

/// `MANY` levels of two entries, a leaf and the next level.
fn deep_comb() -> MultiError {
    let mut error = multi([task("leaf", Number(0))]);
    for number in 1..=MANY {
        error = multi([
            task("leaf", Number(number)),
            task("level", NurseryError::Failed(error)),
        ]);
    }
    error
}

/// `MANY` entries on one level.
fn wide() -> MultiError {
    let entries = (0..MANY).map(|number| task("t", Number(number))).collect();
    MultiError::new(entries).expect("there are entries")
}

#[test]
fn a_very_deep_tree_can_be_dropped() {
    on_a_small_stack(|| {
        drop(deep_chain());
        drop(deep_comb());
        drop(NurseryError::Failed(deep_comb()));
        drop(BoxError::from(deep_chain()));
        drop(
            deep_comb()
                .into_iter()
                .map(TaskError::into_error)
                .collect::<Vec<_>>(),
        );
    });
}

#[test]
fn very_many_failed_starts_inside_each_other_can_be_dropped() {
    on_a_small_stack(|| {
        let mut error: BoxError = Number(1).into();
        for _ in 0..MANY {
            error = StartError::Failed(task("db", error)).into();
        }
        drop(error);
    });
}

#[test]
fn a_very_deep_tree_with_one_leaf_is_that_leaf() {
    on_a_small_stack(|| {
        let error = deep_chain();
        assert_eq!(error.leaves().count(), 1);
        assert_eq!(error.to_string(), "outer");
        assert_eq!(
            error.source().map(<dyn Error>::to_string).as_deref(),
            Some("number 1")
        );
        assert_eq!(error.find(), Some(&Number(1)));
        let single = error.into_single().expect("there is one leaf");
        assert_eq!(single.to_string(), "outer");
    });
}

#[test]
fn a_very_deep_tree_with_one_leaf_names_its_innermost_tasks() {
    on_a_small_stack(|| {
        let text = format!("{:?}", deep_chain());
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines.len() < 50);
        assert_eq!(lines[0], "outer");
        assert!(lines[1].starts_with("  in task `leaf`"));
        assert!(lines[lines.len() - 2].starts_with("  … in 1"));
        assert_eq!(lines[lines.len() - 1], "  caused by: number 1");
    });
}

#[test]
fn a_very_deep_tree_is_cut_in_print_and_says_how_much_is_missing() {
    on_a_small_stack(|| {
        let error = deep_comb();
        assert_eq!(error.leaves().count(), MANY as usize + 1);
        let text = error.to_string();
        assert_eq!(text, format!("{error:?}"));
        assert!(text.len() < 20_000);
        let cut = format!(
            "└─ … {} more errors, too deep to be shown here",
            MANY + 1 - 32
        );
        assert!(
            text.lines().last().is_some_and(|line| line.ends_with(&cut)),
            "{text}"
        );
    });
}

#[test]
fn a_very_deep_tree_with_a_long_way_to_its_fork_names_some_of_the_tasks() {
    on_a_small_stack(|| {
        let mut error = failed([task("a", Number(1)), task("b", Number(2))]);
        for _ in 0..MANY {
            error = failed([task("level", error)]);
        }
        let text = error.to_string();
        assert!(text.len() < 10_000);
        assert!(
            text.contains(": … 99968 more tasks …: 2 tasks failed\n"),
            "{text}"
        );
    });
}

#[test]
fn a_very_deep_tree_can_be_split() {
    on_a_small_stack(|| {
        let (numbers, rest) = deep_comb().split::<Number>();
        assert_eq!(numbers.len(), MANY as usize + 1);
        assert_eq!(numbers.last(), Some(&Number(0)));
        assert!(rest.is_none());

        let (numbers, rest) = deep_chain().split::<Number>();
        assert!(numbers.is_empty());
        assert_eq!(rest.map(|rest| rest.leaves().count()), Some(1));
    });
}

#[test]
fn a_very_wide_tree_is_shown_and_split_in_full() {
    on_a_small_stack(|| {
        let error = wide();
        let text = error.to_string();
        assert_eq!(text.lines().count(), MANY as usize + 1);
        assert!(text.starts_with("100000 tasks failed\n├─ 1. t ("));
        assert!(text.ends_with(": number 99999"));
        let (numbers, rest) = error.split::<Number>();
        assert_eq!(numbers.len(), MANY as usize);
        assert!(
            numbers
                .iter()
                .zip(0..)
                .all(|(number, expected)| number.0 == expected)
        );
        assert!(rest.is_none());
    });
}

#[test]
fn a_way_of_32_tasks_is_named_in_full() {
    let mut single = failed([task("level", Number(1))]);
    let mut several = failed([task("a", Number(1)), task("b", Number(2))]);
    for _ in 1..32 {
        single = failed([task("level", single)]);
        several = failed([task("level", several)]);
    }
    assert!(!format!("{single:?}").contains('…'));
    assert!(!failed([task("level", several)]).to_string().contains('…'));
}
