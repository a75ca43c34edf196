//! This program again, for one of its tests that must fail.

use std::process::Command;

/// How a test that is ignored otherwise ended, and what it said.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) passed: bool,
    pub(crate) said: String,
}

impl Ended {
    #[track_caller]
    pub(crate) fn expect_passed(&self) {
        assert!(self.passed, "it failed:\n{}", self.said);
    }

    /// It has failed and said all of this.
    #[track_caller]
    pub(crate) fn expect_failed(&self, with: &[&str]) {
        assert!(!self.passed, "it passed:\n{}", self.said);
        for text in with {
            assert!(self.said.contains(text), "no `{text}` in:\n{}", self.said);
        }
    }
}

/// Runs the planted tests whose name is, or contains, `name`.
pub(crate) fn run(name: &str, options: &[&str], variables: &[(&str, &str)]) -> Ended {
    let program = std::env::current_exe().expect("a program knows where it is");
    let output = Command::new(program)
        .arg(name)
        .arg("--ignored")
        .args(options)
        .env("RUST_BACKTRACE", "0")
        .env_remove("NEXTEST_EXECUTION_MODE")
        .env_remove("RUST_TEST_THREADS")
        .env_remove("NESTLING_SEED")
        .envs(variables.iter().copied())
        .output()
        .expect("what runs can be run again");
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(!said.contains("running 0 tests"), "there is no `{name}`");
    Ended {
        passed: output.status.success(),
        said,
    }
}

/// As [`run`], as the only test of its process.
pub(crate) fn run_alone(name: &str) -> Ended {
    run(name, &["--exact"], &[])
}

/// As [`run`], so that other tests might run beside it.
pub(crate) fn run_beside_others(name: &str) -> Ended {
    run(name, &["--test-threads=2"], &[])
}
