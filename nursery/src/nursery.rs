#![expect(unsafe_code, reason = "children borrow for 'scope, see `child::spawn`")]
//! The handle that a nursery's body works with.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;

use nestling_runtime::{FrameKind, Label};

use crate::child::{self, Plan};
use crate::error::StartError;
use crate::join::{self, JoinHandle};
use crate::outcome::Outcome;
use crate::scope::CancelScope;
use crate::start::{self, Ready};
use crate::state::State;

/// The place where child tasks live, made by [`open_nursery`](crate::open_nursery()).
///
/// `'scope` is the nursery's own life: children may borrow what outlives it. `'env` is the life of
/// what is around it, as with `std::thread::Scope`.
///
/// When the compiler says no more than "lifetime may not live long enough" and underlines the whole
/// body, then the nursery itself, or a `JoinHandle`, is about to leave the body, or a child of an outer
/// nursery borrows an inner one.
pub struct Nursery<'scope, 'env: 'scope> {
    state: Rc<State>,
    scope: PhantomData<&'scope mut &'scope ()>,
    env: PhantomData<&'env mut &'env ()>,
}

impl<'scope, 'env> Nursery<'scope, 'env> {
    pub(crate) fn new(state: Rc<State>) -> Nursery<'scope, 'env> {
        Nursery {
            state,
            scope: PhantomData,
            env: PhantomData,
        }
    }

    /// Starts a child. It is first polled in a later turn, never before this returns.
    ///
    /// If the child fails, the nursery cancels the rest and returns the error at its end. The child
    /// runs under the nursery's cancel scope, whatever scopes are around this call; in a nursery
    /// that is cancelled it still runs to its first checkpoint.
    #[track_caller]
    pub fn start_soon<F>(&'scope self, child: F)
    where
        F: Future + 'scope,
        F::Output: Outcome,
    {
        self.task().start_soon(child);
    }

    /// Starts a child whose value can be awaited.
    ///
    /// The child's error, if it fails, goes to the nursery, not to the handle. Dropping the handle
    /// detaches nothing.
    ///
    /// ```
    /// # fn main() -> Result<(), nestling_nursery::NurseryError> {
    /// # nestling_runtime::run(async {
    /// # use nestling_nursery::{ok, open_nursery};
    /// let words = vec!["structured", "concurrency"];
    /// let longest = open_nursery(async |nursery| {
    ///     let handle = nursery.spawn(async { ok(words.iter().map(|word| word.len()).max()) });
    ///     ok(handle.await?)
    /// })
    /// .await?;
    /// assert_eq!(longest, Some(11));
    /// # Ok(())
    /// # })
    /// # }
    /// ```
    #[track_caller]
    pub fn spawn<F>(&'scope self, child: F) -> JoinHandle<'scope, <F::Output as Outcome>::Value>
    where
        F: Future + 'scope,
        F::Output: Outcome,
    {
        self.task().spawn(child)
    }

    /// Starts a child and waits until it has called [`Ready::started`], whose value is returned.
    ///
    /// ```
    /// # fn main() -> Result<(), nestling_nursery::NurseryError> {
    /// # nestling_runtime::run(async {
    /// # use nestling_nursery::{open_nursery, Ready};
    /// open_nursery(async |nursery| {
    ///     let port = nursery
    ///         .start(async |ready: Ready<u16>| {
    ///             ready.started(8080); // now the caller goes on, and so does this task
    ///         })
    ///         .await?;
    ///     assert_eq!(port, 8080);
    ///     Ok::<_, nestling_nursery::StartError>(())
    /// })
    /// .await
    /// # })
    /// # }
    /// ```
    ///
    /// # Errors
    /// An error of the child before it was ready comes out here alone and leaves the nursery alone,
    /// as does the child's end without `started`. Errors after that go to the nursery.
    ///
    /// # Cancel and drop
    /// Until the child is ready, cancelling or dropping the caller cancels the child as well, and so
    /// does cancelling the nursery. Cancelled, the caller waits for the child to end; dropped, it
    /// leaves that to the nursery.
    ///
    /// # Panics
    /// With the child's panic, if it panics before it is ready.
    #[track_caller]
    pub fn start<V, C, R>(
        &'scope self,
        child: C,
    ) -> impl Future<Output = Result<V, StartError>> + use<'scope, 'env, V, C, R>
    where
        V: 'scope,
        C: AsyncFnOnce(Ready<V>) -> R + 'scope,
        R: Outcome + 'scope,
    {
        self.task().start(child)
    }

    /// A child with a name, or as a daemon: `nursery.task().name("reader").start_soon(read())`.
    #[track_caller]
    pub fn task(&'scope self) -> TaskBuilder<'scope, 'env> {
        TaskBuilder {
            nursery: self,
            name: None,
            daemon: false,
            site: None,
        }
    }

    /// The scope around the body and all children.
    #[must_use]
    pub fn cancel_scope(&self) -> &CancelScope {
        &self.state.scope
    }

    /// Cancels the body and all children: `cancel_scope().cancel()`.
    #[track_caller]
    pub fn cancel(&self) {
        self.state.scope.cancel();
    }

    /// How many children have not ended, daemons included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.state.live()
    }

    /// Whether every child has ended.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Debug for Nursery<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nursery")
            .field("children", &self.len())
            .field("scope", &self.state.scope)
            .finish()
    }
}

/// A child about to be started, made by [`Nursery::task`].
#[must_use = "it starts nothing until `start_soon`, `spawn` or `start` is called"]
#[derive(Debug)]
pub struct TaskBuilder<'scope, 'env: 'scope> {
    nursery: &'scope Nursery<'scope, 'env>,
    name: Option<Arc<str>>,
    daemon: bool,
    site: Option<&'static Location<'static>>,
}

impl<'scope, 'env> TaskBuilder<'scope, 'env> {
    /// The name that errors and listings show; without one it is that of the child's function.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Makes the child a daemon: it does not keep the nursery open. When the body has ended and only
    /// daemons are left, they are cancelled and waited for. A daemon that fails is a failure as any.
    pub fn daemon(mut self) -> Self {
        self.daemon = true;
        self
    }

    /// The line that errors and listings show, instead of the one that starts the child: for code
    /// that starts children for its caller.
    pub fn site(mut self, site: &'static Location<'static>) -> Self {
        self.site = Some(site);
        self
    }

    /// As [`Nursery::start_soon`].
    #[track_caller]
    pub fn start_soon<F>(self, child: F)
    where
        F: Future + 'scope,
        F::Output: Outcome,
    {
        let plan = self.plan::<F>();
        // SAFETY: `F: 'scope`, and 'scope lasts until `open_nursery`'s future has dropped its guard.
        unsafe { child::spawn(&self.nursery.state, plan, (), child) }
    }

    /// As [`Nursery::spawn`].
    #[track_caller]
    pub fn spawn<F>(self, child: F) -> JoinHandle<'scope, <F::Output as Outcome>::Value>
    where
        F: Future + 'scope,
        F::Output: Outcome,
    {
        let plan = self.plan::<F>();
        let (setter, handle) = join::pair(&self.nursery.state, plan.label.clone());
        // SAFETY: as in `start_soon`; what is added holds an `Rc` of the value, which is of `F`.
        unsafe { child::spawn(&self.nursery.state, plan, (), setter.set_by(child)) }
        handle
    }

    /// As [`Nursery::start`].
    ///
    /// # Errors
    /// As there.
    #[track_caller]
    pub fn start<V, C, R>(
        self,
        child: C,
    ) -> impl Future<Output = Result<V, StartError>> + use<'scope, 'env, V, C, R>
    where
        V: 'scope,
        C: AsyncFnOnce(Ready<V>) -> R + 'scope,
        R: Outcome + 'scope,
    {
        let plan = self.plan::<C>();
        let state = &self.nursery.state;
        start::start(state, plan, move |plan, starting, ready| {
            let future = async move { child(ready).await };
            // SAFETY: as in `start_soon`; the future is made of `C`, `V` and `R`, all of them 'scope.
            unsafe { child::spawn(state, plan, starting, future) }
        })
    }

    #[track_caller]
    fn plan<T>(&self) -> Plan {
        let site = self.site.unwrap_or(Location::caller());
        Plan {
            label: Label::of::<T>(FrameKind::Task, site).named(self.name.clone()),
            daemon: self.daemon,
        }
    }
}
