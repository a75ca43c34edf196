//! No future of the library is left out of the tests that stop programs everywhere.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The crates whose futures users await.
const SOURCES: [&str; 3] = ["runtime/src", "nursery/src", "net/src"];

fn files(below: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(below).expect("the crate has sources") {
        let path = entry.expect("the list is readable").path();
        if path.is_dir() {
            self::files(&path, files);
        } else {
            files.push(path);
        }
    }
}

fn texts(below: &Path) -> Vec<String> {
    let mut paths = Vec::new();
    files(below, &mut paths);
    // What this file calls is stopped nowhere.
    let is_code = |path: &PathBuf| {
        path.extension().is_some_and(|extension| extension == "rs")
            && !path.ends_with("tests.rs")
            && !path.ends_with("everywhere/covered.rs")
            && !path.to_string_lossy().contains("src/tests/")
    };
    paths.retain(is_code);
    paths
        .iter()
        .map(|path| fs::read_to_string(path).expect("sources are text"))
        .collect()
}

/// The name at the beginning of `text`.
fn name(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_');
    &text[..end.unwrap_or(text.len())]
}

/// What users await: functions by their names, types with the functions that return them.
#[derive(Debug, Default)]
struct Futures {
    functions: Vec<String>,
    types: BTreeMap<String, Vec<String>>,
}

impl Futures {
    fn read(texts: &[String]) -> Futures {
        let mut futures = Futures::default();
        for line in texts.iter().flat_map(|text| text.lines()) {
            let line = line.trim();
            if let Some(function) = line.strip_prefix("pub async fn ") {
                futures.functions.push(name(function).to_owned());
            }
            let implements = line
                .strip_prefix("impl")
                .and_then(|line| line.split_once("Future for "));
            if let Some((_, of)) = implements {
                futures.types.entry(name(of).to_owned()).or_default();
            }
        }
        for text in texts {
            futures.read_makers(text);
        }
        // Types that no public function returns are parts of others.
        futures.types.retain(|_, makers| !makers.is_empty());
        futures
    }

    /// Looks for `pub fn maker(…) -> Type`, however many lines it has.
    fn read_makers(&mut self, text: &str) {
        for signature in text.split("pub fn ").skip(1) {
            let maker = name(signature);
            let head = signature.split(['{', ';']).next().unwrap_or_default();
            let Some((_, output)) = head.rsplit_once("-> ") else {
                continue;
            };
            if output.starts_with("impl Future") {
                self.functions.push(maker.to_owned());
            } else if let Some(makers) = self.types.get_mut(name(output)) {
                makers.push(maker.to_owned());
            }
        }
    }
}

/// The tests that stop programs everywhere.
fn tests_everywhere() -> String {
    texts("tests/everywhere".as_ref()).concat()
}

#[cfg_attr(miri, ignore = "it reads files, slowly")]
#[test]
fn every_future_of_the_library_is_stopped_everywhere() {
    let sources: Vec<String> = SOURCES
        .iter()
        .flat_map(|path| texts(path.as_ref()))
        .collect();
    let futures = Futures::read(&sources);
    assert!(futures.functions.iter().any(|name| name == "accept"));
    assert_eq!(futures.types["Sleep"], ["sleep", "sleep_until"]);
    assert!(futures.types.len() >= 15, "{:?}", futures.types);
    let tests = tests_everywhere();
    let is_called = |function: &String| {
        let call = format!("{function}(");
        let mut calls = tests.match_indices(&call);
        // Not the end of a longer name.
        calls.any(|(at, _)| !tests[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
    };
    let mut missing: Vec<String> = Vec::new();
    missing.extend(
        futures
            .functions
            .iter()
            .filter(|it| !is_called(it))
            .cloned(),
    );
    for (future, makers) in &futures.types {
        if !makers.iter().any(is_called) {
            missing.push(format!("{future} ({})", makers.join(", ")));
        }
    }
    assert!(
        missing.is_empty(),
        "these futures are cut off nowhere in tests/everywhere: {missing:#?}"
    );
}

#[test]
fn what_is_awaited_is_found() {
    let text = "
        pub async fn one(&self) {}
        pub(crate) async fn not_this(&self) {}
        impl<F: Future> Future for Two<F> {
        impl IntoFuture for Three {
        impl Future for Hidden {
        pub fn two<F: Future>(
            future: F,
        ) -> Two<F> {
        pub fn three(f: impl Fn() -> u8) -> Three {
        pub fn four() -> impl Future<Output = ()> {
        pub fn five() {}";
    let futures = Futures::read(&[text.to_owned()]);
    assert_eq!(futures.functions, ["one", "four"]);
    let types: Vec<_> = futures.types.iter().collect();
    assert_eq!(
        types,
        [
            (&"Three".to_owned(), &vec!["three".to_owned()]),
            (&"Two".to_owned(), &vec!["two".to_owned()])
        ]
    );
}
