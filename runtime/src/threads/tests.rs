//! What the public face can't reach: how long idle threads stay.

use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use super::cache::Cache;
use super::job::Work;
use super::link::Link;

/// Tells, by being dropped, that its thread has ended.
struct AtExit(#[expect(dead_code, reason = "dropping it is the message")] Sender<()>);

thread_local! {
    static AT_EXIT: std::cell::RefCell<Option<AtExit>> = const { std::cell::RefCell::new(None) };
}

/// Says which thread it is done by, before and after it counts as done.
struct Tell {
    link: Link,
    sender: Sender<thread::ThreadId>,
    exit: Option<Sender<()>>,
    then: Option<(Arc<Cache>, Sender<thread::ThreadId>)>,
}

impl Work for Tell {
    fn work(self: Arc<Self>, before_delivery: &mut dyn FnMut()) {
        if let Some(exit) = &self.exit {
            let exit = AtExit(exit.clone());
            AT_EXIT.with(|at_exit| at_exit.replace(Some(exit)));
        }
        before_delivery();
        if let Some((cache, sender)) = &self.then {
            cache.start(tell(sender)).unwrap();
        }
        // Nobody may be listening any more.
        self.sender.send(thread::current().id()).ok();
    }

    fn link(&self) -> &Link {
        &self.link
    }

    fn name(&self) -> Option<&str> {
        None
    }
}

fn tell(sender: &Sender<thread::ThreadId>) -> Arc<Tell> {
    Arc::new(Tell {
        link: Link::new(),
        sender: sender.clone(),
        exit: None,
        then: None,
    })
}

fn cache(patience: Duration) -> Arc<Cache> {
    Arc::new(Cache::new("nestling-test".into(), None, patience))
}

/// Has a thread begin that tells of its end.
fn start(cache: &Arc<Cache>) -> (thread::ThreadId, Receiver<()>) {
    let (sender, receiver) = mpsc::channel();
    let (exit, exited) = mpsc::channel();
    let mut job = tell(&sender);
    Arc::get_mut(&mut job).unwrap().exit = Some(exit);
    cache.start(job).unwrap();
    (receiver.recv().unwrap(), exited)
}

#[test]
#[cfg_attr(miri, ignore = "threads are waited for by the clock")]
fn an_idle_thread_ends_when_its_patience_does() {
    let cache = cache(Duration::ZERO);
    let (_, exited) = start(&cache);
    exited.recv().unwrap_err();
    let now = cache.statistics();
    assert_eq!((now.working, now.idle), (0, 0));
    // It takes another one then.
    let (_, exited) = start(&cache);
    exited.recv().unwrap_err();
}

#[test]
fn a_thread_without_work_stays_as_long_as_it_has_patience() {
    let cache = cache(Duration::MAX);
    let (first, _) = start(&cache);
    let (second, exited) = start(&cache);
    assert_eq!(first, second);
    assert_eq!(exited.try_recv(), Err(mpsc::TryRecvError::Empty));
    assert_eq!(cache.statistics().idle, 1);
    cache.close();
    exited.recv().unwrap_err();
}

#[test]
fn no_job_is_lost_to_a_thread_that_is_about_to_end() {
    let count = if cfg!(miri) { 20 } else { 2000 };
    let cache = cache(Duration::ZERO);
    let (sender, receiver) = mpsc::channel();
    for _ in 0..count {
        cache.start(tell(&sender)).unwrap();
        receiver.recv().unwrap();
    }
    cache.close();
}

#[test]
fn work_that_is_given_during_a_delivery_goes_to_the_delivering_thread() {
    let cache = cache(Duration::MAX);
    let (sender, receiver) = mpsc::channel();
    let mut job = tell(&sender);
    Arc::get_mut(&mut job).unwrap().then = Some((Arc::clone(&cache), sender));
    cache.start(job).unwrap();
    assert_eq!(receiver.recv().unwrap(), receiver.recv().unwrap());
    cache.close();
}

#[test]
fn a_cache_that_is_closed_keeps_no_thread() {
    let cache = cache(Duration::MAX);
    cache.close();
    let (_, exited) = start(&cache);
    exited.recv().unwrap_err();
}

#[test]
fn a_cache_goes_with_its_last_thread() {
    let cache = cache(Duration::ZERO);
    let (_, exited) = start(&cache);
    let left: Weak<Cache> = Arc::downgrade(&cache);
    drop(cache);
    exited.recv().unwrap_err();
    assert_eq!(left.strong_count(), 0);
}
