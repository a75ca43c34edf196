//! Random programs, compared with a small machine that knows nothing but the rules.
//!
//! `MODEL_PROGRAMS=100000 cargo test --release --test model` tries more of them, and `MODEL_SEED=17`
//! one of them, which is printed.

mod build;
mod channel;
mod check;
mod failures;
mod generate;
mod host;
mod machine;
mod outcome;
mod program;
mod random;
mod real;
mod smaller;
mod steps;
#[path = "../support/mod.rs"]
mod support;
mod sync;
mod unwinding;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};

use machine::{Schedule, predict};
use outcome::Outcome;
use program::Program;
use random::Random;

/// How many orders of what happens in one moment are tried before a program counts as failed.
const SCHEDULES: u64 = 3000;

/// The `at`th order that the rules allow.
fn schedule(at: u64) -> Schedule {
    match at {
        0 => Schedule::First,
        1 => Schedule::Last,
        _ => Schedule::Any(Random::new(at)),
    }
}

/// Whether the run did what the rules say: an account of the difference if not.
fn compare(program: &Program) -> Result<(), String> {
    let run = || {
        let (outcome, log) = real::perform(program);
        check::check_order(program, &log);
        outcome
    };
    let outcome = catch_unwind(AssertUnwindSafe(run)).map_err(|payload| {
        let text = payload.downcast::<String>();
        let text = text.map_or_else(|_| "another panic".into(), |text| *text);
        format!("the run panics: {text}")
    })?;
    for at in 0..SCHEDULES {
        if predict(program, &mut schedule(at)) == outcome {
            return Ok(());
        }
    }
    Err(difference(&outcome, &predict(program, &mut schedule(0))))
}

fn difference(real: &Outcome, model: &Outcome) -> String {
    let mut text = format!("the run:\n{real}the rules, for one:\n{model}differing strands:");
    for (strand, events) in &model.strands {
        if real.strands.get(strand) != Some(events) {
            write!(text, " {strand}").expect("a string takes it");
        }
    }
    text
}

/// The smallest program found that still fails.
fn shrink(mut program: Program) -> Program {
    loop {
        let mut candidates = smaller::smaller(&program).into_iter();
        match candidates.find(|smaller| compare(smaller).is_err()) {
            Some(smaller) => program = smaller,
            None => return program,
        }
    }
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name}={text} is no number")),
    )
}

#[test]
fn random_programs_do_what_the_rules_say() {
    if let Some(seed) = number("MODEL_SEED") {
        let program = generate::generate(seed);
        println!("{program}");
        match compare(&program) {
            Ok(()) => println!("{}", real::perform(&program).0),
            Err(text) => panic!("{text}"),
        }
        return;
    }
    let count = number("MODEL_PROGRAMS").unwrap_or(support::times(5000, 50) as u64);
    for seed in 0..count {
        let program = generate::generate(seed);
        if compare(&program).is_err() {
            let small = shrink(program);
            let text = compare(&small).expect_err("that is what shrinking keeps");
            panic!("seed {seed} fails (replay with MODEL_SEED={seed}); smaller:\n{small}\n{text}");
        }
    }
}

/// Were most programs decided by the order of what happens in one moment, or did they leave out what
/// the rules are about, the comparison would say little.
#[cfg_attr(miri, ignore = "nothing of the library takes part")]
#[test]
fn the_programs_are_decided_and_reach_everything() {
    let count = 3000;
    let mut decided = 0;
    let mut seen = BTreeMap::new();
    for seed in 0..count {
        let program = generate::generate(seed);
        let outcome = predict(&program, &mut schedule(0));
        decided += u64::from((1..6).all(|at| predict(&program, &mut schedule(at)) == outcome));
        let events = outcome.strands.values().flatten();
        let texts = events.map(|(_, event)| event.to_string());
        for text in texts.chain([outcome.end.clone()]) {
            let kind = text.trim_start_matches(|c: char| "#0123456789 ".contains(c));
            let kind: String = kind.chars().filter(|c| !c.is_ascii_digit()).collect();
            *seen.entry(kind).or_insert(0) += 1;
        }
    }
    println!("{decided} of {count} programs are decided: {seen:#?}");
    assert!(decided * 10 > count * 7);
    for kind in [
        "cancelled",
        "caught: another task failed",
        "caught: because ",
        "caught: deadline",
        "caught: deadline of #",
        "cleaned up",
        "caught: only daemons are left",
        "cut off: because ",
        "cut off: deadline of #",
        "moved on",
        "not ready",
        "panic ",
        "start cancelled",
        "start failed: error ",
        "too slow",
        "[error ]",
        "[[error ]]",
        "[error , error ]",
        "[too slow]",
        "[cancelled]",
    ] {
        assert!(seen.contains_key(kind), "no program has come to {kind:?}");
    }
}
