//! Lines of text from a stream, of limited length.

use nestling::net::{ByteStream, Error};

/// Reads lines from a stream, which may be a reference to one.
pub struct Lines<S> {
    stream: S,
    /// What has come in and was not returned yet.
    buffer: Vec<u8>,
    /// How many bytes of that have no end of line among them.
    searched: usize,
    bytes_max: usize,
}

/// Why there is no line.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    #[error("a line is longer than {0} bytes")]
    TooLong(usize),
    #[error(transparent)]
    Stream(#[from] Error),
}

impl<S: ByteStream> Lines<S> {
    /// Lines of at most `bytes_max` bytes. Who never ends a line does not fill our memory.
    pub fn new(stream: S, bytes_max: usize) -> Lines<S> {
        Lines {
            stream,
            buffer: Vec::new(),
            searched: 0,
            bytes_max,
        }
    }

    /// The stream, to write to.
    pub fn stream(&self) -> &S {
        &self.stream
    }

    /// The next line without its end, or `None` at the end of the stream.
    ///
    /// Cut off while it waits it has lost nothing: what has come in is in the buffer.
    pub async fn next(&mut self) -> Result<Option<String>, LineError> {
        loop {
            let new = &self.buffer[self.searched..];
            if let Some(found) = new.iter().position(|byte| *byte == b'\n') {
                return self.take(self.searched + found, 1).map(Some);
            }
            self.searched = self.buffer.len();
            // One more may be the first half of `\r\n`.
            if self.searched > self.bytes_max.saturating_add(1) {
                return Err(LineError::TooLong(self.bytes_max));
            }
            let mut piece = [0; 1024];
            match self.stream.read(&mut piece).await? {
                0 if self.buffer.is_empty() => return Ok(None),
                0 => return self.take(self.searched, 0).map(Some),
                count => self.buffer.extend_from_slice(&piece[..count]),
            }
        }
    }

    /// Takes a line and its end out of the buffer.
    fn take(&mut self, length: usize, end: usize) -> Result<String, LineError> {
        self.searched = 0;
        let mut line: Vec<u8> = self.buffer.drain(..length + end).collect();
        line.truncate(length);
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        if line.len() > self.bytes_max {
            return Err(LineError::TooLong(self.bytes_max));
        }
        Ok(String::from_utf8_lossy(&line).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use nestling::net::{ByteStream, Error};
    use nestling::run;
    use nestling::testing::memory_stream_pair;

    use super::{LineError, Lines};

    /// The lines of `pieces`, each of which comes in by itself, and whether the stream ended after that.
    fn lines_of(pieces: &[&[u8]], bytes_max: usize) -> (Vec<String>, bool) {
        run(async {
            let (client, server) = memory_stream_pair();
            let mut lines = Lines::new(server, bytes_max);
            let mut found = vec![];
            for piece in pieces {
                client.write_all(piece).await?;
                // Cut off in the middle of a line, it goes on there the next time.
                while let Some(line) =
                    nestling::move_on_after(Default::default(), lines.next()).await
                {
                    match line {
                        Ok(line) => found.extend(line),
                        Err(_) => return Ok((found, false)),
                    }
                }
            }
            drop(client);
            loop {
                match lines.next().await {
                    Ok(Some(line)) => found.push(line),
                    Ok(None) => return Ok::<_, Error>((found, true)),
                    Err(LineError::TooLong(_)) => return Ok((found, false)),
                    Err(LineError::Stream(error)) => return Err(error),
                }
            }
        })
        .unwrap()
    }

    #[test]
    fn lines_are_found_wherever_the_stream_is_torn() {
        let text = b"one\r\n\ntwo\nthree";
        let expected = ["one", "", "two", "three"];
        for cut in 0..text.len() {
            let (start, end) = text.split_at(cut);
            let (lines, ended) = lines_of(&[start, end], 10);
            assert_eq!(lines, expected, "cut at {cut}");
            assert!(ended);
        }
    }

    #[test]
    fn a_line_may_be_as_long_as_the_limit_and_no_longer() {
        let (lines, ended) = lines_of(&[b"12345\n123456\n"], 5);
        assert_eq!((lines, ended), (vec!["12345".to_owned()], false));
        let (lines, ended) = lines_of(&[b"12345\r", b"\n"], 5);
        assert_eq!((lines, ended), (vec!["12345".to_owned()], true));
        let (lines, ended) = lines_of(&[b"123", b"456"], 5);
        assert_eq!((lines, ended), (vec![], false));
    }
}
