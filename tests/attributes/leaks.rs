//! What a test must not leave behind, and what does not count.

use crate::program::{run, run_alone, run_beside_others};

#[test]
fn what_lives_in_the_run_is_found_anywhere() {
    for ended in [
        run_alone("planted::leaves_a_timer"),
        run_beside_others("planted::leaves_a_timer"),
    ] {
        ended.expect_failed(&["the test left something behind", "1 × timer"]);
        assert!(!ended.said.contains("frame"), "{}", ended.said);
    }
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "the lists are Linux's")]
fn alone_everything_is_found() {
    let ended = run_alone("planted::leaves_everything");
    ended.expect_failed(&[
        "1 × timer",
        "1 × source",
        "× frame",
        "without a name",
        "`reader`",
        "/Cargo.toml",
        ": /dev/null",
        ": socket:[",
        "leaks = \"ignore\"",
    ]);
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "the lists are Linux's")]
fn beside_others_a_thread_without_a_name_is_found() {
    let ended = run_beside_others("planted::leaves_an_unnamed_thread");
    ended.expect_failed(&["without a name"]);
}

#[test]
fn beside_others_nobody_is_blamed_for_what_may_be_anothers() {
    run_beside_others("planted::leaves_what_has_no_owner_beside_others").expect_passed();
}

#[test]
fn what_is_meant_is_ignored() {
    run_alone("planted::leaves_everything_as_meant").expect_passed();
}

#[test]
fn after_a_thread_that_stays_nobody_is_blamed_for_what_it_may_have_opened() {
    run("planted::after_another", &["--test-threads=1"], &[]).expect_passed();
}

#[test]
fn a_failure_is_not_hidden_by_what_it_left() {
    let ended = run_alone("planted::fails_and_leaves_a_timer");
    ended.expect_failed(&["its own failure"]);
    assert!(!ended.said.contains("left something"), "{}", ended.said);
}

#[test]
fn what_ends_in_time_is_not_left() {
    run_alone("planted::starts_threads_and_files_that_end").expect_passed();
    run_beside_others("planted::starts_threads_and_files_that_end").expect_passed();
    run_alone("planted::starts_a_thread_that_ends_later").expect_passed();
}
