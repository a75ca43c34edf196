//! What a test wants to happen before an operation.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use crate::error::Error;

type Step<'a> = Pin<Box<dyn Future<Output = Result<(), Error>> + 'a>>;
pub(super) type ReadHook = Rc<dyn Fn() -> Step<'static>>;
pub(super) type WriteHook = Rc<dyn for<'a> Fn(&'a [u8]) -> Step<'a>>;
type CloseHook = Box<dyn FnOnce()>;

#[derive(Default)]
pub(super) struct Hooks {
    read: RefCell<Option<ReadHook>>,
    write: RefCell<Option<WriteHook>>,
    close: RefCell<Option<CloseHook>>,
}

impl Hooks {
    // The former hook is dropped without a borrow, as it may own anything.

    pub(super) fn set_read(&self, hook: impl AsyncFn() -> Result<(), Error> + 'static) {
        let hook = Rc::new(hook);
        let boxed: ReadHook = Rc::new(move || {
            let hook = Rc::clone(&hook);
            Box::pin(async move { hook().await })
        });
        let _former = self.read.replace(Some(boxed));
    }

    pub(super) fn set_write(&self, hook: impl AsyncFn(&[u8]) -> Result<(), Error> + 'static) {
        let hook = Rc::new(hook);
        let boxed: WriteHook = Rc::new(move |bytes| {
            let hook = Rc::clone(&hook);
            Box::pin(async move { hook(bytes).await })
        });
        let _former = self.write.replace(Some(boxed));
    }

    pub(super) fn set_close(&self, hook: impl FnOnce() + 'static) {
        let _former = self.close.replace(Some(Box::new(hook)));
    }

    pub(super) fn read(&self) -> Option<ReadHook> {
        self.read.borrow().clone()
    }

    pub(super) fn write(&self) -> Option<WriteHook> {
        self.write.borrow().clone()
    }

    pub(super) fn close(&self) {
        let hook = self.close.take();
        if let Some(hook) = hook {
            hook();
        }
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks")
            .field("read", &self.read.borrow().is_some())
            .field("write", &self.write.borrow().is_some())
            .field("close", &self.close.borrow().is_some())
            .finish()
    }
}
