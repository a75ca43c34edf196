//! Whether the tests of this process run one after the other.

use std::sync::OnceLock;
use std::thread::available_parallelism;

/// Whether no other test runs while one does. Said only if it is certain: what the harness of
/// `cargo test` was told is read from where it reads it.
pub(super) fn one_test_at_a_time() -> bool {
    static SERIAL: OnceLock<bool> = OnceLock::new();
    *SERIAL.get_or_init(|| {
        let variable = |name| std::env::var_os(name).map(|it| it.to_string_lossy().into_owned());
        let arguments = std::env::args_os().skip(1);
        let arguments: Vec<_> = arguments
            .map(|argument| argument.to_string_lossy().into_owned())
            .collect();
        let told = Told {
            process_per_test: variable("NEXTEST_EXECUTION_MODE").as_deref()
                == Some("process-per-test"),
            threads: variable("RUST_TEST_THREADS"),
            processors: available_parallelism().map_or(1, usize::from),
            arguments: &arguments,
        };
        told.is_serial()
    })
}

/// What decides.
struct Told<'a> {
    process_per_test: bool,
    /// By the environment.
    threads: Option<String>,
    processors: usize,
    arguments: &'a [String],
}

impl Told<'_> {
    fn is_serial(&self) -> bool {
        self.process_per_test || self.threads() == 1 || self.is_of_one_test()
    }

    fn threads(&self) -> usize {
        let mut arguments = self.arguments.iter();
        while let Some(argument) = arguments.next() {
            let number = match argument.strip_prefix("--test-threads") {
                Some("") => arguments.next().map(String::as_str),
                Some(number) => number.strip_prefix('='),
                None => continue,
            };
            return number.and_then(|it| it.parse().ok()).unwrap_or_default();
        }
        match &self.threads {
            Some(number) => number.parse().unwrap_or_default(),
            None => self.processors,
        }
    }

    /// Whether the harness was asked for one test by its whole name, and for nothing else but what is
    /// known to change nothing about that.
    fn is_of_one_test(&self) -> bool {
        let (options, names): (Vec<_>, Vec<_>) = self
            .arguments
            .iter()
            .map(String::as_str)
            .partition(|argument| argument.starts_with('-'));
        names.len() == 1
            && options.contains(&"--exact")
            && options.iter().all(|option| HARMLESS.contains(option))
    }
}

/// Options of the harness that are followed by no value and select no further tests.
const HARMLESS: [&str; 8] = [
    "--exact",
    "--nocapture",
    "--no-capture",
    "--show-output",
    "--ignored",
    "--include-ignored",
    "--quiet",
    "-q",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn is_serial(arguments: &str, threads: Option<&str>, processors: usize) -> bool {
        let arguments: Vec<_> = arguments.split_whitespace().map(str::to_owned).collect();
        let told = Told {
            process_per_test: false,
            threads: threads.map(str::to_owned),
            processors,
            arguments: &arguments,
        };
        told.is_serial()
    }

    #[test]
    fn one_thread_means_one_test() {
        assert!(is_serial("--test-threads=1", None, 8));
        assert!(is_serial("--nocapture --test-threads 1 name", Some("4"), 8));
        assert!(is_serial("name", Some("1"), 8));
        assert!(is_serial("", None, 1));
        assert!(!is_serial("", None, 2));
        assert!(!is_serial("--test-threads=2", Some("1"), 1));
        assert!(!is_serial("--test-threads", None, 1));
        assert!(!is_serial("", Some("many"), 1));
    }

    #[test]
    fn one_whole_name_means_one_test() {
        assert!(is_serial("a::b --exact --nocapture", None, 8));
        assert!(is_serial("--exact --ignored a::b", None, 8));
        assert!(!is_serial("a::b", None, 8));
        assert!(!is_serial("--exact", None, 8));
        assert!(!is_serial("--exact a b", None, 8));
        assert!(!is_serial("--exact --skip b", None, 8));
    }
}
