//! From an [`Address`](crate::Address) to addresses the system understands.
//!
//! The system's resolver blocks, so a name is looked up in a thread made for it, which leaves the
//! answer where the task finds it and wakes the task. A lookup cannot be interrupted: if the task is
//! cut off, the thread runs on by itself, finds that nobody waits, and ends.

use std::future::poll_fn;
use std::io;
use std::mem;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::thread;

use nestling_runtime::poll_proceed;

use crate::address::Target;
use crate::error::{Error, Operation, Reason};
use crate::proceed;

/// The addresses of `target`, at least one; a checkpoint in any case.
pub(crate) async fn resolve(
    operation: Operation,
    target: &Target,
) -> Result<Vec<SocketAddr>, Error> {
    proceed().await;
    let found = match target {
        Target::Addresses(addresses) => Ok(addresses.clone()),
        Target::Name { host, port } => look_up(host.clone(), *port).await,
        Target::Invalid { problem, .. } => {
            Err(io::Error::new(io::ErrorKind::InvalidInput, problem.clone()))
        }
    };
    match found {
        Ok(addresses) if addresses.is_empty() => Err(Reason::NoAddress.into()),
        found => found,
    }
    .map_err(|error| Error::of_target(operation, target, error))
}

async fn look_up(host: String, port: u16) -> io::Result<Vec<SocketAddr>> {
    let answer = Arc::new(Answer::default());
    let of_thread = Arc::clone(&answer);
    thread::Builder::new()
        .name("nestling-resolve".to_owned())
        .spawn(move || {
            let found = (host.as_str(), port).to_socket_addrs();
            of_thread.give(found.map(Iterator::collect));
        })?;
    let waiting = Waiting(answer);
    poll_fn(|cx| waiting.0.poll(cx)).await
}

#[derive(Default)]
struct Answer {
    state: Mutex<State>,
}

#[derive(Default)]
enum State {
    #[default]
    Unasked,
    Awaited(Waker),
    Found(io::Result<Vec<SocketAddr>>),
}

impl Answer {
    fn give(&self, found: io::Result<Vec<SocketAddr>>) {
        let before = mem::replace(&mut *self.lock(), State::Found(found));
        // Woken after the lock is released, as a waker may do anything.
        if let State::Awaited(waker) = before {
            waker.wake();
        }
    }

    fn poll(&self, cx: &mut Context<'_>) -> Poll<io::Result<Vec<SocketAddr>>> {
        ready!(poll_proceed(cx));
        let waker = cx.waker().clone();
        let mut state = self.lock();
        if let State::Found(_) = *state {
            let found = mem::take(&mut *state);
            drop(state);
            return match found {
                State::Found(found) => Poll::Ready(found),
                State::Unasked | State::Awaited(_) => Poll::Pending,
            };
        }
        let before = mem::replace(&mut *state, State::Awaited(waker));
        drop(state);
        drop(before);
        Poll::Pending
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// On drop, takes the task's waker back from a thread that may live on for long.
struct Waiting(Arc<Answer>);

impl Drop for Waiting {
    fn drop(&mut self) {
        let before = mem::take(&mut *self.0.lock());
        drop(before);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::Address;

    #[test]
    fn numbers_need_no_thread_and_names_are_looked_up() {
        nestling_runtime::run(async {
            let numeric = resolve(Operation::Connect, &"127.0.0.1:80".target())
                .await
                .unwrap();
            assert_eq!(numeric, [SocketAddr::from(([127, 0, 0, 1], 80))]);
            let named = resolve(Operation::Connect, &"localhost:80".target())
                .await
                .unwrap();
            assert!(
                named
                    .iter()
                    .all(|address| address.ip().is_loopback() && address.port() == 80)
            );
        });
    }

    #[test]
    fn an_empty_list_is_an_error() {
        let error = nestling_runtime::run(async {
            resolve(Operation::Connect, &[].target()).await.unwrap_err()
        });
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert_eq!(
            error.to_string(),
            "connect to an empty list of addresses: there is nothing to try"
        );
    }

    #[test]
    fn who_gave_up_waiting_leaves_no_waker_behind() {
        let answer = Arc::new(Answer::default());
        let (woken, was_woken) = mpsc::channel::<()>();
        struct Wake(mpsc::Sender<()>);
        impl std::task::Wake for Wake {
            fn wake(self: Arc<Self>) {
                self.0.send(()).unwrap();
            }
        }
        let waker = Waker::from(Arc::new(Wake(woken)));
        let waiting = Waiting(Arc::clone(&answer));
        let polled = nestling_runtime::run(async move {
            let mut cx = Context::from_waker(&waker);
            waiting.0.poll(&mut cx).is_pending()
        });
        assert!(polled);
        answer.give(Ok(Vec::new()));
        assert!(
            was_woken.recv().is_err(),
            "dropped without having been woken"
        );
    }
}
