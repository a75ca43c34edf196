//! Example programs as child processes. Every wait ends after a while, and no process is left.

use std::env;
use std::io::{BufRead, BufReader, Read};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, kill_process};

pub(crate) use rustix::process::Signal;

/// How long a program may take for whatever is waited for, on the slowest of machines.
const PATIENCE: Duration = Duration::from_secs(60);

/// The program's file, beside the folder in which this test's own file is.
fn path(name: &str) -> PathBuf {
    let mut path = env::current_exe().unwrap();
    path.pop();
    if path.ends_with("deps") {
        path.pop();
    }
    path.push("examples");
    path.push(name);
    assert!(
        path.exists(),
        "{path:?} is missing: `cargo test` or `cargo build --examples` makes it"
    );
    path
}

/// What a program has printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    status: ExitStatus,
}

impl Output {
    pub(crate) fn code(&self) -> i32 {
        self.status
            .code()
            .unwrap_or_else(|| panic!("ended by a signal: {self:?}"))
    }

    /// One line that contains `text`, and status 2.
    #[track_caller]
    pub(crate) fn assert_usage_error(&self, text: &str) {
        self.assert_error(text, 2);
        assert_eq!(self.stdout, "");
    }

    /// One line that contains `text`, and status 1.
    #[track_caller]
    pub(crate) fn assert_failure(&self, text: &str) {
        self.assert_error(text, 1);
    }

    #[track_caller]
    fn assert_error(&self, text: &str, code: i32) {
        assert!(self.stderr.contains(text), "not {text:?} but {self:?}");
        assert_eq!(self.stderr.lines().count(), 1, "{self:?}");
        assert_eq!(self.code(), code, "{self:?}");
    }
}

/// Lines as they come, read by a thread.
#[derive(Debug)]
struct Lines {
    receiver: Receiver<String>,
    read: String,
}

impl Lines {
    fn of(source: impl Read + Send + 'static) -> Lines {
        let (sender, receiver) = channel();
        thread::spawn(move || {
            let mut lines = BufReader::new(source).lines().map_while(Result::ok);
            lines.all(|line| sender.send(line).is_ok());
        });
        Lines {
            receiver,
            read: String::new(),
        }
    }

    /// The next line, or `None` at the end.
    #[track_caller]
    fn next(&mut self) -> Option<String> {
        match self.receiver.recv_timeout(PATIENCE) {
            Ok(line) => {
                self.read.push_str(&line);
                self.read.push('\n');
                Some(line)
            }
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => {
                panic!("nothing for {PATIENCE:?} after {}", self.read)
            }
        }
    }
}

/// A running program. Dropped, it is killed.
#[derive(Debug)]
pub(crate) struct Program {
    child: Child,
    stdout: Lines,
    stderr: Lines,
    /// Where `stdout` is read from: unlike a pipe, it can be closed while a thread reads.
    output: UnixStream,
}

impl Program {
    pub(crate) fn start(name: &str, options: &[&str]) -> Program {
        let mut command = Command::new(path(name));
        command.args(options);
        Program::spawn(command)
    }

    /// As `start`, with what the shell's `ulimit` sets.
    pub(crate) fn start_limited(limit: &str, name: &str, options: &[&str]) -> Program {
        let mut command = Command::new("sh");
        command
            .arg("-c")
            .arg(format!("ulimit {limit} && exec \"$0\" \"$@\""));
        command.arg(path(name)).args(options);
        Program::spawn(command)
    }

    /// A pipeline in the shell's words, in which `$0` is the program.
    pub(crate) fn start_in_shell(name: &str, pipeline: &str) -> Program {
        let mut command = Command::new("sh");
        command.arg("-c").arg(pipeline).arg(path(name));
        Program::spawn(command)
    }

    fn spawn(mut command: Command) -> Program {
        let (output, theirs) = UnixStream::pair().unwrap();
        command
            .stdin(Stdio::null())
            .stdout(OwnedFd::from(theirs))
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        Program {
            stdout: Lines::of(output.try_clone().unwrap()),
            stderr: Lines::of(child.stderr.take().unwrap()),
            child,
            output,
        }
    }

    /// The next line on standard output.
    #[track_caller]
    pub(crate) fn line(&mut self) -> String {
        let line = self.stdout.next();
        line.unwrap_or_else(|| panic!("it has ended: {self:?}"))
    }

    /// The next line on standard output that contains `text`.
    #[track_caller]
    pub(crate) fn line_with(&mut self, text: &str) -> String {
        loop {
            match self.stdout.next() {
                Some(line) if line.contains(text) => return line,
                Some(_) => {}
                None => panic!("it has ended without {text:?}: {self:?}"),
            }
        }
    }

    /// The next line on standard error.
    #[track_caller]
    pub(crate) fn complaint(&mut self) -> String {
        let line = self.stderr.next();
        line.unwrap_or_else(|| panic!("it has ended: {self:?}"))
    }

    /// Sends it a signal.
    #[track_caller]
    pub(crate) fn signal(&mut self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// What it prints from now on finds nobody who reads it.
    pub(crate) fn close_stdout(&mut self) {
        self.output.shutdown(Shutdown::Both).unwrap();
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn end(&mut self) -> Output {
        while self.stdout.next().is_some() {}
        while self.stderr.next().is_some() {}
        // It has closed both, so it has ended or is about to.
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(start.elapsed() < PATIENCE, "it does not end: {self:?}");
            thread::sleep(Duration::from_millis(1));
        };
        Output {
            stdout: self.stdout.read.clone(),
            stderr: self.stderr.read.clone(),
            status,
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // An error means that it has ended.
        self.child.kill().unwrap_or_default();
        self.child.wait().unwrap();
    }
}
