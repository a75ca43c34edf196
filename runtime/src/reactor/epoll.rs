//! Linux: one epoll descriptor, every source registered once and edge-triggered.
//!
//! Not `polling::Poller`, whose own descriptor could be borrowed: it opens a timerfd and an eventfd
//! of its own, which cost two descriptors a run and can't be interpreted by Miri, and its edge mode
//! does not ask for EPOLLRDHUP, without which an end of stream behind a short read is lost.
#![expect(
    unsafe_code,
    reason = "epoll_pwait2 has no safe face that can be done without"
)]

use std::cell::Cell;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use polling::AsSource;
use rustix::buffer::spare_capacity;
use rustix::event::{EventfdFlags, Timespec, epoll, eventfd};
use rustix::io::Errno;

use super::sources::{Key, Kind, Report, Signal, Sources};

/// As many as one call may report. What does not fit is reported first by the next.
const EVENTS_PER_WAIT: usize = 1024;

/// No source has this key: see `Sources::insert`.
const NOTIFICATION: u64 = u64::MAX;

pub(super) struct Backend {
    epoll: OwnedFd,
    notifier: Notifier,
    /// Whether `epoll_pwait2` is there: Linux 5.11, and a sandbox that knows it.
    precise: Cell<bool>,
}

/// Room for what one wait reports.
pub(crate) struct Events(Vec<epoll::Event>);

impl Events {
    pub(crate) fn new() -> Events {
        Events(Vec::with_capacity(EVENTS_PER_WAIT))
    }
}

impl Backend {
    pub(super) const NAME: &str = "epoll";
    pub(super) const KIND: Kind = Kind {
        edge: true,
        generations: u32::MAX,
    };

    pub(super) fn new() -> io::Result<Backend> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let eventfd = eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?;
        // Edge-triggered it need be neither read nor armed again: each write is an edge.
        let flags = epoll::EventFlags::IN | epoll::EventFlags::ET;
        epoll::add(
            &epoll,
            &eventfd,
            epoll::EventData::new_u64(NOTIFICATION),
            flags,
        )?;
        Ok(Backend {
            epoll,
            notifier: Notifier {
                eventfd: Arc::new(eventfd),
            },
            precise: Cell::new(!cfg!(miri)),
        })
    }

    pub(super) fn notifier(&self) -> Notifier {
        self.notifier.clone()
    }

    /// A source that is ready already is reported by the next wait.
    pub(super) fn add(&self, source: &impl AsSource, key: Key) -> io::Result<()> {
        Ok(epoll::add(
            &self.epoll,
            source.source(),
            data(key),
            interest(),
        )?)
    }

    pub(super) fn delete(&self, source: &impl AsSource) -> io::Result<()> {
        Ok(epoll::delete(&self.epoll, source.source())?)
    }

    /// Has the present state of both directions reported as if the source were new.
    pub(super) fn arm(
        &self,
        source: &impl AsSource,
        key: Key,
        _directions: (bool, bool),
    ) -> io::Result<()> {
        Ok(epoll::modify(
            &self.epoll,
            source.source(),
            data(key),
            interest(),
        )?)
    }

    pub(super) fn wait(
        &self,
        timeout: Option<Duration>,
        Events(events): &mut Events,
        sources: &Sources,
        mut wake: impl FnMut(Waker),
    ) -> io::Result<()> {
        events.clear();
        self.wait_into(events, timeout)?;
        for event in events {
            // A notification's key is no source's, and so concerns nobody.
            let [reader, writer] = sources.report(translate(event));
            if let Some(reader) = reader {
                wake(reader);
            }
            if let Some(writer) = writer {
                wake(writer);
            }
        }
        Ok(())
    }

    fn wait_into(
        &self,
        events: &mut Vec<epoll::Event>,
        timeout: Option<Duration>,
    ) -> io::Result<()> {
        if let Some(timeout) = timeout.filter(|timeout| self.precise.get() && !timeout.is_zero()) {
            match epoll_pwait2(&self.epoll, events, timeout) {
                Err(error) if matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EPERM)) => {
                    self.precise.set(false);
                }
                result => return result,
            }
        }
        let timeout = timeout.map(whole_milliseconds);
        epoll::wait(&self.epoll, spare_capacity(events), timeout.as_ref())?;
        Ok(())
    }
}

/// Makes the wait that goes on, or else the next one, return. Any number of threads may hold one,
/// also after the run has ended.
#[derive(Clone, Debug)]
pub(crate) struct Notifier {
    eventfd: Arc<OwnedFd>,
}

impl Notifier {
    /// # Panics
    /// If the descriptor has been closed by code that does not own it. To go on would mean to lose
    /// wake-ups in silence.
    pub(crate) fn notify(&self) {
        loop {
            match rustix::io::write(&*self.eventfd, &1_u64.to_ne_bytes()) {
                Ok(_) => return,
                Err(Errno::INTR) => {}
                // The counter is full, which takes 2⁶⁴ notifications: empty it and add again. Fails
                // only if another notifier has been faster, which does as well.
                Err(Errno::AGAIN) => {
                    let _emptied = rustix::io::read(&*self.eventfd, &mut [0; 8]);
                }
                Err(error) => panic!(
                    "Nestling's loop cannot be woken ({error}): \
                     something in this process closed a file descriptor that it does not own"
                ),
            }
        }
    }
}

fn interest() -> epoll::EventFlags {
    use epoll::EventFlags;
    // The kernel adds ERR and HUP.
    EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET
}

fn data(key: Key) -> epoll::EventData {
    epoll::EventData::new_u64(key.to_u64())
}

fn translate(event: &epoll::Event) -> Report {
    use epoll::EventFlags;
    let flags = event.flags;
    let broken = flags.intersects(EventFlags::HUP | EventFlags::ERR);
    let read_closed = broken || flags.contains(EventFlags::RDHUP);
    Report {
        key: Key::from_u64(event.data.u64()),
        read: Signal {
            ready: read_closed || flags.contains(EventFlags::IN),
            closed: read_closed,
        },
        write: Signal {
            ready: broken || flags.contains(EventFlags::OUT),
            closed: broken,
        },
    }
}

/// `epoll_wait` counts in milliseconds: rounded up, since a timer must not fire early.
fn whole_milliseconds(timeout: Duration) -> Timespec {
    let milliseconds = timeout.as_nanos().div_ceil(1_000_000);
    Timespec {
        // `WAIT_MAX` bounds it.
        tv_sec: (milliseconds / 1000) as i64,
        tv_nsec: (milliseconds % 1000 * 1_000_000) as _,
    }
}

/// `epoll_wait` with a timeout in nanoseconds. Called by number because C libraries got it late;
/// rustix has it only without a way back to `epoll_wait`.
fn epoll_pwait2(
    epoll: &OwnedFd,
    events: &mut Vec<epoll::Event>,
    timeout: Duration,
) -> io::Result<()> {
    /// The kernel's `__kernel_timespec`, the same on every architecture, unlike `libc::timespec`.
    #[repr(C)]
    struct KernelTimespec {
        seconds: i64,
        nanoseconds: i64,
    }
    let timeout = KernelTimespec {
        // `WAIT_MAX` bounds it.
        seconds: timeout.as_secs() as i64,
        nanoseconds: i64::from(timeout.subsec_nanos()),
    };
    let room = events.spare_capacity_mut();
    // SAFETY: `epoll` is open while it is borrowed. `room` is writable memory for `room.len()`
    // events in the kernel's layout (rustix hands the same type to `epoll_wait`), `timeout` has the
    // kernel's layout and outlives the call, and without a signal mask its size is not looked at.
    // The kernel writes no more events than it returns, so those are initialized.
    let count = unsafe {
        let count = libc::syscall(
            libc::SYS_epoll_pwait2,
            epoll.as_raw_fd(),
            room.as_mut_ptr(),
            room.len() as libc::c_int,
            &raw const timeout,
            ptr::null::<libc::sigset_t>(),
            0_usize,
        );
        if let Ok(count) = usize::try_from(count) {
            events.set_len(count);
        }
        count
    };
    if count < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::super::tests::{pair, wait_undisturbed};
    use super::super::{Direction, Reactor};
    use super::*;

    #[test]
    fn a_full_counter_does_not_lose_a_notification() {
        let reactor = Reactor::new().unwrap();
        let notifier = reactor.notifier();
        let full = (u64::MAX - 1).to_ne_bytes();
        rustix::io::retry_on_intr(|| rustix::io::write(&*notifier.eventfd, &full)).unwrap();
        reactor.wait(None, &mut Events::new(), drop).unwrap();
        notifier.notify();
        reactor.wait(None, &mut Events::new(), drop).unwrap();
    }

    #[test]
    fn what_does_not_fit_in_one_wait_comes_with_the_next() {
        let reactor = Reactor::new().unwrap();
        let mut events = Events(Vec::with_capacity(4));
        let pairs: Vec<_> = (0..10).map(|_| pair()).collect();
        let keys = pairs
            .iter()
            .map(|(ours, _)| reactor.register(ours).unwrap());
        let keys: Vec<_> = keys.collect();
        for key in &keys {
            key.forget(Direction::Write);
        }
        while keys.iter().any(|key| !key.is_ready(Direction::Write)) {
            reactor.wait(None, &mut events, drop).unwrap();
        }
    }

    #[test]
    fn without_epoll_pwait2_a_wait_does_not_end_early_either() {
        let reactor = Reactor::new().unwrap();
        reactor.backend.precise.set(false);
        for micros in [1, 999, 1000, 1001, 2500] {
            let timeout = Duration::from_micros(micros);
            let start = Instant::now();
            wait_undisturbed(&reactor, timeout);
            assert!(start.elapsed() >= timeout, "{timeout:?}");
        }
    }

    #[test]
    fn flags_mean_what_they_mean_for_sockets_and_pipes() {
        use epoll::EventFlags;
        let signal = |ready, closed| Signal { ready, closed };
        for (flags, read, write) in [
            (EventFlags::IN, (true, false), (false, false)),
            (EventFlags::OUT, (false, false), (true, false)),
            // The peer has sent its last byte and still reads.
            (
                EventFlags::IN | EventFlags::RDHUP,
                (true, true),
                (false, false),
            ),
            // The last writer of an empty pipe is gone.
            (EventFlags::HUP, (true, true), (true, true)),
            // The last reader of a pipe is gone; a socket's pending error.
            (EventFlags::ERR, (true, true), (true, true)),
        ] {
            let report = translate(&epoll::Event {
                flags,
                data: epoll::EventData::new_u64(7),
            });
            assert_eq!(report.key, Key::from_u64(7));
            assert_eq!(report.read, signal(read.0, read.1), "{flags:?}");
            assert_eq!(report.write, signal(write.0, write.1), "{flags:?}");
        }
    }

    #[test]
    fn milliseconds_are_rounded_up() {
        let rounded = |nanos| {
            let timeout = whole_milliseconds(Duration::from_nanos(nanos));
            (timeout.tv_sec, timeout.tv_nsec as u64)
        };
        assert_eq!(rounded(0), (0, 0));
        assert_eq!(rounded(1), (0, 1_000_000));
        assert_eq!(rounded(999_000_000), (0, 999_000_000));
        assert_eq!(rounded(999_000_001), (1, 0));
    }
}
