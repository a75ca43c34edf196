//! Nurseries as the futures inside them see them, whatever their lifetimes.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use nestling::{Cancelled, JoinHandle, Nursery, Ready, StartError};

use crate::build::{Ends, Env, strand};
use crate::program::{Block, How, Id};
use crate::real::World;

/// A result to wait for.
pub(crate) type Waits<'a, E> = Pin<Box<dyn Future<Output = Result<(), E>> + 'a>>;

/// A nursery, for whatever runs inside it.
pub(crate) trait Host {
    fn spawn(&self, id: Id, how: How, child: Block);
    fn start(&self, id: Id, child: Block) -> Waits<'_, StartError>;
    fn take_handle(&self, id: Id) -> Option<Waits<'_, Cancelled>>;
    fn cancel(&self, reason: String);
}

/// The nurseries around, the innermost first.
pub(crate) struct Level<'s> {
    pub(crate) host: Box<dyn Host + 's>,
    pub(crate) outer: Option<Rc<Level<'s>>>,
}

/// A nursery and what surrounds it.
pub(crate) struct Inside<'scope, 'env> {
    pub(crate) nursery: &'scope Nursery<'scope, 'env>,
    pub(crate) world: Rc<World>,
    pub(crate) outer: Option<Rc<Level<'scope>>>,
    pub(crate) handles: Rc<RefCell<HashMap<Id, JoinHandle<'scope, ()>>>>,
}

impl<'scope> Inside<'scope, '_> {
    pub(crate) fn level(&self) -> Rc<Level<'scope>> {
        let host = Inside {
            nursery: self.nursery,
            world: Rc::clone(&self.world),
            outer: self.outer.clone(),
            handles: Rc::clone(&self.handles),
        };
        Rc::new(Level {
            host: Box::new(host),
            outer: self.outer.clone(),
        })
    }

    fn child(&self, id: Id, child: Block, ready: Option<Ready<()>>) -> Ends<'scope> {
        strand(
            child,
            Env {
                world: Rc::clone(&self.world),
                strand: id,
                level: Some(self.level()),
                ready: Rc::new(RefCell::new(ready)),
            },
        )
    }
}

impl Host for Inside<'_, '_> {
    fn spawn(&self, id: Id, how: How, child: Block) {
        let child = self.child(id, child, None);
        match how {
            How::Soon => self.nursery.start_soon(child),
            How::Daemon => self.nursery.task().daemon().start_soon(child),
            How::Handle => {
                let handle = self.nursery.spawn(child);
                self.handles.borrow_mut().insert(id, handle);
            }
        }
    }

    fn start(&self, id: Id, child: Block) -> Waits<'_, StartError> {
        let inside = Inside {
            nursery: self.nursery,
            world: Rc::clone(&self.world),
            outer: self.outer.clone(),
            handles: Rc::clone(&self.handles),
        };
        Box::pin(
            self.nursery
                .start(async move |ready: Ready<()>| inside.child(id, child, Some(ready)).await),
        )
    }

    fn take_handle(&self, id: Id) -> Option<Waits<'_, Cancelled>> {
        let handle = self.handles.borrow_mut().remove(&id)?;
        Some(Box::pin(handle))
    }

    fn cancel(&self, reason: String) {
        self.nursery.cancel_scope().cancel_because(reason);
    }
}
