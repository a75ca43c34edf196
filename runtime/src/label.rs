//! What a frame is called, what it stands for, and where it was made.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Instant;

use crate::moment::Moment;

/// What a frame stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FrameKind {
    /// The main future of a run.
    Main,
    /// A nursery.
    Nursery,
    /// The body of a nursery.
    Body,
    /// A child task.
    Task,
    /// A cancel scope, a shield or a cleanup.
    Scope,
}

/// What a frame is called and where it was made.
#[derive(Clone)]
pub struct Label {
    /// Boxed: few have one, and every task has a label.
    name: Option<Box<Arc<str>>>,
    origin: Origin,
}

/// What a label tells without a name.
#[derive(Clone, Copy)]
pub(crate) struct Origin {
    pub(crate) kind: FrameKind,
    pub(crate) place: Place,
    /// When it was made, as the loop's last look at the clock told.
    pub(crate) since: Moment,
}

/// Where a frame comes from.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) type_name: fn() -> &'static str,
    pub(crate) site: &'static Location<'static>,
}

impl Label {
    /// A label for something made at `site` whose name, unless one is given, is that of the type `T`.
    #[must_use]
    pub fn of<T: ?Sized>(kind: FrameKind, site: &'static Location<'static>) -> Label {
        Label {
            name: None,
            origin: Origin {
                kind,
                place: Place {
                    type_name: std::any::type_name::<T>,
                    site,
                },
                since: Moment::of_turn(),
            },
        }
    }

    pub(crate) fn from_parts(origin: Origin, name: Option<Box<Arc<str>>>) -> Label {
        Label { name, origin }
    }

    #[inline]
    pub(crate) fn into_parts(self) -> (Origin, Option<Box<Arc<str>>>) {
        (self.origin, self.name)
    }

    /// The same label with a name.
    #[must_use]
    pub fn named(mut self, name: Option<Arc<str>>) -> Label {
        self.name = name.map(Box::new);
        self
    }

    /// What the frame stands for.
    #[must_use]
    pub fn kind(&self) -> FrameKind {
        self.origin.kind
    }

    /// Where it was made.
    #[must_use]
    pub fn site(&self) -> &'static Location<'static> {
        self.origin.place.site
    }

    /// When it was made, to the turn of the loop; `None` outside a run.
    #[must_use]
    pub fn since(&self) -> Option<Instant> {
        self.origin.since.instant()
    }

    /// The name it was given.
    #[must_use]
    pub fn given_name(&self) -> Option<Arc<str>> {
        self.name.as_deref().cloned()
    }

    /// The name it was given, or else the one of its function.
    #[must_use]
    pub fn name(&self) -> Arc<str> {
        match &self.name {
            Some(name) => Arc::clone(name),
            None => Arc::from(readable(&(self.origin.place.type_name)())),
        }
    }
}

impl fmt::Debug for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let site = self.site();
        write!(f, "`{}` ({}:{})", self.name(), site.file(), site.line())
    }
}

/// Makes `server::handler::{{closure}}` into `server::handler`.
fn readable<'a>(type_name: &&'a str) -> &'a str {
    let mut name = *type_name;
    while let Some(rest) = name.strip_suffix("::{{closure}}") {
        name = rest;
    }
    match name.split_once('<') {
        Some((head, _)) if !head.is_empty() => head,
        _ => name,
    }
}
