//! Writing to standard output without a panic when nobody reads it any more.

use std::fmt;
use std::io::{self, ErrorKind, Write};
use std::process;

/// What a shell shows for a program that `SIGPIPE` has ended (128 + 13).
const ENDED_BY_SIGPIPE: i32 = 141;

/// As `println!`, but when the reader has gone (`| head`) the program ends without a word.
macro_rules! say {
    ($($text:tt)*) => {
        $crate::kit::output::line(format_args!($($text)*))
    };
}
pub(crate) use say;

/// What `say!` does.
pub fn line(text: fmt::Arguments<'_>) {
    let mut stdout = io::stdout().lock();
    check(
        stdout
            .write_fmt(text)
            .and_then(|()| stdout.write_all(b"\n")),
    );
}

/// Writes text as it is, and shows it at once.
pub fn raw(text: &str) {
    let mut stdout = io::stdout().lock();
    check(
        stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.flush()),
    );
}

/// One line on standard error.
pub fn complain(text: fmt::Arguments<'_>) {
    // If that is closed too, there is nobody left to tell.
    let _unheard = writeln!(io::stderr().lock(), "{text}");
}

fn check(written: io::Result<()>) {
    let Err(error) = written else { return };
    // What most programs do in this case: they are ended by a signal, which Rust turns off.
    if error.kind() == ErrorKind::BrokenPipe {
        process::exit(ENDED_BY_SIGPIPE);
    }
    complain(format_args!("cannot write to standard output: {error}"));
    process::exit(1);
}

/// Displays bytes as `b'text\n'`.
#[derive(Debug)]
pub struct Bytes<'a>(pub &'a [u8]);

impl fmt::Display for Bytes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("b'")?;
        for &byte in self.0 {
            match byte {
                b'"' => f.write_str("\"")?,
                byte => write!(f, "{}", byte.escape_ascii())?,
            }
        }
        f.write_str("'")
    }
}

#[cfg(test)]
mod tests {
    use super::Bytes;

    #[test]
    fn bytes_are_shown_as_text_where_they_are() {
        assert_eq!(Bytes(b"").to_string(), "b''");
        assert_eq!(
            Bytes(b"hi \"you\"\n\x00\xff").to_string(),
            r#"b'hi "you"\n\x00\xff'"#
        );
        assert_eq!(Bytes(b"it's").to_string(), r"b'it\'s'");
    }
}
