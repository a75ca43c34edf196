//! Other programs.
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::os::unix::process::ExitStatusExt;
use std::pin::pin;
use std::time::Duration;

use nestling::fs;
use nestling::process::{Child, Command, ProcessError, StatusError, Stdio, run_process};
use nestling::signal::{SIGTERM, SIGUSR1};
use nestling::testing::MockClock;
use nestling::{
    Builder, CancelScope, Cancelled, checkpoint, fail_after, move_on_after, ok, open_nursery,
    sleep, to_thread,
};

use crate::support::{Boom, LeakCheck, boom, join_all, poll_once, run, run_with, until, yield_n};

const SIGKILL: i32 = 9;
const HOUR: Duration = Duration::from_secs(3600);

fn sh(script: &str) -> Command {
    Command::new("sh").args(["-c", script])
}

fn sleeper() -> Command {
    Command::new("sleep").arg("3600")
}

async fn sleeping() -> Child {
    sleeper().spawn().await.unwrap()
}

/// Cancels the future after its first poll.
async fn cancelled_half_way<F: Future>(future: F) -> Result<F::Output, Cancelled> {
    let scope = CancelScope::new();
    let inner = scope.clone();
    let mut future = pin!(future);
    let cancelling = poll_fn(|cx| {
        let poll = future.as_mut().poll(cx);
        inner.cancel();
        poll
    });
    scope.run(cancelling).await
}

/// The processes that this one has started and not reaped, where that can be told.
fn children() -> Vec<u32> {
    let us = std::process::id();
    let mut children = vec![];
    if cfg!(not(target_os = "linux")) {
        return children;
    }
    for entry in std::fs::read_dir("/proc").unwrap() {
        let name = entry.unwrap().file_name();
        let Ok(id) = name.to_string_lossy().parse::<u32>() else {
            continue;
        };
        // It may have ended in between.
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        let after_name = stat.rsplit(')').next().unwrap();
        let parent = after_name.split_whitespace().nth(1);
        if parent.and_then(|parent| parent.parse().ok()) == Some(us) {
            children.push(id);
        }
    }
    children
}

async fn no_children() {
    until(|| to_thread::statistics().working == 0).await;
    assert_eq!(children(), []);
}

#[test]
fn a_process_ends_with_a_status() {
    run(async {
        let child = sh("exit 0").spawn().await.unwrap();
        assert!(child.wait().await.unwrap().success());
        let child = sh("exit 7").spawn().await.unwrap();
        let text = format!("{child:?}");
        assert_eq!(text, format!("Child(`sh`, {}, running)", child.id()));
        assert_eq!(child.wait().await.unwrap().code(), Some(7));
        assert_eq!(child.returncode(), Some(7));
        let text = format!("{child:?}");
        assert_eq!(text, format!("Child(`sh`, {}, exit status: 7)", child.id()));
        // Again and again.
        assert_eq!(child.wait().await.unwrap().code(), Some(7));
        no_children().await;
    });
}

#[test]
fn the_status_is_known_without_waiting_once_it_has_ended() {
    run(async {
        let child = sleeping().await;
        assert_eq!(child.returncode(), None);
        child.kill().unwrap();
        until(|| child.returncode().is_some()).await;
        assert_eq!(child.returncode(), Some(-SIGKILL));
        assert_eq!(child.try_wait().unwrap().signal(), Some(SIGKILL));
        // To nobody, and to no other process of that number.
        child.kill().unwrap();
        child.send_signal(SIGUSR1).unwrap();
    });
}

#[test]
fn many_tasks_wait_and_some_of_them_are_cancelled() {
    run(async {
        let child = sleeping().await;
        open_nursery(async |nursery| {
            for _ in 0..3 {
                nursery.start_soon(async {
                    assert!(cancelled_half_way(child.wait()).await.is_err());
                });
            }
            for _ in 0..3 {
                nursery.start_soon(async {
                    assert_eq!(child.wait().await.unwrap().signal(), Some(SIGTERM));
                });
            }
            yield_n(5).await;
            assert!(
                format!("{child:?}").ends_with("running, 3 waiting)"),
                "{child:?}"
            );
            // The one whom the reactor knows leaves.
            let mut last = Box::pin(child.wait());
            assert!(poll_once(&mut last).await.is_pending());
            drop(last);
            child.terminate().unwrap();
        })
        .await
        .unwrap();
        assert!(format!("{child:?}").contains("signal: 15"), "{child:?}");
    });
}

#[test]
fn who_waits_is_woken_when_another_finds_that_it_has_ended() {
    run(async {
        let child = sleeping().await;
        let mut waiting = Box::pin(child.wait());
        assert!(poll_once(&mut waiting).await.is_pending());
        child.kill().unwrap();
        // Blocks the loop, so that the reactor has no look.
        while child.try_wait().is_none() {
            std::thread::yield_now();
        }
        assert_eq!(waiting.await.unwrap().signal(), Some(SIGKILL));
    });
}

#[test]
fn pipes_lead_to_a_process_and_from_it() {
    run(async {
        let mut child = sh("cat; rev >&2 <<END\ndlrow\nEND")
            .stdin(Stdio::Pipe)
            .stdout(Stdio::Pipe)
            .stderr(Stdio::Pipe)
            .spawn()
            .await
            .unwrap();
        let stdin = child.stdin.take().unwrap();
        let stdout = child.stdout.take().unwrap();
        let stderr = child.stderr.take().unwrap();
        let input = vec![b'x'; 300_000];
        open_nursery(async |nursery| {
            nursery.start_soon(async {
                stdin.write_all(&input).await?;
                drop(stdin);
                ok(())
            });
            nursery.start_soon(async { assert!(stdout.read_to_end().await.unwrap() == input) });
            nursery.start_soon(async {
                assert_eq!(stderr.read_to_end().await.unwrap(), b"world\n");
                // It stays at the end.
                assert_eq!(stderr.read(&mut [0]).await.unwrap(), 0);
            });
        })
        .await
        .unwrap();
        assert!(child.wait().await.unwrap().success());
    });
}

#[test]
fn one_talks_with_a_process_step_by_step() {
    run(async {
        let mut child = Command::new("cat")
            .stdin(Stdio::Pipe)
            .stdout(Stdio::Pipe)
            .spawn()
            .await
            .unwrap();
        let stdin = child.stdin.take().unwrap();
        let mut lines = child.stdout.take().unwrap().lines().max_length(100);
        stdin.write_all(b"one\n").await.unwrap();
        assert_eq!(lines.next().await.unwrap().unwrap(), "one");
        stdin.write_all(b"half ").await.unwrap();
        let half = move_on_after(Duration::from_millis(20), lines.next()).await;
        assert!(half.is_none(), "{half:?}");
        stdin.write_all(b"a line\ntwo\n").await.unwrap();
        assert_eq!(lines.next().await.unwrap().unwrap(), "half a line");
        assert_eq!(lines.next().await.unwrap().unwrap(), "two");
        stdin.write_all(&[b'x'; 1000]).await.unwrap();
        stdin.write_all(b"\n\xff\nlast").await.unwrap();
        let error = lines.next().await.unwrap_err();
        assert!(
            error.to_string().contains("longer than 100 bytes"),
            "{error}"
        );
        assert_eq!(
            lines.next().await.unwrap_err().kind(),
            std::io::ErrorKind::InvalidData
        );
        drop(stdin);
        assert_eq!(lines.next().await.unwrap().unwrap(), "last");
        assert_eq!(lines.next().await.unwrap(), None);
        assert_eq!(child.wait().await.unwrap().code(), Some(0));
    });
}

#[test]
fn one_reader_and_one_writer_at_a_time() {
    run(async {
        let mut child = Command::new("cat")
            .stdin(Stdio::Pipe)
            .stdout(Stdio::Pipe)
            .spawn()
            .await
            .unwrap();
        let stdout = child.stdout.take().unwrap();
        let mut buffer = [0; 9];
        let mut first = Box::pin(stdout.read(&mut buffer));
        assert!(poll_once(&mut first).await.is_pending());
        assert!(stdout.read(&mut [0]).await.unwrap_err().is_busy());
        assert!(format!("{stdout:?}").contains("in_use: true"));
        let stdin = child.stdin.take().unwrap();
        stdin.write_all(b"abc").await.unwrap();
        assert_eq!(first.await.unwrap(), 3);
        assert_eq!(&buffer[..3], b"abc");
        let error = stdout.read(&mut []).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
        assert_eq!(stdin.write(b"").await.unwrap(), 0);
        // `cat` does not get rid of what it reads, and the pipes are full at some time.
        let big = vec![0; 1 << 20];
        let mut second = Box::pin(stdin.write_all(&big));
        assert!(poll_once(&mut second).await.is_pending());
        assert!(stdin.write(b"x").await.unwrap_err().is_busy());
        drop(second);
        drop(stdout);
        let broken = loop {
            if let Err(error) = stdin.write(&big).await {
                break error;
            }
        };
        assert!(broken.is_broken(), "{broken}");
        assert!(
            broken
                .to_string()
                .starts_with("write to the input of `cat`: "),
            "{broken}"
        );
    });
}

#[test]
fn streams_lead_where_they_are_sent() {
    run(async {
        let output = run_process(sh("echo one; echo two >&2; echo three").stderr(Stdio::ToStdout));
        let output = output.await.unwrap();
        assert_eq!(output.stdout, b"one\ntwo\nthree\n");
        assert_eq!(output.stderr, b"");
        let output = run_process(sh("echo one; echo two >&2").stdout(Stdio::Null));
        let output = output.await.unwrap();
        assert_eq!((output.stdout, output.stderr), (vec![], b"two\n".to_vec()));
        let folder = fs::temp_dir().await.unwrap();
        let path = folder.path().join("out");
        let file = std::fs::File::create(&path).unwrap();
        let mut command = sh("echo one; echo two >&2")
            .stdout(file)
            .stderr(Stdio::ToStdout);
        for _ in 0..2 {
            let child = command.spawn().await.unwrap();
            assert!(child.stdout.is_none());
            child.wait().await.unwrap();
        }
        assert_eq!(fs::read(&path).await.unwrap(), b"one\ntwo\none\ntwo\n");
        let file = std::fs::File::open(&path).unwrap();
        let output = run_process(Command::new("cat").stdin(file)).await.unwrap();
        assert_eq!(output.stdout.len(), 16);
        let wrong = sh("true")
            .stdout(Stdio::ToStdout)
            .spawn()
            .await
            .unwrap_err();
        assert!(
            wrong.to_string().contains("only the standard error"),
            "{wrong}"
        );
    });
}

#[test]
fn a_command_sets_arguments_environment_and_directory() {
    run(async {
        let mut command = sh("echo \"$A $B $0 $1\"; pwd")
            .args(["zero", "with space"])
            .env("A", "a")
            .env("B", "b")
            .env_remove("B")
            .current_dir("/")
            .stdout(Stdio::Pipe);
        for _ in 0..2 {
            let child = command.spawn().await.unwrap();
            let output = child.stdout.as_ref().unwrap().read_to_end().await.unwrap();
            assert_eq!(
                String::from_utf8(output).unwrap(),
                "a  zero with space\n/\n"
            );
            child.wait().await.unwrap();
        }
        let empty = run_process(Command::new("/usr/bin/env").env_clear().env("X", "1"));
        assert_eq!(empty.await.unwrap().stdout, b"X=1\n");
    });
}

#[test]
fn a_program_is_run_to_its_end_with_input_and_output() {
    run(async {
        let input: Vec<u8> = (0..256 << 10).map(|i| i as u8).collect();
        let output = run_process(Command::new("cat"))
            .input(input.as_slice())
            .await;
        assert!(output.unwrap().stdout == input);
        // Without input it is at the end.
        let output = run_process(Command::new("cat")).await.unwrap();
        assert!(output.stdout.is_empty() && output.status.success());
        let both = run_process(Command::new("cat").stdin(Stdio::Inherit))
            .input("x")
            .await;
        assert!(both.unwrap_err().to_string().contains("use one of them"));
    });
}

#[test]
fn a_bad_status_is_an_error_that_has_the_output() {
    run(async {
        let script = "echo out; echo oh dear >&2; exit 3";
        let error = run_process(sh(script)).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "`sh` ended with exit status: 3; its standard error: oh dear"
        );
        let output = error.output().unwrap();
        assert_eq!(output.stdout, b"out\n");
        let output = run_process(sh(script)).unchecked().await.unwrap();
        assert_eq!(output.status.code(), Some(3));
        let error = run_process(sh("kill -9 $$")).await.unwrap_err();
        assert!(error.to_string().contains("signal: 9"), "{error}");
        let long = run_process(sh("yes | head -n 10000 >&2; false"))
            .await
            .unwrap_err();
        assert!(long.to_string().len() < 1200 && long.to_string().contains("ends with: y"));
    });
}

#[test]
fn input_that_is_not_read_is_no_error() {
    run(async {
        let input = vec![0; 1 << 20];
        for script in ["exit 0", "exec <&-; echo closed"] {
            let output = run_process(sh(script))
                .input(input.as_slice())
                .await
                .unwrap();
            assert!(output.status.success());
        }
        // Its child holds the input open, and does not read.
        let output = run_process(sh("sleep 3600 >/dev/null 2>&1 & echo $!")).input(input);
        let output = output.await.unwrap();
        let id = String::from_utf8(output.stdout).unwrap();
        run_process(Command::new("kill").arg(id.trim()))
            .await
            .unwrap();
    });
}

#[test]
fn what_cannot_be_started_is_an_error_that_names_it() {
    run(async {
        let error = run_process(Command::new("no-such-program"))
            .await
            .unwrap_err();
        assert!(error.is_not_found());
        let text = error.to_string();
        assert!(
            text.starts_with("start `no-such-program`: No such file"),
            "{text}"
        );
        let error = Command::new("/etc/passwd").spawn().await.unwrap_err();
        assert!(error.to_string().contains("is it executable?"), "{error}");
        assert_eq!(error.program(), "/etc/passwd");
        let error = sh("true")
            .current_dir("/does/not/exist")
            .spawn()
            .await
            .unwrap_err();
        assert!(error.is_not_found());
        no_children().await;
    });
}

#[test]
fn signals_are_sent_to_it() {
    run(async {
        for signal in [SIGUSR1, SIGTERM, SIGKILL] {
            let child = sleeping().await;
            child.send_signal(signal).unwrap();
            assert_eq!(child.wait().await.unwrap().signal(), Some(signal));
            assert_eq!(child.returncode(), Some(-signal));
        }
        let child = sleeping().await;
        assert!(child.send_signal(12345).is_err());
    });
}

#[test]
fn in_a_cancelled_context_nothing_is_started_and_nothing_waited_for() {
    run(async {
        let child = sh("exit 0").spawn().await.unwrap();
        let scope = CancelScope::new();
        scope.cancel();
        let cut = scope.run(async {
            sleeper().spawn().await.unwrap();
        });
        assert!(cut.await.is_err());
        let scope = CancelScope::new();
        scope.cancel();
        assert!(
            scope
                .run(async { run_process(sleeper()).await })
                .await
                .is_err()
        );
        child.wait().await.unwrap();
        let scope = CancelScope::new();
        scope.cancel();
        assert!(scope.run(child.wait()).await.is_err());
        no_children().await;
    });
}

#[test]
fn a_dropped_child_is_killed_and_reaped() {
    run(async {
        for _ in 0..20 {
            let child = sleeping().await;
            let mut waiting = Box::pin(child.wait());
            assert!(poll_once(&mut waiting).await.is_pending());
            drop(waiting);
            drop(child);
        }
        drop(sh("exit 0").spawn().await.unwrap());
        let mut dropped = Box::pin(async { run_process(sleeper()).await });
        assert!(poll_once(&mut dropped).await.is_pending());
        drop(dropped);
        no_children().await;
    });
}

#[test]
fn a_child_that_outlives_its_run_is_killed_with_its_owner() {
    let _leaks = LeakCheck::begin();
    let kept = nestling::run(sleeping());
    let error = nestling::run(async { kept.wait().await }).unwrap_err();
    assert!(
        error.to_string().contains("was made in another run"),
        "{error}"
    );
    kept.kill().unwrap();
    drop(kept);
    run(no_children());
}

#[test]
fn a_cancelled_program_is_asked_to_end() {
    run(async {
        let folder = fs::temp_dir().await.unwrap();
        let (ready, said) = (folder.path().join("ready"), folder.path().join("said"));
        let script =
            "trap 'echo bye > said; exit 0' TERM; echo > ready; while :; do sleep 0.01; done";
        open_nursery(async |nursery| {
            let command = sh(script).current_dir(folder.path());
            nursery.start_soon(async { run_process(command).await.map(drop) });
            until(|| ready.exists()).await;
            nursery.cancel();
        })
        .await
        .unwrap();
        // The nursery has waited for it.
        assert_eq!(fs::read(said).await.unwrap(), b"bye\n");
        no_children().await;
    });
}

#[test]
fn a_program_that_does_not_want_to_end_is_killed_after_five_seconds() {
    let clock = MockClock::new();
    run_with(Builder::new().clock(clock.clone()), async {
        let folder = fs::temp_dir().await.unwrap();
        let ready = folder.path().join("ready");
        let script = "trap '' TERM; echo > ready; exec sleep 3600";
        let before = clock.elapsed();
        open_nursery(async |nursery| {
            let command = sh(script).current_dir(folder.path());
            nursery.start_soon(async { run_process(command).await.map(drop) });
            until(|| ready.exists()).await;
            nursery.cancel();
        })
        .await
        .unwrap();
        assert_eq!(clock.elapsed() - before, Duration::from_secs(5));
        no_children().await;
    });
}

#[test]
fn another_way_to_end_it_is_cancelled_when_it_has_ended() {
    run(async {
        let state = std::rc::Rc::new(Cell::new(""));
        let told = std::rc::Rc::clone(&state);
        let running = run_process(sleeper()).deliver_cancel(async move |child: &Child| {
            checkpoint().await; // shielded
            child.send_signal(SIGUSR1)?;
            told.set("sent");
            sleep(HOUR).await;
            told.set("slept");
            ok(())
        });
        assert!(cancelled_half_way(running.into_future()).await.is_err());
        assert_eq!(state.get(), "sent");
        no_children().await;
    });
}

#[test]
fn if_another_way_fails_it_is_killed_and_the_error_kept() {
    run(async {
        let result = open_nursery(async |nursery| {
            let running =
                run_process(sleeper()).deliver_cancel(async |_: &Child| boom::<()>("cannot"));
            nursery.start_soon(async { running.await.map(drop) });
            checkpoint().await;
            checkpoint().await;
            nursery.cancel();
        })
        .await;
        let error = result.unwrap_err();
        assert!(error.find::<Boom>().is_some(), "{error}");
        no_children().await;
    });
}

#[test]
fn a_failing_program_fails_its_nursery() {
    run(async {
        let result = open_nursery(async |nursery| {
            nursery.start_soon(async { run_process(sh("exit 9")).await.map(drop) });
            nursery.start_soon(async { run_process(sleeper()).await.map(drop) });
        })
        .await;
        let error = result.unwrap_err();
        let failed = error.find::<ProcessError>().unwrap();
        assert_eq!(failed.output().unwrap().status.code(), Some(9));
        assert!(matches!(failed, ProcessError::Status(error) if error.status().code() == Some(9)));
        let _: Option<&StatusError> = error.find();
        no_children().await;
    });
}

#[test]
fn a_thousand_cancelled_runs_leave_no_zombie_and_no_descriptor() {
    let count = if cfg!(nestling_portable) { 100 } else { 1000 };
    run(async {
        for i in 0..count {
            let running = run_process(sleeper()).input(vec![0; i * 10]).into_future();
            assert!(cancelled_half_way(running).await.is_err());
        }
        no_children().await;
    });
}

#[test]
fn many_run_side_by_side() {
    run(async {
        let runs = (0..20).map(|i| async move {
            let output = run_process(Command::new("cat")).input(i.to_string()).await;
            assert_eq!(output.unwrap().stdout, i.to_string().as_bytes());
        });
        fail_after(HOUR, join_all(runs)).await.unwrap();
    });
}

#[test]
fn signals_that_come_in_between_disturb_nothing() {
    let seen = std::sync::Arc::default();
    signal_hook::flag::register(SIGUSR1, std::sync::Arc::clone(&seen)).unwrap();
    run(async {
        let script = format!(
            "for i in 1 2 3 4 5 6 7 8 9; do kill -USR1 {}; done; cat",
            std::process::id()
        );
        let output = run_process(sh(&script))
            .input(vec![1; 100_000])
            .await
            .unwrap();
        assert_eq!(output.stdout.len(), 100_000);
    });
    assert!(seen.load(std::sync::atomic::Ordering::SeqCst));
}

/// In a process that began like this, as its parent ignored them.
#[cfg(target_os = "linux")]
#[test]
fn where_sigchld_is_ignored_the_status_counts_as_zero() {
    let ignoring = || Command::new("env").arg("--ignore-signal=CHLD");
    let test = "process::in_a_process_that_ignores_sigchld";
    let this = std::env::current_exe().unwrap();
    let command = ignoring().arg(this).args(["--exact", "--ignored", test]);
    run(async {
        // Older ones have no such option.
        if run_process(ignoring().arg("true")).await.is_ok() {
            let output = run_process(command).await.unwrap();
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(said.contains("1 passed"), "{said}");
        }
    });
}

#[test]
#[ignore = "another one starts it"]
fn in_a_process_that_ignores_sigchld() {
    run(async {
        let child = sleeping().await;
        let mut waiting = Box::pin(child.wait());
        assert!(poll_once(&mut waiting).await.is_pending());
        child.kill().unwrap();
        assert_eq!(waiting.await.unwrap().code(), Some(0));
        let output = run_process(sh("echo out; exit 3")).await.unwrap();
        assert_eq!(output.stdout, b"out\n");
    });
}
