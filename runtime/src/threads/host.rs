//! The task that waits for a thread.

use std::future::Future;
use std::mem;
use std::panic::{Location, resume_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::cache::Cache;
use super::error::SpawnError;
use super::job::{Job, Work};
use super::limiter::Permit;
use super::link::{News, Visit};
use super::of_run;
use crate::cancelled::{CancelKind, Cancelled};
use crate::checkpoint::is_cancelled;
use crate::core::{self, Busy, Core};
use crate::frame::{Frame, current_task};
use crate::frames;
use crate::label::{FrameKind, Label};
use crate::waits::{own_waker, waits_for};

/// What a thread has asked for is done so many times in a row before other tasks have a turn.
const REQUESTS_PER_POLL: u32 = 16;

/// What a call says about its thread.
pub(super) struct Plan {
    pub(super) name: Option<Arc<str>>,
    pub(super) abandon_on_cancel: bool,
    pub(super) site: &'static Location<'static>,
}

/// Waits for a thread that works.
pub(super) struct Waiting<F, T> {
    core: Rc<Core>,
    job: Arc<Job<F, T>>,
    /// A guest: who cancels it waits until the thread has finished. What the thread has us do runs in it.
    frame: Frame,
    /// What the thread waits for.
    visit: Option<Visit>,
    /// There while the thread works, but not while it waits for `visit`.
    busy: Option<Busy>,
    permit: Option<Permit>,
    told: bool,
    /// The thread has had time to have news.
    waits: bool,
}

impl<F, T> Waiting<F, T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    /// Has a thread of `cache` begin.
    pub(super) fn start(
        f: F,
        cache: &Arc<Cache>,
        permit: Permit,
        plan: Plan,
    ) -> Result<Waiting<F, T>, SpawnError> {
        let name = plan
            .name
            .or_else(|| current_task().and_then(|task| task.given_name()));
        let job = Arc::new(Job::new(f, name));
        cache.start(Arc::clone(&job) as Arc<dyn Work>)?;
        let core = core::current();
        let frame = Frame::new(Label::of::<F>(FrameKind::Scope, plan.site));
        frame.set_guest(!plan.abandon_on_cancel);
        Ok(Waiting {
            busy: Some(Busy::new(&core)),
            core,
            job,
            frame,
            visit: None,
            permit: Some(permit),
            told: false,
            waits: false,
        })
    }
}

impl<F, T> Future for Waiting<F, T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let this = &mut *self;
        let entered = this.frame.enter_below_current();
        let mut requests = 0;
        loop {
            if !this.told && is_cancelled() {
                this.told = true;
                this.job.link.cancel(cause(&this.frame));
            }
            if let Some(visit) = &mut this.visit {
                if visit.as_mut().poll(cx).is_pending() {
                    entered.waits_for(|| String::from("what a thread has it do"));
                    break;
                }
                this.visit = None;
            }
            if this.busy.is_none() {
                this.busy = Some(Busy::new(&this.core));
            }
            let link = &this.job.link;
            let news = match mem::replace(&mut this.waits, true) {
                true => link.news(),
                false => None,
            };
            match news.or_else(|| link.wait(own_waker(cx))) {
                None => {
                    waits_for(|| match this.job.name() {
                        Some(name) => format!("a thread (`{name}`)"),
                        None => String::from("a thread"),
                    });
                    break;
                }
                Some(News::Request(request)) => {
                    requests += 1;
                    // Whatever comes of it, the thread waits for us meanwhile.
                    this.busy = None;
                    this.visit = request();
                    if requests == REQUESTS_PER_POLL {
                        cx.waker().wake_by_ref();
                        break;
                    }
                }
                Some(News::Finished) => {
                    drop(entered);
                    this.busy = None;
                    this.permit = None;
                    this.frame.set_guest(false);
                    match this.job.take() {
                        Some(Ok(value)) => return Poll::Ready(value),
                        Some(Err(payload)) => resume_unwind(payload),
                        None => panic!("a call of `run_sync` was polled again after it had ended"),
                    }
                }
            }
        }
        drop(entered);
        frames::remember_waker(this.frame.id(), cx.waker());
        Poll::Pending
    }
}

impl<F, T> Drop for Waiting<F, T> {
    fn drop(&mut self) {
        let Some(permit) = self.permit.take() else {
            return;
        };
        let (key, at_end) = of_run::keep(&self.core, permit);
        if !self.job.link.abandon(cause(&self.frame), at_end) {
            self.core.threads.give_back(key);
        }
        // Only now: if this lets go of the thread, it finds the cause.
        self.visit = None;
    }
}

/// Why nobody waits for the thread any more.
fn cause(frame: &Frame) -> Cancelled {
    frame.effective_cause().unwrap_or_else(|| {
        Cancelled::new(CancelKind::Explicit).because("the call of `run_sync` was dropped")
    })
}
