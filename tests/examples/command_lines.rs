//! Right and wrong command lines.

use super::*;

#[test]
fn wrong_ones_get_one_line_that_says_what_would_be_right() {
    let size = "--size takes a number of bytes from 1 to 16777216, not ";
    let address = "is not an address: write HOST:PORT";
    for (command, expected) in [
        ("echo --size 0", size),
        ("echo --size 1073741824", size),
        ("echo --size 1GiB", size),
        ("echo --size -1", size),
        ("echo --size", "missing argument"),
        (
            "echo --clients 0",
            "--clients takes a number of connections from 1 to 1000000",
        ),
        (
            "echo --clients 99999999999999999999",
            "--clients takes a number",
        ),
        (
            "echo --messages 0",
            "--messages takes a number of messages from 1 to 1000000000",
        ),
        ("echo --colour", "--colour"),
        ("echo 127.0.0.1:1", "127.0.0.1:1"),
        (
            "echo_server nonsense",
            "\"nonsense\" is not an address: write HOST:PORT",
        ),
        ("echo_server 127.0.0.1", address),
        ("echo_server 127.0.0.1:66000", address),
        ("echo_server 1.2.3.4.5:80", address),
        ("echo_server 127.0.0.1:1 127.0.0.1:2", "127.0.0.1:2"),
        (
            "echo_server --grace soon",
            "--grace takes a number of seconds from 0 to 86400",
        ),
        (
            "echo_server --grace -1",
            "--grace takes a number of seconds",
        ),
        (
            "echo_server --grace NaN",
            "--grace takes a number of seconds",
        ),
        ("echo_client :::", address),
        (
            "echo_client --connections none",
            "--connections takes a number",
        ),
        ("echo_client --size 0", size),
    ] {
        let mut words = command.split(' ');
        let name = words.next().unwrap();
        let output = Program::start(name, &words.collect::<Vec<_>>()).end();
        output.assert_usage_error(expected);
    }
}

#[test]
fn help_goes_to_standard_output() {
    for name in ["echo", "echo_server", "echo_client"] {
        for option in ["--help", "-h"] {
            let output = Program::start(name, &[option]).end();
            assert_eq!(output.code(), 0);
            assert!(
                output.stdout.contains(&format!("Usage: {name} ")),
                "{output:?}"
            );
            assert!(
                output.stdout.lines().all(|line| line.len() <= 80),
                "{output:?}"
            );
        }
    }
}
