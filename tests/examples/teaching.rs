//! The programs that teach one idea each.

use super::*;

#[test]
fn tutorial_prints_what_the_documents_say() {
    let output = Program::start("tutorial", &[]).end();
    assert_eq!(output.code(), 0);
    assert_eq!(
        output.stdout,
        "\
parent: started!
parent: spawning child1...
parent: spawning child2...
parent: waiting for children to finish...
  child1: started! sleeping now...
  child2: started! sleeping now...
  child1: exiting!
  child2: exiting!
parent: all done!
"
    );
}

#[test]
fn each_prints_what_its_source_promises() {
    let names = [
        "tutorial",
        "borrow",
        "errors",
        "start",
        "cleanup",
        "shield",
        "who_cancelled",
        "testing_time",
        "threads",
        "worker_pool",
        "pipeline",
        "rate_limit",
        "chat",
        "send_file",
        "subprocess",
    ];
    for name in names {
        let output = Program::start(name, &[]).end();
        assert_eq!(output.code(), 0, "{name}: {output:?}");
        assert_eq!(output.stdout, promised(name), "{name}");
        assert_eq!(output.stderr, "", "{name}");
    }
}

/// What these print depends, in its middle part, on how busy the machine is, or on every detail of the
/// library.
#[test]
fn those_that_measure_time_begin_and_end_as_promised() {
    for name in ["timeouts", "graceful_shutdown", "testing_network"] {
        let output = Program::start(name, &[]).end();
        assert_eq!(output.code(), 0, "{name}: {output:?}");
        let promised = promised(name);
        assert_eq!(output.stdout.lines().next(), promised.lines().next());
        assert_eq!(output.stdout.lines().last(), promised.lines().last());
        assert_eq!(output.stderr, "", "{name}");
    }
}

#[test]
fn each_tells_how_to_run_it() {
    for (name, source) in sources() {
        let first = source.lines().next().unwrap_or_default();
        assert!(first.contains("`cargo run "), "{name}");
    }
}
