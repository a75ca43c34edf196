//! Nobody reads what a program prints.

use super::*;

#[test]
fn a_program_whose_reader_has_gone_ends_quietly() {
    for (name, first) in [
        ("tutorial", "parent: started!"),
        ("echo", "100 clients of an echo server"),
    ] {
        let mut program = Program::start(name, &[]);
        program.line_with(first);
        program.close_stdout();
        let output = program.end();
        assert_eq!(output.code(), 141, "{name}: {output:?}");
        assert_eq!(output.stderr, "");
    }
}

#[test]
fn head_is_enough_of_a_reader() {
    for name in ["tutorial", "borrow", "errors", "start", "echo"] {
        let output = Program::start_in_shell(name, "\"$0\" | head -n 1").end();
        assert_eq!(output.stdout.lines().count(), 1, "{name}: {output:?}");
        assert_eq!(output.stderr, "", "{name}");
    }
}

#[test]
fn so_does_the_server_when_it_has_something_to_say() {
    let (mut server, address) = echo_server(&[]);
    server.close_stdout();
    let mut client = connect(address);
    let answer = client.read(&mut [0; 8]);
    assert!(answer.map_or(true, |count| count == 0));
    let output = server.end();
    assert_eq!(output.code(), 141, "{output:?}");
    assert_eq!(output.stderr, "");
}
