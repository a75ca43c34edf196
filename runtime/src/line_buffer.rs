//! Lines out of bytes that come in pieces.

use std::fmt;
use std::io;

/// A line was longer than its reader allows. It has been passed over, and the next one can be read.
///
/// It comes inside an error of the kind [`InvalidData`](io::ErrorKind::InvalidData).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a line is longer than {limit} bytes, the limit of its reader: allow for more with `max_length`"
)]
#[non_exhaustive]
pub struct LineTooLong {
    /// How many bytes it may have.
    pub limit: usize,
}

impl From<LineTooLong> for io::Error {
    fn from(error: LineTooLong) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, error)
    }
}

/// How long a line may be unless its reader says otherwise, in bytes.
pub(crate) const LENGTH_MAX: usize = 1 << 20;

/// Bytes that have been read, on their way out line by line.
#[derive(Default)]
pub(crate) struct LineBuffer {
    bytes: Vec<u8>,
    /// Where the next line begins.
    start: usize,
    /// Up to where there is no end of a line.
    searched: usize,
    /// The rest of a line that was too long is to be passed over.
    skipping: bool,
}

impl LineBuffer {
    pub(crate) const fn new() -> LineBuffer {
        LineBuffer {
            bytes: Vec::new(),
            start: 0,
            searched: 0,
            skipping: false,
        }
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        // Moved down here, and not after every line, so that each byte is moved once or so.
        self.bytes.drain(..self.start);
        self.searched -= self.start;
        self.start = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// How many bytes wait.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// The next line that is there as a whole, without its end (`\n` or `\r\n`).
    pub(crate) fn line(&mut self, limit: usize) -> Option<Result<Vec<u8>, LineTooLong>> {
        loop {
            let unseen = self.bytes.get(self.searched..).unwrap_or_default();
            let Some(at) = unseen.iter().position(|byte| *byte == b'\n') else {
                self.searched = self.bytes.len();
                if self.skipping {
                    self.clear();
                    return None;
                }
                // One more, which may be half of a line's end.
                if self.len() <= limit.saturating_add(1) {
                    return None;
                }
                self.clear();
                self.skipping = true;
                return Some(Err(LineTooLong { limit }));
            };
            let end = self.searched + at;
            let line = self.bytes.get(self.start..end).unwrap_or_default();
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let result = if line.len() > limit {
                Err(LineTooLong { limit })
            } else {
                Ok(line.to_vec())
            };
            self.start = end + 1;
            self.searched = self.start;
            if !std::mem::take(&mut self.skipping) {
                return Some(result);
            }
        }
    }

    /// What is there at the end, a line that nothing ends.
    pub(crate) fn rest(&mut self, limit: usize) -> Option<Result<Vec<u8>, LineTooLong>> {
        let rest = self.bytes.get(self.start..).unwrap_or_default().to_vec();
        let skipped = std::mem::take(&mut self.skipping);
        self.clear();
        if skipped || rest.is_empty() {
            return None;
        }
        Some(if rest.len() > limit {
            Err(LineTooLong { limit })
        } else {
            Ok(rest)
        })
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.start = 0;
        self.searched = 0;
    }
}

impl fmt::Debug for LineBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LineBuffer({} bytes)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(pieces: &[&str], limit: usize) -> Vec<Result<String, usize>> {
        let text = |line: Result<Vec<u8>, LineTooLong>| match line {
            Ok(line) => Ok(String::from_utf8(line).unwrap()),
            Err(error) => Err(error.limit),
        };
        let mut buffer = LineBuffer::new();
        let mut lines = vec![];
        for piece in pieces {
            buffer.push(piece.as_bytes());
            while let Some(line) = buffer.line(limit) {
                lines.push(text(line));
            }
        }
        lines.extend(buffer.rest(limit).map(text));
        assert_eq!(buffer.len(), 0);
        lines
    }

    fn ok(lines: &[&str]) -> Vec<Result<String, usize>> {
        lines.iter().map(|line| Ok((*line).to_owned())).collect()
    }

    #[test]
    fn lines_come_out_whole_however_their_bytes_come_in() {
        assert_eq!(lines(&["a\nb\r\n", "\n", "c"], 9), ok(&["a", "b", "", "c"]));
        assert_eq!(lines(&["a", "b", "\r", "\n"], 2), ok(&["ab"]));
        assert_eq!(lines(&["", "a\n"], 1), ok(&["a"]));
        assert_eq!(lines(&["a\rb\n"], 9), ok(&["a\rb"]));
        assert_eq!(lines(&[], 9), ok(&[]));
    }

    #[test]
    fn a_line_that_is_too_long_is_passed_over_once() {
        let expected = vec![Ok("ab".to_owned()), Err(2), Ok("de".to_owned())];
        assert_eq!(lines(&["ab\nabc\nde\n"], 2), expected);
        assert_eq!(lines(&["ab\nabc", "abc", "abc\nde"], 2), expected);
        assert_eq!(lines(&["ab\nabcd", "abc\nd", "e"], 2), expected);
        assert_eq!(lines(&["abc"], 2), [Err(2)]);
        assert_eq!(lines(&["abcd", "e"], 2), [Err(2)]);
        assert_eq!(lines(&["\r\n", "\n"], 0), ok(&["", ""]));
        assert_eq!(lines(&["x\n"], 0), [Err(0)]);
        assert_eq!(lines(&["x\n"], usize::MAX), ok(&["x"]));
    }
}
