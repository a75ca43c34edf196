use std::future::poll_fn;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::task::{Poll, Waker};
use std::thread;

const IDLE: u8 = 0;
const ASKED: u8 = 1;
const ANSWERED: u8 = 2;

#[derive(Default)]
struct Shared {
    state: AtomicU8,
    waker: Mutex<Option<Waker>>,
}

/// Asks a thread, the same for all callers, to wake the caller, and is woken by it.
pub async fn woken_by_thread() {
    static THREAD: LazyLock<Thread> = LazyLock::new(Thread::new);
    let mut asked = false;
    poll_fn(|cx| {
        if asked && THREAD.shared.state.load(Ordering::Acquire) == ANSWERED {
            THREAD.shared.state.store(IDLE, Ordering::Relaxed);
            return Poll::Ready(());
        }
        if !std::mem::replace(&mut asked, true) {
            if let Ok(mut waker) = THREAD.shared.waker.lock() {
                *waker = Some(cx.waker().clone());
            }
            THREAD.shared.state.store(ASKED, Ordering::Release);
            THREAD.thread.unpark();
        }
        Poll::Pending
    })
    .await;
}

struct Thread {
    shared: Arc<Shared>,
    thread: thread::Thread,
}

impl Thread {
    fn new() -> Thread {
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let run = move || {
            loop {
                if theirs.state.load(Ordering::Acquire) != ASKED {
                    thread::park();
                    continue;
                }
                let waker = theirs.waker.lock().ok().and_then(|mut waker| waker.take());
                theirs.state.store(ANSWERED, Ordering::Release);
                if let Some(waker) = waker {
                    waker.wake();
                }
            }
        };
        // It ends with the process.
        let thread = thread::spawn(run).thread().clone();
        Thread { shared, thread }
    }
}
