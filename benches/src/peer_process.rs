use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use rustix::process::{Pid, Signal, kill_process};

use crate::Error;
use crate::lifetime::end_with_driver;

const STOP_MAX: Duration = Duration::from_secs(20);

/// A server that runs, perhaps inside a counting tool, until it is stopped or dropped.
pub(crate) struct Server {
    /// The tool if there is one, else the server.
    child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) pid: u32,
    /// Its resident bytes before anybody connected.
    pub(crate) resident_before: u64,
}

impl Server {
    /// Starts it and waits until it listens.
    pub(crate) fn start(mut command: Command) -> Result<Self, Error> {
        end_with_driver(&mut command);
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        let ["listening", address, "pid", pid] = words[..] else {
            // It may have ended already; if not, it must.
            let _ = child.kill();
            return Err(format!(
                "the server did not say where it listens ({})",
                child.wait()?
            )
            .into());
        };
        let mut server = Self {
            address: address.parse()?,
            pid: pid.parse()?,
            resident_before: 0,
            child,
        };
        server.resident_before = server.resident()?;
        Ok(server)
    }

    /// Its resident bytes now.
    pub(crate) fn resident(&self) -> Result<u64, Error> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next());
        Ok(1024 * kib.ok_or("no resident size")?.parse::<u64>()?)
    }

    /// Ends the server and waits for the tool's account.
    pub(crate) fn stop(mut self) -> Result<(), Error> {
        let pid = Pid::from_raw(self.pid.try_into()?).ok_or("a server without a process")?;
        kill_process(pid, Signal::TERM)?;
        let begun = Instant::now();
        while self.child.try_wait()?.is_none() {
            if begun.elapsed() > STOP_MAX {
                return Err("the server does not end".into());
            }
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // After `stop` there is nothing to kill, which is all that can go wrong. A server
        // inside a tool ends with the tool: that is its parent.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a program that ends by itself; its standard output.
pub(crate) fn run(mut command: Command) -> Result<String, Error> {
    end_with_driver(&mut command);
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let output = child.wait_with_output()?;
    if !output.status.success() {
        return Err(format!("{:?}: {}", command.get_program(), output.status).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}
