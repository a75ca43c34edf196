//! Running a model, and making sure that one with a planted bug fails.

use std::env;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Set, in the child process of a planted bug, to the name of its test.
const PLANTED: &str = "NESTLING_PLANTED";

/// Runs `model` in every interleaving.
pub(crate) fn check(model: impl Fn() + Send + Sync + 'static) {
    run(None, model);
}

/// Runs `model` in every interleaving in which threads are interrupted, rather than blocked, at most
/// `preemptions` times.
pub(crate) fn check_within(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    run(Some(preemptions), model);
}

fn run(preemptions: Option<usize>, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(preemptions);
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    builder.check(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        model();
    });
    let name = std::thread::current().name().map(str::to_owned);
    println!(
        "{}: {} interleavings",
        name.unwrap_or_default(),
        count.load(Ordering::Relaxed)
    );
}

/// Makes sure that `model`, run as the test `test` in a process of its own, fails and says `says`.
pub(crate) fn must_fail(test: &str, says: &str, model: impl Fn() + Send + Sync + 'static) {
    // The test's name as the test harness has it: without the crate.
    let test = test.split_once("::").map_or(test, |(_, name)| name);
    if env::var(PLANTED).as_deref() == Ok(test) {
        return run(Some(3), model);
    }
    let output = Command::new(env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env(PLANTED, test)
        .output()
        .unwrap();
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text += &String::from_utf8_lossy(&output.stderr);
    assert!(
        text.contains("running 1 test") && !output.status.success(),
        "the planted bug was not found:\n{text}"
    );
    assert!(text.contains(says), "it failed for another reason:\n{text}");
}

/// A test that passes if the model fails, with these words.
macro_rules! caught {
    ($(#[$about:meta])* $name:ident, $says:literal, $model:expr) => {
        $(#[$about])*
        #[test]
        fn $name() {
            let test = concat!(module_path!(), "::", stringify!($name));
            $crate::check::must_fail(test, $says, $model);
        }
    };
}
