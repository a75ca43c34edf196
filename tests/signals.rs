//! Signals: received as values, none lost, and the default back when nobody listens.
#![cfg(unix)]

use std::cell::Cell;
use std::env;
use std::future::poll_fn;
use std::io;
use std::process::{Command, ExitStatus};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use std::os::unix::process::ExitStatusExt;

use futures_core::Stream;
use nestling::signal::{
    SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH, SignalError, Signals, ctrl_c, name, signals,
};
use nestling::{NurseryError, checkpoint, move_on_after, open_nursery, run, sleep, sleep_forever};
use signal_hook::low_level::raise;

/// Signals belong to the whole process, so one test at a time.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is pending, in the order of receipt; the reactor has a look before it is taken for all.
async fn drain(signals: &mut Signals) -> Vec<i32> {
    let mut received = vec![];
    while let Some(signal) = move_on_after(Duration::from_millis(5), signals.recv()).await {
        received.push(signal.unwrap());
    }
    received
}

#[test]
fn a_signal_that_was_raised_before_is_received() -> io::Result<()> {
    let _alone = alone();
    run(async {
        let mut signals = signals(&[SIGUSR1])?;
        raise(SIGUSR1)?;
        assert_eq!(signals.recv().await?, SIGUSR1);
        Ok(())
    })
}

#[test]
fn a_signal_wakes_the_task_that_waits_for_it() -> Result<(), NurseryError> {
    let _alone = alone();
    run(open_nursery(async |nursery| {
        let mut signals = signals(&[SIGUSR1])?;
        nursery.start_soon(async {
            sleep(Duration::from_millis(5)).await;
            raise(SIGUSR1)
        });
        for _ in 0..3 {
            assert_eq!(signals.recv().await?, SIGUSR1);
            nursery.start_soon(async { raise(SIGUSR1) });
        }
        assert_eq!(signals.recv().await?, SIGUSR1);
        io::Result::Ok(())
    }))
}

#[test]
fn a_signal_from_another_thread_wakes_the_loop() -> io::Result<()> {
    let _alone = alone();
    run(async {
        let mut signals = signals(&[SIGUSR2])?;
        let sender = std::thread::spawn(|| raise(SIGUSR2));
        assert_eq!(signals.recv().await?, SIGUSR2);
        sender.join().unwrap()
    })
}

#[test]
fn two_of_one_kind_are_one() -> io::Result<()> {
    let _alone = alone();
    run(async {
        let mut signals = signals(&[SIGUSR1, SIGUSR1])?;
        raise(SIGUSR1)?;
        raise(SIGUSR1)?;
        assert_eq!(drain(&mut signals).await, [SIGUSR1]);
        raise(SIGUSR1)?;
        assert_eq!(drain(&mut signals).await, [SIGUSR1]);
        Ok(())
    })
}

#[test]
fn ten_thousand_that_nobody_looks_at_neither_block_nor_get_lost() -> io::Result<()> {
    let _alone = alone();
    run(async {
        let mut signals = signals(&[SIGUSR1, SIGUSR2])?;
        for _ in 0..10_000 {
            raise(SIGUSR1)?;
        }
        raise(SIGUSR2)?;
        let mut received = drain(&mut signals).await;
        received.sort_unstable();
        assert_eq!(received, [SIGUSR1, SIGUSR2]);
        Ok(())
    })
}

#[test]
fn they_are_a_stream_as_well() -> io::Result<()> {
    let _alone = alone();
    run(async {
        let mut signals = std::pin::pin!(signals(&[SIGUSR1, SIGUSR2])?);
        let mut next = async || poll_fn(|cx| signals.as_mut().poll_next(cx)).await.unwrap();
        raise(SIGUSR2)?;
        assert_eq!(next().await?, SIGUSR2);
        assert!(
            move_on_after(Duration::from_millis(5), next())
                .await
                .is_none()
        );
        raise(SIGUSR1)?;
        raise(SIGUSR2)?;
        assert_eq!(next().await?, SIGUSR1);
        // In a cancelled context it takes nothing.
        let cut = open_nursery(async |nursery| {
            nursery.cancel();
            next().await
        })
        .await;
        assert!(cut.is_err_and(|error| error.is_cancelled()));
        assert_eq!(next().await?, SIGUSR2);
        Ok(())
    })
}

#[test]
fn a_frequent_kind_does_not_starve_another() -> io::Result<()> {
    let _alone = alone();
    run(async {
        let mut signals = signals(&[SIGUSR1, SIGUSR2])?;
        raise(SIGUSR2)?;
        let mut received = vec![];
        for _ in 0..3 {
            // There is always a new one of this kind.
            raise(SIGUSR1)?;
            received.push(signals.recv().await?);
        }
        assert_eq!(received, [SIGUSR1, SIGUSR2, SIGUSR1]);
        Ok(())
    })
}

#[test]
fn kinds_take_turns() -> io::Result<()> {
    let _alone = alone();
    run(async {
        let mut signals = signals(&[SIGUSR1, SIGUSR2])?;
        let mut received = vec![];
        for _ in 0..4 {
            raise(SIGUSR1)?;
            raise(SIGUSR2)?;
            received.push(signals.recv().await?);
        }
        assert_eq!(received, [SIGUSR1, SIGUSR2, SIGUSR1, SIGUSR2]);
        drain(&mut signals).await;
        Ok(())
    })
}

#[test]
fn every_receiver_gets_it() -> io::Result<()> {
    let _alone = alone();
    run(async {
        let mut one = signals(&[SIGUSR1])?;
        let mut two = signals(&[SIGUSR1, SIGUSR2])?;
        raise(SIGUSR1)?;
        assert_eq!(one.recv().await?, SIGUSR1);
        assert_eq!(two.recv().await?, SIGUSR1);
        Ok(())
    })
}

#[test]
fn cancelled_it_takes_nothing() -> io::Result<()> {
    let _alone = alone();
    run(async {
        let mut signals = signals(&[SIGUSR1])?;
        raise(SIGUSR1)?;
        let received = Cell::new(None);
        let cancelled = open_nursery(async |nursery| {
            nursery.cancel();
            received.set(Some(signals.recv().await?));
            io::Result::Ok(())
        })
        .await;
        assert!(cancelled.is_err_and(|error| error.is_cancelled()));
        assert_eq!(received.get(), None);
        assert_eq!(signals.recv().await?, SIGUSR1);
        Ok(())
    })
}

#[test]
fn dropped_while_it_waits_it_loses_nothing() -> io::Result<()> {
    let _alone = alone();
    run(async {
        let mut signals = signals(&[SIGUSR1])?;
        assert_eq!(drain(&mut signals).await, []);
        raise(SIGUSR1)?;
        assert_eq!(signals.recv().await?, SIGUSR1);
        Ok(())
    })
}

#[test]
fn nothing_is_left_in_the_reactor() -> io::Result<()> {
    let _alone = alone();
    run(async {
        let before = nestling::statistics().io;
        for _ in 0..50 {
            let mut signals = signals(&[SIGUSR1, SIGUSR2])?;
            raise(SIGUSR1)?;
            signals.recv().await?;
        }
        checkpoint().await;
        assert_eq!(
            format!("{:?}", nestling::statistics().io),
            format!("{before:?}")
        );
        Ok(())
    })
}

#[test]
fn what_cannot_be_received_is_refused() {
    let _alone = alone();
    run(async {
        let refusal = |kinds: &[i32]| signals(kinds).err().map(|error| error.to_string()).unwrap();
        assert!(
            refusal(&[]).contains("name at least one"),
            "{}",
            refusal(&[])
        );
        assert!(refusal(&[SIGINT, 9]).starts_with("signal 9 (SIGKILL) can't be received"));
        assert!(refusal(&[SIGINT, 9999]).starts_with("signal 9999 (a signal) can't be received"));

        let error = signals(&[11]).err().unwrap();
        let inner = error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<SignalError>());
        assert!(matches!(inner, Some(SignalError::Forbidden { kind: 11 })));
    });
}

#[test]
fn kinds_have_names() {
    assert_eq!(name(SIGINT), "SIGINT");
    assert_eq!(name(1234), "a signal");
}

// What follows may end the process, so it runs in one of its own: this test binary once more.

/// Runs `role` (see `in_a_process_of_its_own`) and returns how the process ended.
fn end_of(role: &str) -> ExitStatus {
    end_of_command(Command::new(env::current_exe().unwrap()), role)
}

fn end_of_command(mut program: Command, role: &str) -> ExitStatus {
    let output = program
        .args([
            "--exact",
            "in_a_process_of_its_own",
            "--ignored",
            "--nocapture",
        ])
        .env("NESTLING_SIGNAL_ROLE", role)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!errors.contains("panicked"), "{role}: {errors}");
    output.status
}

/// Whether the signal was ignored when this process began, as SIGINT is in what a script starts in the
/// background. Where that cannot be told: no.
fn is_ignored(kind: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.unwrap_or(0) & (1 << (kind - 1)) != 0
}

#[test]
fn with_no_receiver_left_the_default_is_back() {
    assert_eq!(end_of("dropped").signal(), Some(SIGTERM));
    assert_eq!(end_of("dropped twice").signal(), Some(SIGTERM));
    assert_eq!(end_of("refused").signal(), Some(SIGTERM));
}

#[test]
fn it_is_back_however_the_receiver_ended() {
    assert_eq!(end_of("panicked").signal(), Some(SIGTERM));
    assert_eq!(end_of("cancelled").signal(), Some(SIGTERM));
}

#[test]
fn what_was_ignored_before_is_ignored_again() {
    // A shell passes on what it ignores.
    let ignoring = |role: &str| {
        let mut command = Command::new("sh");
        let script = "trap '' TERM; exec \"$0\" \"$@\"";
        command
            .args(["-c", script])
            .arg(env::current_exe().unwrap());
        end_of_command(command, role)
    };
    assert_eq!(ignoring("ignored").code(), Some(0));
    assert_eq!(ignoring("ignored and pending").code(), Some(0));
}

#[test]
fn with_a_receiver_left_it_is_not() {
    assert_eq!(end_of("one of two").code(), Some(0));
}

#[test]
fn what_nobody_took_does_at_the_drop_what_it_would_have_done() {
    assert_eq!(end_of("pending").signal(), Some(SIGUSR2));
    assert_eq!(end_of("pending in another").code(), Some(0));
    assert_eq!(end_of("pending, harmless").code(), Some(0));
}

#[test]
fn the_second_ctrl_c_ends_the_process() {
    if is_ignored(SIGINT) {
        // Then it is again when nobody listens, and the child would live on.
        return;
    }
    assert_eq!(end_of("ctrl_c").signal(), Some(SIGINT));
}

#[test]
fn another_handler_stays_in_force() {
    assert_eq!(end_of("other handler").code(), Some(0));
}

/// Returns if the process is to end well.
#[test]
#[ignore = "it may end the process; others start it with a role"]
fn in_a_process_of_its_own() {
    let Ok(role) = env::var("NESTLING_SIGNAL_ROLE") else {
        return;
    };
    let done: io::Result<()> = run(async {
        match &*role {
            "dropped" => {
                drop(signals(&[SIGTERM])?);
                raise(SIGTERM)?;
                sleep_forever().await;
            }
            "dropped twice" => {
                for _ in 0..2 {
                    let mut signals = signals(&[SIGTERM, SIGUSR2])?;
                    raise(SIGTERM)?;
                    signals.recv().await?;
                }
                raise(SIGTERM)?;
                sleep_forever().await;
            }
            "refused" => {
                assert!(signals(&[SIGTERM, 9]).is_err());
                raise(SIGTERM)?;
                sleep_forever().await;
            }
            "panicked" => {
                let unwound = std::panic::AssertUnwindSafe(|| {
                    let _signals = signals(&[SIGTERM]);
                    // Unlike `panic!`, it prints nothing.
                    std::panic::resume_unwind(Box::new(()));
                });
                assert!(std::panic::catch_unwind(unwound).is_err());
                raise(SIGTERM)?;
                sleep_forever().await;
            }
            "cancelled" => {
                open_nursery(async |nursery| {
                    nursery.start_soon(async { signals(&[SIGTERM])?.recv().await.map(drop) });
                    checkpoint().await;
                    nursery.cancel();
                })
                .await
                .map_err(io::Error::other)?;
                raise(SIGTERM)?;
                sleep_forever().await;
            }
            "ignored" => {
                assert!(is_ignored(SIGTERM) || cfg!(not(target_os = "linux")));
                let mut receiver = signals(&[SIGTERM])?;
                raise(SIGTERM)?;
                assert_eq!(receiver.recv().await?, SIGTERM);
                drop(receiver);
                if cfg!(target_os = "linux") {
                    raise(SIGTERM)?;
                }
            }
            "ignored and pending" => {
                let receiver = signals(&[SIGTERM])?;
                if cfg!(target_os = "linux") {
                    raise(SIGTERM)?;
                }
                drop(receiver);
            }
            "one of two" => {
                let mut left = signals(&[SIGTERM])?;
                drop(signals(&[SIGTERM])?);
                raise(SIGTERM)?;
                left.recv().await?;
            }
            "pending" => {
                let signals = signals(&[SIGUSR2])?;
                raise(SIGUSR2)?;
                drop(signals);
                sleep_forever().await;
            }
            "pending in another" => {
                let mut one = signals(&[SIGUSR2])?;
                let two = signals(&[SIGUSR2])?;
                raise(SIGUSR2)?;
                one.recv().await?;
                drop(one);
                drop(two);
            }
            "pending, harmless" => {
                let signals = signals(&[SIGWINCH])?;
                raise(SIGWINCH)?;
                drop(signals);
            }
            "ctrl_c" => {
                open_nursery(async |nursery| {
                    nursery.start_soon(async { raise(SIGINT) });
                    ctrl_c().await
                })
                .await
                .map_err(io::Error::other)?;
                raise(SIGINT)?;
                sleep_forever().await;
            }
            "other handler" => {
                let called = std::sync::Arc::default();
                signal_hook::flag::register(SIGUSR1, std::sync::Arc::clone(&called))?;
                let called = || called.swap(false, std::sync::atomic::Ordering::SeqCst);
                let signals = signals(&[SIGUSR1])?;
                raise(SIGUSR1)?;
                assert!(called());
                drop(signals);
                raise(SIGUSR1)?;
                assert!(called());
            }
            other => panic!("there is no role {other}"),
        }
        Ok(())
    });
    done.unwrap();
}
