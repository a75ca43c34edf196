//! Which task is at work.

use std::fmt;
use std::marker::PhantomData;
use std::rc::Rc;

use crate::context::{self, NO_FRAME};
use crate::frames::{self, FrameId};

/// The identity of a task: no other task of this thread has it, before or after.
///
/// Code in scopes, timeouts and shields belongs to the task that it is written in, and so does the body
/// of a nursery, as in trio: the task that opened it waits for it. Futures that run side by side inside
/// one task (in `join!`, `select!` or a `FuturesUnordered`) share its identity.
///
/// ```
/// use nestling_runtime::TaskId;
///
/// assert_eq!(TaskId::current(), None);
/// nestling_runtime::run(async {
///     let main = TaskId::current();
///     assert!(main.is_some());
///     assert_eq!(main, TaskId::current());
/// });
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TaskId {
    frame: FrameId,
    not_send: PhantomData<Rc<()>>,
}

impl TaskId {
    /// The task that is being polled: a child or the main future. `None` outside a run.
    #[must_use]
    pub fn current() -> Option<TaskId> {
        match context::with(|context| context.frame.get()) {
            NO_FRAME => None,
            frame => frames::task_of(frame).map(|frame| TaskId {
                frame,
                not_send: PhantomData,
            }),
        }
    }
}

impl fmt::Debug for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match frames::label(self.frame) {
            Some(label) => write!(f, "TaskId({label:?})"),
            None => f.write_str("TaskId(ended)"),
        }
    }
}
