//! What both backends promise.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::task::{Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use polling::AsSource;

use super::sources::{Key, Kind, Report, Signal, Sources};
use super::{Direction, Events, Reactor, Source};

/// Counts how often it was woken.
#[derive(Default)]
struct Count(AtomicUsize);

impl Count {
    fn new() -> (Arc<Count>, Waker) {
        let count = Arc::<Count>::default();
        (Arc::clone(&count), Waker::from(count))
    }

    fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Reactor {
    /// Takes up a source that stays with the test.
    pub(super) fn register(&self, source: &impl AsSource) -> io::Result<Rc<Source<()>>> {
        let registered = self.insert(())?;
        self.watch(&registered, source)?;
        Ok(registered)
    }
}

/// Two connected sockets, the first of them non-blocking.
pub(crate) fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (ours, _) = listener.accept().unwrap();
    ours.set_nonblocking(true).unwrap();
    (ours, peer)
}

fn wait(reactor: &Reactor, timeout: Option<Duration>) -> usize {
    let mut count = 0;
    let woken = reactor.wait(timeout, &mut Events::new(), |waker| {
        count += 1;
        waker.wake();
    });
    woken.unwrap();
    count
}

/// Waits as the backend does; a signal does not count.
pub(super) fn wait_undisturbed(reactor: &Reactor, timeout: Duration) {
    loop {
        let result =
            reactor
                .backend
                .wait(Some(timeout), &mut Events::new(), &reactor.sources, drop);
        match result {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result.unwrap(),
        }
    }
}

/// Waits until `count` has been woken, for as long as that takes.
fn wait_for(reactor: &Reactor, count: &Count) {
    let before = count.get();
    while count.get() == before {
        wait(reactor, None);
    }
}

#[test]
fn data_wakes_the_reader() {
    let reactor = Reactor::new().unwrap();
    let (mut ours, mut peer) = pair();
    let key = reactor.register(&ours).unwrap();
    let (count, waker) = Count::new();
    reactor.would_block(&key, Direction::Read);
    reactor
        .park(&key, Direction::Read, &ours, &waker, true)
        .unwrap();
    assert_eq!(wait(&reactor, Some(Duration::ZERO)), 0);
    assert!(!key.is_ready(Direction::Read));

    peer.write_all(b"x").unwrap();
    wait_for(&reactor, &count);
    assert!(key.is_ready(Direction::Read));

    // And it is reported once.
    ours.read_exact(&mut [0]).unwrap();
    reactor.would_block(&key, Direction::Read);
    reactor
        .park(&key, Direction::Read, &ours, &waker, true)
        .unwrap();
    assert_eq!(wait(&reactor, Some(Duration::ZERO)), 0);
    reactor.deregister(&key, &ours).unwrap();
}

#[test]
fn room_wakes_the_writer_and_not_the_reader_for_good() {
    let reactor = Reactor::new().unwrap();
    let (mut ours, mut peer) = pair();
    let key = reactor.register(&ours).unwrap();
    let mut sent = 0;
    let full = loop {
        match ours.write(&[0; 1 << 16]) {
            Ok(count) => sent += count,
            Err(error) => break error,
        }
    };
    assert_eq!(full.kind(), ErrorKind::WouldBlock);
    let (reader, read_waker) = Count::new();
    let (writer, write_waker) = Count::new();
    // What the registration itself had to report is out of the way.
    wait(&reactor, Some(Duration::ZERO));
    for (direction, waker) in [
        (Direction::Read, &read_waker),
        (Direction::Write, &write_waker),
    ] {
        reactor.would_block(&key, direction);
        reactor.park(&key, direction, &ours, waker, true).unwrap();
    }

    peer.read_exact(&mut vec![0; sent]).unwrap();
    wait_for(&reactor, &writer);
    assert!(key.is_ready(Direction::Write));
    assert!(!key.is_ready(Direction::Read));

    // Whatever the reader was told, parked again it hears of data.
    reactor
        .park(&key, Direction::Read, &ours, &read_waker, true)
        .unwrap();
    peer.write_all(b"x").unwrap();
    wait_for(&reactor, &reader);
    while !key.is_ready(Direction::Read) {
        reactor
            .park(&key, Direction::Read, &ours, &read_waker, true)
            .unwrap();
        wait(&reactor, None);
    }
    reactor.deregister(&key, &ours).unwrap();
}

#[test]
fn what_came_before_the_registration_is_reported() {
    let reactor = Reactor::new().unwrap();
    let (ours, mut peer) = pair();
    peer.write_all(b"x").unwrap();
    let key = reactor.register(&ours).unwrap();
    let (count, waker) = Count::new();
    key.forget(Direction::Read);
    reactor
        .park(&key, Direction::Read, &ours, &waker, true)
        .unwrap();
    wait_for(&reactor, &count);
    reactor.deregister(&key, &ours).unwrap();
}

#[test]
fn who_asks_anew_is_told_what_was_reported_before() {
    let reactor = Reactor::new().unwrap();
    let (ours, mut peer) = pair();
    let key = reactor.register(&ours).unwrap();
    peer.write_all(b"x").unwrap();
    for _ in 0..3 {
        let (count, waker) = Count::new();
        key.forget(Direction::Read);
        reactor
            .park(&key, Direction::Read, &ours, &waker, true)
            .unwrap();
        wait_for(&reactor, &count);
        key.release(Direction::Read);
    }
    reactor.deregister(&key, &ours).unwrap();
}

#[test]
fn a_report_of_a_former_owner_does_not_touch_the_next() {
    let reactor = Reactor::new().unwrap();
    let (old, mut old_peer) = pair();
    let (new, _new_peer) = pair();
    let (count, waker) = Count::new();
    let old_key = reactor.register(&old).unwrap();
    wait(&reactor, Some(Duration::ZERO));
    reactor.would_block(&old_key, Direction::Read);
    reactor
        .park(&old_key, Direction::Read, &old, &waker, true)
        .unwrap();
    // The place is given up, but the system has not been told: what a descriptor leaves behind that
    // was duplicated and closed.
    reactor.sources.remove(&old_key);

    let new_key = reactor.register(&new).unwrap();
    assert_eq!(
        new_key.key().to_u64() as u32,
        old_key.key().to_u64() as u32,
        "the same place"
    );
    reactor.would_block(&new_key, Direction::Read);
    reactor
        .park(&new_key, Direction::Read, &new, &waker, true)
        .unwrap();
    old_peer.write_all(b"x").unwrap();
    // It returns for the old source's report, or there would be nothing to ignore.
    wait(&reactor, Some(Duration::from_secs(1)));
    assert_eq!(count.get(), 0);
    assert!(!new_key.is_ready(Direction::Read));

    reactor.backend.delete(&old).unwrap();
    reactor.deregister(&new_key, &new).unwrap();
}

const EDGE: Kind = Kind {
    edge: true,
    generations: u32::MAX,
};

const READY: Signal = Signal {
    ready: true,
    closed: false,
};

const CLOSED: Signal = Signal {
    ready: true,
    closed: true,
};

fn report_read(sources: &Sources, key: Key, read: Signal) {
    let report = Report {
        key,
        read,
        write: Signal::default(),
    };
    drop(sources.report(report));
}

#[test]
fn a_closed_direction_stays_ready_after_a_short_read_until_it_would_block() {
    let sources = Sources::new(EDGE);
    let key = sources.insert(()).unwrap();
    report_read(&sources, key.key(), CLOSED);
    sources.drained(&key, Direction::Read);
    assert!(key.is_ready(Direction::Read));
    sources.drained(&key, Direction::Write);
    assert!(!key.is_ready(Direction::Write));
    sources.would_block(&key, Direction::Read);
    assert!(!key.is_ready(Direction::Read));
    // The end was none, so a short read counts again.
    report_read(&sources, key.key(), READY);
    sources.drained(&key, Direction::Read);
    assert!(!key.is_ready(Direction::Read));
}

#[test]
fn with_edges_no_operation_has_to_ask_the_system() {
    let sources = Sources::new(EDGE);
    let key = sources.insert(()).unwrap();
    let due = || key.to_arm(Direction::Read).is_none();
    assert!(due(), "the registration reports");
    report_read(&sources, key.key(), READY);
    sources.would_block(&key, Direction::Read);
    assert!(due());
    report_read(&sources, key.key(), READY);
    sources.drained(&key, Direction::Read);
    assert!(due());
    // Only who does not try, but wants to be told what was told before.
    report_read(&sources, key.key(), READY);
    key.forget(Direction::Read);
    assert_eq!(key.to_arm(Direction::Read), Some((true, true)));
}

#[test]
fn without_edges_the_system_is_asked_while_somebody_waits() {
    let sources = Sources::new(Kind {
        edge: false,
        generations: u32::MAX,
    });
    let key = sources.insert(()).unwrap();
    assert_eq!(key.to_arm(Direction::Read), Some((true, false)));
    key.set_armed(Direction::Read);
    assert_eq!(key.to_arm(Direction::Read), None);
    assert_eq!(key.to_arm(Direction::Write), Some((true, true)));
    key.set_armed(Direction::Write);
    // A report on one direction disarms both.
    report_read(&sources, key.key(), READY);
    assert_eq!(key.to_arm(Direction::Write), Some((false, true)));
}

#[test]
fn one_waker_is_kept_however_often_a_task_parks() {
    let reactor = Reactor::new().unwrap();
    let (ours, _peer) = pair();
    let key = reactor.register(&ours).unwrap();
    let (count, waker) = Count::new();
    for _ in 0..3 {
        reactor
            .park(&key, Direction::Read, &ours, &waker, true)
            .unwrap();
        assert_eq!(Arc::strong_count(&count), 3);
    }
    key.release(Direction::Read);
    assert_eq!(Arc::strong_count(&count), 2);
    reactor
        .park(&key, Direction::Read, &ours, &waker, true)
        .unwrap();
    reactor.deregister(&key, &ours).unwrap();
    assert_eq!(
        Arc::strong_count(&count),
        2,
        "what was leaked goes with the source"
    );
}

#[test]
fn a_notification_before_the_wait_is_not_lost() {
    let reactor = Reactor::new().unwrap();
    let notifier = reactor.notifier();
    for _ in 0..3 {
        notifier.notify();
        wait(&reactor, None);
    }
    notifier.notify();
    notifier.clone().notify();
    wait(&reactor, None);
}

#[test]
fn a_notification_from_another_thread_ends_a_wait() {
    let rounds = if cfg!(miri) { 10 } else { 1000 };
    let reactor = Reactor::new().unwrap();
    let notifier = reactor.notifier();
    let (go, gone) = mpsc::channel();
    let ringer = thread::spawn(move || {
        for () in gone {
            notifier.notify();
        }
    });
    for _ in 0..rounds {
        go.send(()).unwrap();
        assert_eq!(wait(&reactor, None), 0);
    }
    drop(go);
    ringer.join().unwrap();
}

#[test]
fn a_notifier_outlives_its_reactor() {
    let notifier = Reactor::new().unwrap().notifier();
    notifier.notify();
}

#[test]
fn a_wait_does_not_end_early() {
    let reactor = Reactor::new().unwrap();
    for micros in [1, 40, 999, 1000, 1001, 1500, 2999] {
        let timeout = Duration::from_micros(micros);
        let start = Instant::now();
        wait_undisturbed(&reactor, timeout);
        assert!(start.elapsed() >= timeout, "{timeout:?}");
    }
}

#[test]
fn no_timeout_is_too_short_or_too_long() {
    let reactor = Reactor::new().unwrap();
    wait(&reactor, Some(Duration::ZERO));
    wait(&reactor, Some(Duration::from_nanos(1)));
    for timeout in [super::WAIT_MAX, super::WAIT_MAX * 2, Duration::MAX] {
        reactor.notifier().notify();
        wait(&reactor, Some(timeout));
    }
}

#[test]
fn statistics_count_sources_and_who_waits() {
    let reactor = Reactor::new().unwrap();
    let (ours, _peer) = pair();
    let key = reactor.register(&ours).unwrap();
    let (_count, waker) = Count::new();
    reactor
        .park(&key, Direction::Read, &ours, &waker, true)
        .unwrap();
    let statistics = reactor.statistics();
    assert_eq!(statistics.sources, 1);
    assert_eq!(statistics.tasks_waiting_read, 1);
    assert_eq!(statistics.tasks_waiting_write, 0);
    reactor.deregister(&key, &ours).unwrap();
    assert_eq!(reactor.statistics().sources, 0);
    assert_eq!(reactor.statistics().tasks_waiting_read, 0);
}
