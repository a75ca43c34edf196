//! The current run of a thread, of which only the inbox is asked for.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use crate::inbox::Inbox;

pub(crate) struct Core {
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) outside: Arc<()>,
}

loom::thread_local! {
    static CURRENT: RefCell<Option<Rc<Core>>> = RefCell::new(None);
}

pub(crate) fn install(inbox: &Arc<Inbox>) {
    let core = Rc::new(Core {
        inbox: Arc::clone(inbox),
        outside: Arc::default(),
    });
    CURRENT.with(|current| *current.borrow_mut() = Some(core));
}

pub(crate) fn current() -> Rc<Core> {
    let current = CURRENT.with(|current| current.borrow().clone());
    current.expect("no run was installed on this thread")
}

pub(crate) fn is_inbox_of_current(inbox: &Arc<Inbox>) -> bool {
    CURRENT.with(|current| {
        let current = current.borrow();
        let current = current.as_ref();
        current.is_some_and(|core| Arc::ptr_eq(&core.inbox, inbox))
    })
}
