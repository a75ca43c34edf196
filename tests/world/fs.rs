//! Files and directories.

use std::future::{Future, poll_fn};
use std::io::{ErrorKind, SeekFrom};
use std::path::Path;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use nestling::fs::{self, File};
use nestling::{CancelScope, checkpoint, move_on_after, open_nursery, shield, to_thread};

use crate::support::{Unordered, run, times, until};

/// Cancels the future after its first poll.
async fn cancelled_half_way<F: Future>(future: F) -> Result<F::Output, nestling::Cancelled> {
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

/// Polls it once.
async fn once<F: Future>(mut future: Pin<&mut F>) -> Option<F::Output> {
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// Polls it once, and drops it: its thread is at work, unless it was so fast that it is ready.
async fn given_up<F: Future>(future: F) -> Option<F::Output> {
    // With a turn of its own: at the 129th checkpoint of one turn it would not even begin.
    checkpoint().await;
    let mut future = Box::pin(future);
    once(future.as_mut()).await
}

/// Polls it once, when there is no place for its thread.
async fn begun<F: Future>(future: F) -> Pin<Box<F>> {
    let mut future = Box::pin(future);
    to_thread::default_limiter().set_total(0);
    assert!(once(future.as_mut()).await.is_none());
    future
}

fn go_on() {
    to_thread::default_limiter().set_total(1);
}

/// Whether the future is cut off in a scope that has been cancelled before.
async fn in_cancelled<F: Future>(future: F) -> bool {
    let scope = CancelScope::new();
    scope.cancel();
    scope.run(future).await.is_err()
}

async fn all_idle() {
    // Also if nobody works: the budget of this turn may be used up.
    checkpoint().await;
    until(|| to_thread::statistics().working == 0).await;
}

#[test]
fn whole_files_are_written_and_read() {
    run(async {
        let folder = fs::temp_dir().await.unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "hello").await.unwrap();
        assert_eq!(fs::read(&path).await.unwrap(), b"hello");
        assert_eq!(fs::read_to_string(&path).await.unwrap(), "hello");
        fs::write(&path, vec![0xff; 3]).await.unwrap();
        let error = fs::read_to_string(&path).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        let big: Vec<u8> = (0..20 << 20).map(|i| i as u8).collect();
        fs::write(&path, big.as_slice()).await.unwrap();
        assert!(fs::read(&path).await.unwrap() == big);
        let copied = folder.path().join("b");
        assert_eq!(fs::copy(&path, &copied).await.unwrap(), big.len() as u64);
        assert!(fs::read(&copied).await.unwrap() == big);
        // A shorter one takes the place of a longer one.
        fs::write(&path, "short").await.unwrap();
        assert_eq!(fs::copy(&path, &copied).await.unwrap(), 5);
        assert_eq!(fs::read(&copied).await.unwrap(), b"short");
    });
}

#[cfg(unix)]
#[test]
fn a_copy_has_the_permissions_of_its_original() {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    run(async {
        let folder = fs::temp_dir().await.unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs::write(&from, "x").await.unwrap();
        fs::write(&to, "x").await.unwrap();
        std::fs::set_permissions(&from, Permissions::from_mode(0o640)).unwrap();
        fs::copy(&from, &to).await.unwrap();
        let mode = fs::metadata(&to).await.unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
        let error = fs::copy(&from, &from).await.unwrap_err();
        assert!(error.to_string().ends_with("both are the same file"));
        assert_eq!(fs::read(&from).await.unwrap(), b"x");
        fs::copy(folder.path(), &to).await.unwrap_err();
    });
}

#[test]
fn names_are_changed_and_removed() {
    run(async {
        let folder = fs::temp_dir().await.unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("a")).await.unwrap();
        fs::create_dir_all(at("a/b/c")).await.unwrap();
        fs::write(at("a/file"), "").await.unwrap();
        fs::rename(at("a/file"), at("a/b/file")).await.unwrap();
        assert!(fs::exists(at("a/b/file")).await.unwrap());
        assert!(!fs::exists(at("a/file")).await.unwrap());
        let real = fs::canonicalize(at("a/b/../b/file")).await.unwrap();
        assert_eq!(real.file_name().unwrap(), "file");
        fs::remove_file(at("a/b/file")).await.unwrap();
        fs::remove_dir(at("a/b/c")).await.unwrap();
        assert!(fs::remove_dir(at("a")).await.is_err());
        fs::remove_dir_all(at("a")).await.unwrap();
        assert!(!fs::exists(at("a")).await.unwrap());
        let meta = fs::symlink_metadata(folder.path()).await.unwrap();
        assert!(meta.is_dir());
    });
}

#[test]
fn errors_tell_what_was_done_to_what() {
    run(async {
        let missing = Path::new("/does/not/exist");
        let error = File::open(missing).await.unwrap_err();
        assert!(error.is_not_found());
        assert_eq!((error.operation(), error.path()), ("open", missing));
        assert!(
            error
                .to_string()
                .starts_with("open /does/not/exist: No such")
        );
        assert!(error.raw_os_error().is_some());
        let error = fs::rename(missing, "/other").await.unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with("rename /does/not/exist to /other: "),
            "{text}"
        );
        assert_eq!(error.target(), Some(Path::new("/other")));
        let error = std::io::Error::from(error);
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().starts_with("rename /does"));
        let error = fs::temp_dir_in(missing).await.unwrap_err();
        assert!(error.is_not_found());
        let error = fs::read("a\0b").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn a_file_is_read_written_and_measured_at_any_place() {
    run(async {
        let file = fs::temp_file().await.unwrap();
        file.write_all(b"hello world").await.unwrap();
        assert_eq!(file.stream_position().await.unwrap(), 11);
        assert_eq!(file.seek(SeekFrom::Start(6)).await.unwrap(), 6);
        let mut buffer = [0; 3];
        assert_eq!(file.read(&mut buffer).await.unwrap(), 3);
        assert_eq!(&buffer, b"wor");
        assert_eq!(file.write(b"...").await.unwrap(), 3);
        file.set_len(20).await.unwrap();
        assert_eq!(file.metadata().await.unwrap().len(), 20);
        file.sync_all().await.unwrap();
        assert_eq!(
            fs::read(file.path()).await.unwrap(),
            b"hello wor...\0\0\0\0\0\0\0\0"
        );
        assert!(file.seek(SeekFrom::Current(-100)).await.is_err());
        file.seek(SeekFrom::End(0)).await.unwrap();
        assert_eq!(file.read(&mut buffer).await.unwrap(), 0);
        assert_eq!(file.write(b"").await.unwrap(), 0);
        file.write_all(b"").await.unwrap();
        let error = file.read(&mut []).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let figures = file.statistics();
        assert_eq!((figures.bytes_read, figures.bytes_written), (3, 14));
        assert!(!figures.busy);
        let text = format!("{file:?}");
        assert!(
            text.contains("bytes_written: 14") && text.contains("in_use: false"),
            "{text}"
        );
    });
}

#[test]
fn options_say_how_a_file_is_opened() {
    run(async {
        let folder = fs::temp_dir().await.unwrap();
        let path = folder.path().join("log");
        for _ in 0..2 {
            let log = File::options().append(true).create(true).open(&path).await;
            log.unwrap().write_all(b"x").await.unwrap();
        }
        assert_eq!(fs::read(&path).await.unwrap(), b"xx");
        let options = File::options().write(true).create_new(true);
        assert!(options.open(&path).await.unwrap_err().is_already_exists());
        File::create(&path).await.unwrap();
        assert_eq!(fs::read(&path).await.unwrap(), b"");
        let file = File::open(&path).await.unwrap();
        assert!(file.write_all(b"x").await.is_err());
    });
}

#[test]
fn one_operation_at_a_time() {
    run(async {
        let file = fs::temp_file().await.unwrap();
        let first = begun(file.write(b"a")).await;
        let error = file.write(b"b").await.unwrap_err();
        assert!(error.is_busy() && error.to_string().contains("one operation at a time"));
        assert!(file.seek(SeekFrom::Start(0)).await.unwrap_err().is_busy());
        assert_eq!(error.kind(), ErrorKind::ResourceBusy);
        assert!(format!("{file:?}").contains("in_use: true"));
        go_on();
        assert_eq!(first.await.unwrap(), 1);
        assert_eq!(fs::read(file.path()).await.unwrap(), b"a");
        file.write(b"c").await.unwrap();
    });
}

#[test]
fn in_a_cancelled_context_nothing_happens() {
    run(async {
        let folder = fs::temp_dir().await.unwrap();
        let path = folder.path().join("a");
        let file = fs::temp_file().await.unwrap();
        assert!(in_cancelled(File::create(&path)).await);
        assert!(in_cancelled(fs::write(&path, "a")).await);
        assert!(in_cancelled(fs::create_dir(&path)).await);
        assert!(in_cancelled(fs::read(file.path())).await);
        assert!(in_cancelled(fs::remove_file(file.path())).await);
        assert!(in_cancelled(file.write_all(b"a")).await);
        assert!(in_cancelled(file.read(&mut [0])).await);
        assert!(in_cancelled(fs::temp_file_in(folder.path())).await);
        assert_eq!(to_thread::statistics().working, 0);
        assert!(!fs::exists(&path).await.unwrap());
        assert_eq!(fs::metadata(file.path()).await.unwrap().len(), 0);
        assert!(
            fs::read_dir(folder.path())
                .await
                .unwrap()
                .next()
                .await
                .unwrap()
                .is_none()
        );
        // Not even a busy file is noticed.
        let first = begun(file.write(b"a")).await;
        assert!(in_cancelled(file.write(b"b")).await);
        go_on();
        first.await.unwrap();
    });
}

#[test]
fn cancelled_half_way_an_operation_tells_what_it_did() {
    run(async {
        let file = fs::temp_file().await.unwrap();
        assert_eq!(
            cancelled_half_way(file.write(b"abc"))
                .await
                .unwrap()
                .unwrap(),
            3
        );
        cancelled_half_way(file.seek(SeekFrom::Start(0)))
            .await
            .unwrap()
            .unwrap();
        let mut buffer = [0; 9];
        let count = cancelled_half_way(file.read(&mut buffer))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(&buffer[..count], b"abc");
        let opened = cancelled_half_way(File::open(file.path())).await.unwrap();
        drop(opened.unwrap());
        let folder = fs::temp_dir().await.unwrap();
        let path = folder.path().join("a");
        cancelled_half_way(fs::write(&path, "abc"))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(fs::read(&path).await.unwrap(), b"abc");
    });
}

#[test]
fn what_is_long_is_cut_off_in_between() {
    run(async {
        let file = fs::temp_file().await.unwrap();
        let part = 256 << 10;
        let bytes = vec![7; 4 * part];
        let cut = cancelled_half_way(file.write_all(&bytes)).await.is_err();
        let written = file.statistics().bytes_written;
        // The first part is begun in the first poll, which may meet a fast thread.
        assert!(written > 0 && written % part as u64 == 0);
        assert_eq!(cut, written < bytes.len() as u64);
        file.set_len(written).await.unwrap();
        assert_eq!(file.stream_position().await.unwrap(), written);
        file.write_all(&bytes).await.unwrap();
        assert_eq!(
            file.metadata().await.unwrap().len(),
            written + bytes.len() as u64
        );
    });
}

#[cfg(target_os = "linux")]
#[test]
fn reading_and_copying_what_never_ends_is_cut_off() {
    run(async {
        let limit = Duration::from_millis(1);
        assert!(move_on_after(limit, fs::read("/dev/zero")).await.is_none());
        all_idle().await;
    });
}

#[test]
fn what_a_dropped_read_has_read_comes_with_the_next() {
    run(async {
        let file = fs::temp_file().await.unwrap();
        let count = times(200, 5);
        let bytes: Vec<u8> = (0..count).map(|i| i as u8).collect();
        file.write_all(&bytes).await.unwrap();
        file.seek(SeekFrom::Start(0)).await.unwrap();
        let mut found = vec![];
        while found.len() < count {
            let mut buffer = [0; 3];
            // This reads more than the next one asks for.
            if let Some(count) = given_up(file.read(&mut buffer)).await {
                found.extend_from_slice(&buffer[..count.unwrap()]);
            }
            // What is ahead counts as not read for whoever looks at the place.
            assert_eq!(file.stream_position().await.unwrap(), found.len() as u64);
            let mut byte = [0];
            let count = file.read(&mut byte).await.unwrap();
            found.extend_from_slice(&byte[..count]);
        }
        assert_eq!(found, bytes);
        given_up(file.read(&mut [0; 1])).await;
        file.seek(SeekFrom::Start(3)).await.unwrap();
        let early = given_up(file.read(&mut [0; 1])).await.is_some();
        file.write_all(b"XY").await.unwrap();
        let at = if early { 4 } else { 3 };
        assert_eq!(&fs::read(file.path()).await.unwrap()[at..at + 2], b"XY");
    });
}

#[test]
fn dropped_writes_keep_their_order() {
    run(async {
        for _ in 0..times(50, 2) {
            let file = fs::temp_file().await.unwrap();
            given_up(file.write_all(b"a")).await;
            given_up(file.seek(SeekFrom::End(0))).await;
            file.write_all(b"b").await.unwrap();
            assert_eq!(fs::read(file.path()).await.unwrap(), b"ab");
        }
    });
}

#[test]
fn what_a_dropped_call_opened_is_closed_and_removed() {
    // `run` checks that no descriptor is left.
    run(async {
        let folder = fs::temp_dir().await.unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "abc").await.unwrap();
        for _ in 0..times(50, 2) {
            given_up(File::open(&path)).await;
            given_up(fs::lines(&path)).await;
            given_up(fs::read_dir(folder.path())).await;
            given_up(fs::temp_file_in(folder.path())).await;
            given_up(fs::temp_dir_in(folder.path())).await;
            let file = File::open(&path).await.unwrap();
            given_up(file.read(&mut [0])).await;
        }
        all_idle().await;
        assert_eq!(names_in(folder.path()).await, ["a"]);
    });
}

async fn names_in(path: &Path) -> Vec<String> {
    let mut names = vec![];
    let mut entries = fs::read_dir(path).await.unwrap();
    while let Some(entry) = entries.next().await.unwrap() {
        assert_eq!(entry.path(), path.join(entry.file_name()));
        names.push(entry.file_name().to_str().unwrap().to_owned());
    }
    // At the end it stays there.
    assert!(entries.next().await.unwrap().is_none());
    names.sort();
    names
}

#[test]
fn directories_are_listed_whole_also_if_calls_are_dropped() {
    run(async {
        let folder = fs::temp_dir().await.unwrap();
        let count = times(1000, 5);
        for i in 0..count {
            std::fs::write(folder.path().join(format!("{i:04}")), "").unwrap();
        }
        let expected: Vec<String> = (0..count).map(|i| format!("{i:04}")).collect();
        assert_eq!(names_in(folder.path()).await, expected);
        let mut names = vec![];
        let mut entries = fs::read_dir(folder.path()).await.unwrap();
        loop {
            let next = {
                let mut next = Box::pin(entries.next());
                once(next.as_mut()).await
            };
            match next {
                // It was given up, and is asked for again.
                None => all_idle().await,
                Some(entry) => match entry.unwrap() {
                    Some(entry) => {
                        assert!(entry.file_type().is_file());
                        names.push(entry.file_name().to_str().unwrap().to_owned());
                    }
                    None => break,
                },
            }
        }
        names.sort();
        assert_eq!(names, expected);
    });
}

#[test]
fn lines_are_read_by_a_call_for_each_buffer() {
    run(async {
        let file = fs::temp_file().await.unwrap();
        let count = times(100_000, 100);
        let text: String = (0..count).map(|i| format!("{i}\n")).collect();
        fs::write(file.path(), text.as_str()).await.unwrap();
        let mut lines = fs::lines(file.path()).await.unwrap();
        let mut pending = 0;
        for i in 0..count {
            let mut next = pin!(lines.next());
            let line = poll_fn(|cx| {
                let poll = next.as_mut().poll(cx);
                pending += usize::from(poll.is_pending());
                poll
            })
            .await;
            assert_eq!(line.unwrap().unwrap(), i.to_string());
        }
        assert_eq!(lines.next().await.unwrap(), None);
        // For the thread, and for the budget.
        let most = 2 * (text.len() / (64 << 10) + 1) + count / 50;
        assert!(pending <= most, "{pending} of {most}");
    });
}

#[test]
fn a_line_that_is_too_long_or_no_text_is_passed_over() {
    run(async {
        let file = fs::temp_file().await.unwrap();
        let mut bytes = b"one\r\n".to_vec();
        bytes.extend(vec![b'x'; 200_000]);
        bytes.extend(b"\ntwo\n\xff\xff\nthree");
        fs::write(file.path(), bytes).await.unwrap();
        let mut lines = fs::lines(file.path()).await.unwrap().max_length(100);
        assert_eq!(lines.next().await.unwrap().unwrap(), "one");
        let error = lines.next().await.unwrap_err();
        assert!(error.is_line_too_long());
        assert!(
            error.to_string().contains("longer than 100 bytes"),
            "{error}"
        );
        assert_eq!(lines.next().await.unwrap().unwrap(), "two");
        assert_eq!(
            lines.next().await.unwrap_err().kind(),
            ErrorKind::InvalidData
        );
        assert_eq!(lines.next().await.unwrap().unwrap(), "three");
        assert_eq!(lines.next().await.unwrap(), None);
        assert_eq!(lines.next().await.unwrap(), None);
        let mut lines = fs::lines(file.path()).await.unwrap();
        let mut lengths = vec![];
        while let Some(line) = lines.next_bytes().await.unwrap() {
            lengths.push(line.len());
        }
        assert_eq!(lengths, [3, 200_000, 3, 2, 5]);
    });
}

#[test]
fn lines_that_were_dropped_or_cut_off_lose_nothing() {
    run(async {
        let file = fs::temp_file().await.unwrap();
        let text: String = (0..20_000).map(|i| format!("{i}\n")).collect();
        fs::write(file.path(), text.as_str()).await.unwrap();
        let mut lines = fs::lines(file.path()).await.unwrap();
        let mut found = String::new();
        while found.len() < text.len() {
            let line = {
                let mut next = Box::pin(lines.next());
                once(next.as_mut()).await
            };
            match line {
                None => all_idle().await,
                Some(line) => {
                    found += &line.unwrap().unwrap();
                    found.push('\n');
                }
            }
        }
        assert!(found == text);
        // Where nothing is left to be delivered, each call asks the system again.
        assert!(lines.next().await.unwrap().is_none());
    });
}

#[test]
fn temporary_things_vanish_unless_they_are_kept() {
    run(async {
        let folder = fs::temp_dir().await.unwrap();
        let file = fs::temp_file_in(folder.path()).await.unwrap();
        let other = fs::temp_file_in(folder.path()).await.unwrap();
        assert_ne!(file.path(), other.path());
        let inner = fs::temp_dir_in(folder.path()).await.unwrap();
        fs::write(inner.path().join("a"), "a").await.unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |meta: std::fs::Metadata| meta.permissions().mode() & 0o777;
            assert_eq!(mode(file.metadata().await.unwrap()), 0o600);
            assert_eq!(mode(fs::metadata(inner.path()).await.unwrap()), 0o700);
        }
        file.write_all(b"kept").await.unwrap();
        let path = folder.path().join("kept");
        let kept = file.persist(&path).await.unwrap();
        kept.write_all(b"!").await.unwrap();
        drop(other);
        drop(inner);
        assert_eq!(names_in(folder.path()).await, ["kept"]);
        assert_eq!(fs::read(&path).await.unwrap(), b"kept!");
        let error = fs::temp_file_in(folder.path()).await.unwrap();
        assert!(
            error
                .persist("/does/not/exist")
                .await
                .unwrap_err()
                .is_not_found()
        );
        let inner = fs::temp_dir_in(folder.path()).await.unwrap();
        inner.remove().await.unwrap();
        assert_eq!(names_in(folder.path()).await, ["kept"]);
        let inner = fs::temp_dir_in(folder.path()).await.unwrap().keep();
        assert!(fs::exists(&inner).await.unwrap());
        let path = folder.path().to_owned();
        folder.remove().await.unwrap();
        assert!(!fs::exists(&path).await.unwrap());
    });
}

#[test]
fn files_are_worked_on_side_by_side_and_under_a_shield() {
    run(async {
        let folder = fs::temp_dir().await.unwrap();
        let mut all = Unordered::new();
        for i in 0..times(100, 5) {
            let path = folder.path().join(i.to_string());
            all.push(async move {
                fs::write(&path, i.to_string()).await.unwrap();
                assert_eq!(fs::read_to_string(&path).await.unwrap(), i.to_string());
            });
        }
        while all.next().await.is_some() {}
        let saved = open_nursery(async |nursery| {
            nursery.cancel();
            shield(fs::write(folder.path().join("saved"), "x"))
                .await
                .unwrap();
        })
        .await;
        saved.unwrap();
        assert!(fs::exists(folder.path().join("saved")).await.unwrap());
    });
}
