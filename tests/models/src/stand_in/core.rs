//! The current run of a thread, of which only the inbox is asked for.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use crate::inbox::Inbox;

pub(crate) struct Core {
    pub(crate) inbox: Arc<Inbox>,
}

loom::thread_local! {
    static CURRENT: RefCell<Option<Rc<Core>>> = RefCell::new(None);
}

pub(crate) fn install(inbox: &Arc<Inbox>) {
    let core = Rc::new(Core {
        inbox: Arc::clone(inbox),
    });
    CURRENT.with(|current| *current.borrow_mut() = Some(core));
}

pub(crate) fn current() -> Rc<Core> {
    try_current().expect("no run was installed on this thread")
}

pub(crate) fn try_current() -> Option<Rc<Core>> {
    CURRENT.with(|current| current.borrow().clone())
}
