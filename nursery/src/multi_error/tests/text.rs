use std::{fmt, io};

use super::{Number, chain, failed, multi, task, without_site, wrapped};
use crate::error::StartError;
use crate::multi_error::MultiError;

/// Its text is whatever it holds.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Text(&'static str);

/// Its `Display` fails.
#[derive(Debug, thiserror::Error)]
struct Unwritable;

impl fmt::Display for Unwritable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("half a ")?;
        Err(fmt::Error)
    }
}

/// The lines of the text, without sites.
#[track_caller]
fn assert_lines<const N: usize>(text: impl ToString, lines: [&str; N]) {
    assert_eq!(without_site(text), lines.join("\n"));
}

#[test]
fn one_error_displays_as_itself() {
    let error = multi([task("a", Number(1))]);
    assert_eq!(error.to_string(), "number 1");
    let nested = multi([task("a", failed([task("b", error)]))]);
    assert_eq!(nested.to_string(), "number 1");
}

#[test]
fn formatting_options_reach_a_single_error() {
    #[derive(Debug, thiserror::Error)]
    struct Asked;
    impl fmt::Display for Asked {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(if f.alternate() { "long" } else { "short" })
        }
    }
    let error = failed([task("a", Asked)]);
    assert_eq!(format!("{error} {error:#}"), "short long");
}

#[test]
fn several_errors_display_as_a_numbered_tree() {
    let conns = failed([task("conn 7", Number(7)), task("conn 9", Number(9))]);
    let server = failed([task("acceptor", Number(1)), task("conns", conns)]);
    let error = multi([
        task("reader", Number(0)),
        task("server", server),
        task("body", Number(2)),
    ]);
    assert_lines(
        error,
        [
            "3 tasks failed",
            "├─ 1. reader (@): number 0",
            "├─ 2. server (@): 2 tasks failed",
            "│  ├─ 2.1. acceptor (@): number 1",
            "│  └─ 2.2. conns (@): 2 tasks failed",
            "│     ├─ 2.2.1. conn 7 (@): number 7",
            "│     └─ 2.2.2. conn 9 (@): number 9",
            "└─ 3. body (@): number 2",
        ],
    );
}

#[test]
fn a_level_with_one_entry_is_named_in_front_of_its_error() {
    let inner = failed([task(
        "pool",
        failed([task("b", Number(1)), task("c", Number(2))]),
    )]);
    assert_lines(
        multi([task("a", inner)]),
        [
            "a (@): pool (@): 2 tasks failed",
            "├─ 1. b (@): number 1",
            "└─ 2. c (@): number 2",
        ],
    );
    let inner = failed([task("pool", Number(1))]);
    assert_lines(
        multi([task("a", inner), task("", Number(2))]),
        [
            "2 tasks failed",
            "├─ 1. a (@): pool (@): number 1",
            "└─ 2. @: number 2",
        ],
    );
}

#[test]
fn each_error_is_followed_by_its_causes() {
    let error = wrapped("outer", wrapped("middle\nof two lines", Number(1)));
    assert_lines(
        multi([task("a", error), task("b", wrapped("outer", Number(2)))]),
        [
            "2 tasks failed",
            "├─ 1. a (@): outer",
            "│     caused by: middle",
            "│                of two lines",
            "│     caused by: number 1",
            "└─ 2. b (@): outer",
            "      caused by: number 2",
        ],
    );
}

#[test]
fn a_cause_that_the_message_quotes_is_not_repeated() {
    let quoting = wrapped("reading: number 1", wrapped("number 1", Number(2)));
    assert_lines(
        multi([task("a", quoting), task("b", Number(3))]),
        [
            "2 tasks failed",
            "├─ 1. a (@): reading: number 1",
            "│     caused by: number 2",
            "└─ 2. b (@): number 3",
        ],
    );
}

#[test]
fn a_multi_error_as_a_cause_is_a_subtree() {
    let pool = wrapped(
        "pool is broken",
        failed([task("b", Number(1)), task("c", Number(2))]),
    );
    assert_lines(
        multi([task("a", pool), task("d", Number(3))]),
        [
            "2 tasks failed",
            "├─ 1. a (@): pool is broken",
            "│     caused by: 2 tasks failed",
            "│     ├─ 1.1. b (@): number 1",
            "│     └─ 1.2. c (@): number 2",
            "└─ 2. d (@): number 3",
        ],
    );
}

#[test]
fn a_failed_start_is_a_subtree() {
    let start = StartError::Failed(task(
        "db",
        failed([task("b", Number(1)), task("c", Number(2))]),
    ));
    assert_lines(
        multi([
            task("a", start),
            task("d", StartError::Failed(task("log", Number(3)))),
        ]),
        [
            "2 tasks failed",
            "├─ 1. a (@): task `db` (@) failed before it was ready: 2 tasks failed",
            "│  ├─ 1.1. b (@): number 1",
            "│  └─ 1.2. c (@): number 2",
            "└─ 2. d (@): task `log` (@) failed before it was ready: number 3",
        ],
    );
}

#[test]
fn a_message_of_many_lines_stays_inside_its_branch() {
    let deep = failed([
        task("b", Text("x\r\n  y\n\n\nz\n\n")),
        task("c", Text("\n└─ forged")),
    ]);
    assert_lines(
        multi([task("a", deep), task("two\nlines", Text("日本\nгод"))]),
        [
            "2 tasks failed",
            "├─ 1. a (@): 2 tasks failed",
            "│  ├─ 1.1. b (@): x",
            "│  │         y",
            "│  │",
            "│  │",
            "│  │       z",
            "│  └─ 1.2. c (@): ",
            "│          └─ forged",
            "└─ 2. two",
            "      lines (@): 日本",
            "      год",
        ]
        .map(str::trim_end),
    );
}

#[test]
fn text_stays_aligned_below_numbers_of_two_digits() {
    let entries = (1..=10)
        .map(|number| task("t", wrapped("x\ny", Number(number))))
        .collect();
    let text = without_site(MultiError::new(entries).expect("ten errors"));
    let tail: Vec<&str> = text.lines().skip(1 + 8 * 3).collect();
    assert_eq!(
        tail,
        [
            "├─ 9. t (@): x",
            "│     y",
            "│     caused by: number 9",
            "└─ 10. t (@): x",
            "       y",
            "       caused by: number 10",
        ]
    );
}

#[test]
fn an_error_without_a_message_shows_what_it_is() {
    let error = multi([
        task("a", Text("")),
        task("b", Text(" \n ")),
        task("c", Unwritable),
    ]);
    assert_lines(
        error,
        [
            "3 tasks failed",
            "├─ 1. a (@): (no message) Text(\"\")",
            "├─ 2. b (@): (no message) Text(\" \\n \")",
            "└─ 3. c (@): half a  (its message could not be written)",
        ],
    );
    assert_eq!(multi([task("a", Text(""))]).to_string(), "");
}

#[test]
fn no_line_ends_in_blanks() {
    let deep = failed([
        task("b", Text("x \n \ny ")),
        task("c", wrapped("", Text("\n"))),
    ]);
    let error = multi([task("a", deep), task("d", Text("\n\n"))]);
    for line in error.to_string().lines() {
        assert_eq!(line, line.trim_end());
    }
}

#[test]
fn debug_of_one_error_names_its_tasks_from_the_inside_out_and_its_causes() {
    let conn = failed([task("conn", wrapped("bad\nframe", Number(1)))]);
    let error = failed([task("server", StartError::Failed(task("pool", conn)))]);
    assert_lines(
        format!("Error: {error:?}"),
        [
            "Error: bad",
            "frame",
            "  in task `conn` (@)",
            "  in task `pool` (@), before it was ready",
            "  in task `server` (@)",
            "  caused by: number 1",
        ],
    );
}

#[test]
fn debug_of_one_error_that_several_caused_has_a_tree() {
    let pool = wrapped(
        "pool is broken",
        failed([task("b", Number(1)), task("c", Number(2))]),
    );
    assert_lines(
        format!("{:?}", multi([task("a", pool)])),
        [
            "pool is broken",
            "  in task `a` (@)",
            "  caused by: 2 tasks failed",
            "  ├─ 1. b (@): number 1",
            "  └─ 2. c (@): number 2",
        ],
    );
}

#[test]
fn debug_of_several_errors_is_the_tree() {
    let error = multi([task("a", wrapped("x", Number(1))), task("b", Number(2))]);
    assert_eq!(format!("{error:?}"), error.to_string());
    assert_eq!(format!("{error:#?}"), error.to_string());
    assert_eq!(format!("{error:#}"), error.to_string());
}

#[test]
fn an_entry_displays_as_its_error_and_debugs_with_its_task() {
    let entry = task("", wrapped("outer", Number(1)));
    assert_eq!(entry.to_string(), "outer");
    assert_eq!(chain(&entry), ["outer", "number 1"]);
    assert_lines(
        format!("{entry:?}"),
        ["outer", "  in a task (@)", "  caused by: number 1"],
    );
}

#[test]
fn the_chain_of_a_single_error_says_everything_once() {
    let error = failed([task("a", failed([task("b", wrapped("outer", Number(1)))]))]);
    assert_eq!(chain(&error), ["outer", "number 1"]);
    let error = wrapped("pool is broken", error);
    assert_eq!(chain(&error), ["pool is broken", "outer", "number 1"]);
}

#[test]
fn the_chain_of_several_errors_leads_to_the_first_leaf() {
    let inner = failed([task("b", wrapped("outer", Number(1))), task("c", Number(2))]);
    let error = failed([task("a", inner), task("d", Number(3))]);
    let texts = chain(&error);
    assert_eq!(texts[0], error.to_string());
    assert_eq!(texts[1..], ["outer", "number 1"]);
    assert!(std::error::Error::source(&error).is_some_and(|first| first.is::<super::Wrapped>()));
}

#[test]
fn question_mark_boxes_a_multi_error() {
    fn passed_on() -> Result<(), Box<dyn std::error::Error>> {
        Err(failed([task("a", io::Error::other("x"))]))?
    }
    assert_eq!(
        passed_on().map_err(|error| error.to_string()),
        Err("x".into())
    );
}

#[test]
fn a_tree_of_a_type_unknown_here_is_not_shown_twice() {
    /// As `anyhow::Error` looks from outside: text and source are those of the error in it.
    #[derive(Debug, thiserror::Error)]
    #[error(transparent)]
    struct Opaque(MultiError);
    let inner = multi([task("b", Text("x\ny")), task("c", Number(2))]);
    assert_lines(
        multi([task("a", Opaque(inner)), task("d", Number(3))]),
        [
            "2 tasks failed",
            "├─ 1. a (@): 2 tasks failed",
            "│     ├─ 1. b (@): x",
            "│     │     y",
            "│     └─ 2. c (@): number 2",
            "└─ 2. d (@): number 3",
        ],
    );
}
