//! The standard input and output of a program: this test binary once more, with its streams in our hands.
use std::env;
use std::io::{self, ErrorKind};
use std::time::Duration;

use nestling::fs;
use nestling::process::{Child, Command, PipeLines, PipeWriter, Stdio};
use nestling::stdio::{stderr, stdin, stdout};
use nestling::{BoxError, catch_cancel, move_on_after, ok, open_nursery, sleep};

use crate::support::{poll_once, run};

const TICK: Duration = Duration::from_millis(1);

/// This program in a role, see `in_a_process_of_its_own`.
fn role(role: &str) -> Command {
    Command::new(env::current_exe().unwrap())
        .args([
            "--exact",
            "stdio::in_a_process_of_its_own",
            "--ignored",
            "--nocapture",
        ])
        .env("NESTLING_STDIO_ROLE", role)
        .stdout(Stdio::Pipe)
}

/// The next line that is not the test harness's.
async fn next(lines: &mut PipeLines) -> Option<String> {
    while let Some(line) = lines.next().await.unwrap() {
        if let Some(line) = line.strip_prefix("> ") {
            return Some(line.to_owned());
        }
    }
    None
}

async fn start(name: &str) -> (Child, PipeWriter, PipeLines) {
    let mut child = role(name).stdin(Stdio::Pipe).spawn().await.unwrap();
    let stdin = child.stdin.take().unwrap();
    let lines = child.stdout.take().unwrap().lines();
    (child, stdin, lines)
}

async fn end(child: Child, lines: &mut PipeLines) {
    assert_eq!(next(lines).await, None);
    assert_eq!(child.wait().await.unwrap().code(), Some(0));
}

#[test]
fn lines_come_in_as_they_are_typed() {
    run(async {
        let (child, stdin, mut lines) = start("echo").await;
        stdin.write_all(b"one\n").await.unwrap();
        assert_eq!(next(&mut lines).await.unwrap(), "one");
        stdin.write_all(b"two\r\nthr").await.unwrap();
        assert_eq!(next(&mut lines).await.unwrap(), "two");
        stdin.write_all(b"ee\n\nfour").await.unwrap();
        assert_eq!(next(&mut lines).await.unwrap(), "three");
        assert_eq!(next(&mut lines).await.unwrap(), "");
        drop(stdin);
        assert_eq!(next(&mut lines).await.unwrap(), "four");
        end(child, &mut lines).await;
    });
}

#[test]
fn a_file_and_nothing_are_read_to_their_end() {
    run(async {
        let file = fs::temp_file().await.unwrap();
        file.write_all(&b"line\n".repeat(20_000)).await.unwrap();
        let input = std::fs::File::open(file.path()).unwrap();
        let mut child = role("echo").stdin(input).spawn().await.unwrap();
        let mut lines = child.stdout.take().unwrap().lines();
        for _ in 0..20_000 {
            assert_eq!(next(&mut lines).await.unwrap(), "line");
        }
        end(child, &mut lines).await;
        let mut child = role("echo").stdin(Stdio::Null).spawn().await.unwrap();
        let mut lines = child.stdout.take().unwrap().lines();
        end(child, &mut lines).await;
    });
}

#[test]
fn nothing_typed_is_lost_by_cancelled_and_dropped_reads() {
    run(async {
        let (child, stdin, mut lines) = start("impatient").await;
        let text: Vec<u8> = (0..300)
            .flat_map(|i| format!("{i}\n").into_bytes())
            .collect();
        open_nursery(async |nursery| {
            nursery.start_soon(async move {
                // Pieces that end anywhere.
                for piece in text.chunks(7) {
                    stdin.write_all(piece).await?;
                    sleep(TICK).await;
                }
                ok(())
            });
            for i in 0..300 {
                assert_eq!(next(&mut lines).await.unwrap(), i.to_string());
            }
        })
        .await
        .unwrap();
        end(child, &mut lines).await;
    });
}

#[test]
fn long_lines_and_no_text_are_passed_over() {
    run(async {
        let (child, stdin, mut lines) = start("limited").await;
        stdin.write_all(&[b'x'; 70_000]).await.unwrap();
        stdin.write_all(b"\nshort\n\xff\nlast\n").await.unwrap();
        drop(stdin);
        assert!(
            next(&mut lines)
                .await
                .unwrap()
                .contains("longer than 10 bytes")
        );
        assert_eq!(next(&mut lines).await.unwrap(), "short");
        assert!(next(&mut lines).await.unwrap().contains("utf-8"));
        assert_eq!(next(&mut lines).await.unwrap(), "last");
        end(child, &mut lines).await;
    });
}

#[test]
fn one_task_reads_at_a_time() {
    run(async {
        let (child, stdin, mut lines) = start("busy").await;
        assert_eq!(next(&mut lines).await.unwrap(), "ready");
        stdin.write_all(b"line\n").await.unwrap();
        assert_eq!(next(&mut lines).await.unwrap(), "line");
        drop(stdin);
        end(child, &mut lines).await;
    });
}

#[test]
fn a_full_pipe_holds_up_nobody_and_what_was_begun_is_written() {
    run(async {
        let mut child = role("clogged").stderr(Stdio::Pipe).spawn().await.unwrap();
        let mut errors = child.stderr.take().unwrap().lines();
        // It has given up writing while nobody reads.
        while !errors.next().await.unwrap().unwrap().contains("cut off") {}
        let mut lines = child.stdout.take().unwrap().lines();
        for i in 0..100_000 {
            assert_eq!(next(&mut lines).await.unwrap(), i.to_string());
        }
        assert_eq!(next(&mut lines).await.unwrap(), "after");
        end(child, &mut lines).await;
    });
}

#[test]
fn that_nobody_reads_is_an_error() {
    run(async {
        let mut child = role("unread")
            .stdin(Stdio::Pipe)
            .stderr(Stdio::Pipe)
            .spawn()
            .await
            .unwrap();
        let mut lines = child.stdout.take().unwrap().lines();
        assert_eq!(next(&mut lines).await.unwrap(), "ready");
        drop(lines);
        drop(child.stdin.take());
        let mut errors = child.stderr.take().unwrap().lines();
        while !errors
            .next()
            .await
            .unwrap()
            .unwrap()
            .contains("Broken pipe")
        {}
        // The test harness does not take it well.
        child.wait().await.unwrap();
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_terminal_is_read_and_stays_as_it_is() {
    use rustix::fs::{OFlags, fcntl_getfl};
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

    run(async {
        let master =
            openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, vec![]).unwrap().into_string().unwrap();
        let mut options = std::fs::OpenOptions::new();
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, OFlags::NOCTTY.bits() as i32);
        let terminal = options.read(true).write(true).open(name).unwrap();
        let shared = terminal.try_clone().unwrap();
        let mut child = role("echo").stdin(terminal).spawn().await.unwrap();
        let mut lines = child.stdout.take().unwrap().lines();
        let keyboard = fs::File::from_std(std::fs::File::from(master), "/dev/ptmx");
        keyboard.write_all(b"hello\n").await.unwrap();
        assert_eq!(next(&mut lines).await.unwrap(), "hello");
        keyboard.write_all(b"typ").await.unwrap();
        keyboard.write_all(b"ed\n").await.unwrap();
        assert_eq!(next(&mut lines).await.unwrap(), "typed");
        // Whoever else has this terminal is not in for a surprise.
        assert!(!fcntl_getfl(&shared).unwrap().contains(OFlags::NONBLOCK));
        // Ctrl-D.
        keyboard.write_all(&[4]).await.unwrap();
        end(child, &mut lines).await;
        drop(shared);
    });
}

/// What the roles do.
#[test]
#[ignore = "others start it with a role"]
fn in_a_process_of_its_own() {
    let Ok(role) = env::var("NESTLING_STDIO_ROLE") else {
        return;
    };
    let done: Result<(), BoxError> = nestling::run(async {
        // After what the harness has written.
        stdout().println("").await?;
        play(&role).await
    });
    done.unwrap();
}

async fn play(role: &str) -> Result<(), BoxError> {
    let out = stdout();
    match role {
        "echo" => {
            let mut lines = stdin().lines();
            while let Some(line) = lines.next().await? {
                out.println(format_args!("> {line}")).await?;
            }
        }
        "impatient" => loop {
            // A new one each time: what is there belongs to the process.
            let mut lines = stdin().lines();
            if let Some(line) = move_on_after(TICK, lines.next()).await {
                match line? {
                    Some(line) => out.println(format_args!("> {line}")).await?,
                    None => break,
                }
            }
            let mut dropped = Box::pin(lines.next());
            let ready = poll_once(&mut dropped).await;
            drop(dropped);
            if let std::task::Poll::Ready(line) = ready {
                match line? {
                    Some(line) => out.println(format_args!("> {line}")).await?,
                    None => break,
                }
            }
        },
        "limited" => {
            let mut lines = stdin().max_length(10).lines();
            loop {
                match lines.next().await {
                    Ok(Some(line)) => out.println(format_args!("> {line}")).await?,
                    Ok(None) => break,
                    Err(error) if error.kind() == ErrorKind::InvalidData => {
                        out.println(format_args!("> {error}")).await?;
                    }
                    Err(error) => return Err(error.into()),
                }
            }
        }
        "busy" => {
            let one = stdin();
            let two = stdin();
            let mut first = Box::pin(one.read_line());
            assert!(poll_once(&mut first).await.is_pending());
            let error = two.read_line().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ResourceBusy);
            assert!(format!("{one:?}").contains("in_use: true"));
            out.println("> ready").await?;
            let line = first.await?.unwrap_or_default();
            out.println(format_args!("> {line}")).await?;
            assert!(two.read_line().await?.is_none());
        }
        "clogged" => {
            let text: String = (0..100_000).map(|i| format!("> {i}\n")).collect();
            // The loop goes on, or this would not end before somebody reads.
            assert!(move_on_after(20 * TICK, out.print(text)).await.is_none());
            let waiting = move_on_after(TICK, out.println("> never")).await;
            assert!(waiting.is_none());
            open_nursery(async |nursery| {
                nursery.cancel();
                assert!(catch_cancel(out.println("> never")).await.is_err());
            })
            .await?;
            stderr().println("cut off").await?;
            out.println("> after").await?;
        }
        "unread" => {
            out.println("> ready").await?;
            assert!(stdin().read_line().await?.is_none());
            let error: io::Error = loop {
                if let Err(error) = out.println("> x").await {
                    break error;
                }
            };
            stderr().println(format_args!("{error}")).await?;
        }
        other => panic!("there is no role {other}"),
    }
    Ok(())
}
