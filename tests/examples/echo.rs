//! `echo`: server and clients in one program.

use super::*;

#[test]
fn its_defaults_are_a_hundred_clients_with_a_thousand_messages() {
    let output = Program::start("echo", &[]).end();
    assert_eq!(output.code(), 0, "{output:?}");
    assert_eq!(in_table(&output, "connections"), 100.0);
    assert_eq!(in_table(&output, "messages"), 100_000.0);
    assert_eq!(in_table(&output, "bytes"), 6_400_000.0);
    let trips = ["round trip p50", "           p99", "           max"];
    assert!(trips.iter().all(|label| in_table(&output, label) > 0.0));
    // Without a terminal: lines, and nothing that moves a cursor.
    assert!(output.stdout.contains(" %  "), "{output:?}");
    assert!(!output.stdout.contains(['\r', '\x1b']), "{output:?}");
}

#[test]
fn messages_of_all_sizes_come_back() {
    for size in ["1", "4096", "4097", "16385", "1000000", "16777216"] {
        let options = [
            "--clients",
            "3",
            "--messages",
            "2",
            "--quiet",
            "--size",
            size,
        ];
        let output = Program::start("echo", &options).end();
        assert_eq!(output.code(), 0, "{size}: {output:?}");
        assert_eq!(
            in_table(&output, "bytes"),
            6.0 * size.parse::<f64>().unwrap()
        );
    }
}

#[test]
fn more_clients_than_the_soft_limit_allows_are_no_problem() {
    let options = ["--clients", "200", "--messages", "2", "--quiet"];
    let output = Program::start_limited("-S -n 64", "echo", &options).end();
    assert_eq!(output.code(), 0, "{output:?}");
}

#[test]
fn more_clients_than_the_hard_limit_allows_are_refused() {
    let output = Program::start_limited("-n 200", "echo", &["--clients", "100000"]).end();
    let expected = "echo: 100000 clients need 200010 file descriptors, but the limit is 200: use \
                    fewer --clients, or raise it with \"ulimit -n 200010\"";
    output.assert_usage_error(expected);
}
