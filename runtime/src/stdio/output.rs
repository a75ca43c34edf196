//! The standard output and error.

use std::fmt;
use std::io::{self, Write};

use super::writing::{Line, Writing};

/// The standard output.
///
/// ```
/// use nestling_runtime::stdio::stdout;
///
/// # nestling_runtime::run(async {
/// stdout().println("hello").await?;
/// # std::io::Result::Ok(())
/// # })?;
/// # std::io::Result::Ok(())
/// ```
///
/// Writing to it, other than by `println!`, does not hold up the run if it leads into a pipe that nobody
/// reads from. What `print!` has left in its buffer is written before.
#[must_use]
pub fn stdout() -> Output {
    Output { line: &STDOUT }
}

/// The standard error. What is written to it is not buffered anywhere.
///
/// ```
/// use nestling_runtime::stdio::stderr;
///
/// # nestling_runtime::run(async {
/// stderr().println("careful").await?;
/// # std::io::Result::Ok(())
/// # })?;
/// # std::io::Result::Ok(())
/// ```
#[must_use]
pub fn stderr() -> Output {
    Output { line: &STDERR }
}

static STDOUT: Line = Line::new("stdout", |bytes| {
    let mut stdout = io::stdout().lock();
    write(&mut stdout, bytes, wait_for_stdout)?;
    again(wait_for_stdout, || stdout.flush())
});

static STDERR: Line = Line::new("stderr", |bytes| {
    write(&mut io::stderr().lock(), bytes, wait_for_stderr)
});

/// The standard output or error, made by [`stdout`] and [`stderr`].
#[derive(Clone, Copy)]
pub struct Output {
    line: &'static Line,
}

impl Output {
    /// Writes all of `bytes`, after what others have asked for before. A thread does it.
    ///
    /// # Cancel and drop
    /// A checkpoint. Cut off while others write, it has written nothing. Cut off later, all of it is written
    /// nevertheless, as soon as there is room and before anything that is written later, unless the process
    /// ends before; an error comes to who writes next.
    ///
    /// # Errors
    /// What the system says, such as that nobody reads any more; a part may have been written.
    ///
    /// # Panics
    /// Polled outside a run.
    pub async fn write_all(&self, bytes: &[u8]) -> io::Result<()> {
        Writing::new(self.line, bytes).await
    }

    /// Writes a text. `format_args!` makes one.
    ///
    /// # Cancel and drop
    /// As [`write_all`](Output::write_all).
    ///
    /// # Errors
    /// As there.
    ///
    /// # Panics
    /// As there.
    pub async fn print(&self, text: impl fmt::Display) -> io::Result<()> {
        let text = text.to_string();
        self.write_all(text.as_bytes()).await
    }

    /// Writes a text and ends the line.
    ///
    /// # Cancel and drop
    /// As [`write_all`](Output::write_all).
    ///
    /// # Errors
    /// As there.
    ///
    /// # Panics
    /// As there.
    pub async fn println(&self, text: impl fmt::Display) -> io::Result<()> {
        self.print(format_args!("{text}\n")).await
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.line.fmt(f)
    }
}

fn write(to: &mut impl Write, bytes: &[u8], wait: fn() -> io::Result<()>) -> io::Result<()> {
    let mut rest = bytes;
    while !rest.is_empty() {
        match again(wait, || to.write(rest))? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            count => rest = rest.get(count..).unwrap_or_default(),
        }
    }
    Ok(())
}

/// Again after a signal, and when there is room, if somebody has made the stream non-blocking.
fn again<T>(
    wait: fn() -> io::Result<()>,
    mut call: impl FnMut() -> io::Result<T>,
) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => wait()?,
            result => return result,
        }
    }
}

#[cfg(unix)]
fn wait_for_stdout() -> io::Result<()> {
    wait_for(io::stdout())
}

#[cfg(unix)]
fn wait_for_stderr() -> io::Result<()> {
    wait_for(io::stderr())
}

#[cfg(unix)]
fn wait_for(stream: impl std::os::fd::AsFd) -> io::Result<()> {
    use rustix::event::{PollFd, PollFlags, poll};

    let mut fds = [PollFd::new(&stream, PollFlags::OUT)];
    match poll(&mut fds, None) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(not(unix))]
fn wait_for_stdout() -> io::Result<()> {
    Err(io::ErrorKind::WouldBlock.into())
}

#[cfg(not(unix))]
fn wait_for_stderr() -> io::Result<()> {
    wait_for_stdout()
}
