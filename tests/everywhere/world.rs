//! What goes on outside the program.

use std::future::IntoFuture;
use std::io::SeekFrom;

use nestling::fs::{self, File};
#[cfg(unix)]
use nestling::process::{Command, Stdio, run_process};
use nestling::testing::{CancelEverywhere, Disturbance};
use nestling::{Builder, is_cancelled, move_on_after, stdio, to_thread};

use crate::probe::{Time, everywhere_in};
use crate::support::{LeakCheck, until};

#[test]
fn files() {
    everywhere_in(Time::Real, async |probe| {
        let _guard = probe.guard();
        let file = probe.at(fs::temp_file()).await.unwrap();
        probe.at(file.write_all(b"one\ntwo\n")).await.unwrap();
        probe.at(file.seek(SeekFrom::Start(0))).await.unwrap();
        probe.at(file.read(&mut [0; 4])).await.unwrap();
        probe.at(file.metadata()).await.unwrap();
        probe.at(file.stream_position()).await.unwrap();
        probe.at(file.set_len(8)).await.unwrap();
        probe.at(file.sync_all()).await.unwrap();
        let opened = probe.at(File::open(file.path())).await.unwrap();
        drop(opened);
        let text = probe.at(fs::read_to_string(file.path())).await.unwrap();
        assert_eq!(text.len(), 8);
        let mut lines = probe.at(fs::lines(file.path())).await.unwrap();
        probe.at(lines.next_bytes()).await.unwrap();
        while probe.at(lines.next()).await.unwrap().is_some() {}
        drop(lines);
        drop(file);
    });
}

#[test]
fn directories() {
    everywhere_in(Time::Real, async |probe| {
        let _guard = probe.guard();
        let folder = probe.at(fs::temp_dir()).await.unwrap();
        let path = folder.path().join("a");
        probe.at(fs::write(&path, "a")).await.unwrap();
        probe
            .at(fs::rename(&path, folder.path().join("b")))
            .await
            .unwrap();
        let (from, to) = (folder.path().join("b"), folder.path().join("c"));
        assert_eq!(probe.at(fs::copy(&from, &to)).await.unwrap(), 1);
        assert!(probe.at(fs::exists(&to)).await.unwrap());
        let mut entries = probe.at(fs::read_dir(folder.path())).await.unwrap();
        while probe.at(entries.next()).await.unwrap().is_some() {}
        probe.at(folder.remove()).await.unwrap();
    });
}

/// Nothing of these programs is left among the temporary files: what an abandoned thread makes, it removes.
#[test]
fn nothing_temporary_is_left() {
    let _leaks = LeakCheck::begin();
    let folder = std::env::temp_dir().join(format!("nestling-test-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    everywhere_in(Time::Real, async |probe| {
        let file = probe.at(fs::temp_file_in(&folder)).await.unwrap();
        let inner = probe.at(fs::temp_dir_in(&folder)).await.unwrap();
        probe
            .at(File::create(inner.path().join("a")))
            .await
            .unwrap();
        let kept = inner.path().join("b");
        drop(probe.at(file.persist(&kept)).await.unwrap());
        drop(inner);
    });
    nestling::run(until(|| to_thread::statistics().working == 0));
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
    std::fs::remove_dir(&folder).unwrap();
}

#[cfg(unix)]
#[test]
fn processes() {
    everywhere_in(Time::Real, async |probe| {
        let _guard = probe.guard();
        let mut command = Command::new("cat").stdin(Stdio::Pipe).stdout(Stdio::Pipe);
        let mut child = probe.at(command.spawn()).await.unwrap();
        let stdin = child.stdin.take().unwrap();
        let stdout = child.stdout.take().unwrap();
        probe.at(stdin.write_all(b"one\n")).await.unwrap();
        probe.at(stdout.read(&mut [0; 8])).await.unwrap();
        probe.at(stdin.write(b"two")).await.unwrap();
        drop(stdin);
        let mut lines = stdout.lines();
        while probe.at(lines.next()).await.unwrap().is_some() {}
        probe.at(child.wait()).await.unwrap();
    });
}

#[cfg(unix)]
#[test]
fn programs_that_run_to_their_end() {
    everywhere_in(Time::Real, async |probe| {
        let _guard = probe.guard();
        let running = run_process(Command::new("cat")).input("one").into_future();
        probe.at(running).await.unwrap();
    });
}

/// Nobody types anything here, so the input is at its end or waits; and what is printed is nothing.
#[cfg(unix)]
#[test]
fn standard_streams() {
    let steps = [0, 1, 2, 3, 5, 8];
    for disturbance in [Disturbance::Cancel, Disturbance::Drop] {
        CancelEverywhere::new()
            .builder(Builder::new)
            .only(steps.map(disturbance))
            .run(async || {
                stdio::stdout().print("").await.unwrap();
                stdio::stderr().print("").await.unwrap();
                move_on_after(
                    std::time::Duration::from_millis(1),
                    stdio::stdin().read_line(),
                )
                .await;
                // A line of its own would stand between those of the tests.
                if is_cancelled() {
                    stdio::stdout().println("").await.unwrap();
                }
            });
    }
}

#[cfg(unix)]
#[test]
fn what_a_program_says() {
    everywhere_in(Time::Real, async |probe| {
        let mut command = Command::new("echo").arg("one").stdout(Stdio::Pipe);
        let mut child = probe.at(command.spawn()).await.unwrap();
        let stdout = child.stdout.take().unwrap();
        let said = probe.at(stdout.read_to_end()).await.unwrap();
        assert_eq!(said, b"one\n");
        probe.at(child.wait()).await.unwrap();
    });
}
