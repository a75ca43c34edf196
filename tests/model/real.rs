//! The same programs as futures, run by Nestling in virtual time.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use nestling::testing::MockClock;
use nestling::{BoxError, Builder, CancelScope, statistics};

use crate::build::{Ends, Env, strand};
use crate::failures::failure_of;
use crate::outcome::{Event, MAIN, Outcome};
use crate::program::{Block, Id, Node, Op, Program, ScopeKind};

/// One tick of a program.
const TICK: Duration = Duration::from_micros(1);

pub(crate) fn ticks(count: u64) -> Duration {
    TICK * u32::try_from(count).expect("short enough for four thousand seconds")
}

/// What happened, over all strands.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) time: u64,
    pub(crate) strand: Id,
    pub(crate) event: Event,
}

#[derive(Debug)]
pub(crate) struct World {
    clock: MockClock,
    log: RefCell<Vec<Entry>>,
    pub(crate) scopes: HashMap<Id, CancelScope>,
}

impl World {
    pub(crate) fn log(&self, strand: Id, event: Event) {
        let time = self.clock.elapsed().as_micros();
        let time = u64::try_from(time).expect("as it came from ticks");
        self.log.borrow_mut().push(Entry {
            time,
            strand,
            event,
        });
    }
}

/// Logs when it is dropped.
pub(crate) struct AtDrop {
    pub(crate) world: Rc<World>,
    pub(crate) strand: Id,
    pub(crate) event: Event,
}

impl Drop for AtDrop {
    fn drop(&mut self) {
        self.world.log(self.strand, self.event.clone());
    }
}

/// The guards of a block: the last one goes first, as locals do.
pub(crate) struct Guards(pub(crate) Vec<AtDrop>);

impl Drop for Guards {
    fn drop(&mut self) {
        while self.0.pop().is_some() {}
    }
}

/// Runs the program. Besides what happened, as a whole: whether anything was left in the run.
pub(crate) fn perform(program: &Program) -> (Outcome, Vec<Entry>) {
    let clock = MockClock::new();
    let mut scopes = HashMap::new();
    program.each(&mut |node| {
        if let Op::Scope { kind, timeout, .. } = &node.op {
            let mut scope = CancelScope::new().name(format!("#{}", node.id));
            if let Some(timeout) = timeout {
                scope = scope.timeout(ticks(*timeout));
            }
            if *kind == ScopeKind::Shielded {
                scope = scope.shielded();
            }
            if matches!(kind, ScopeKind::Plain | ScopeKind::Shielded) {
                scopes.insert(node.id, scope);
            }
        }
    });
    let world = Rc::new(World {
        clock: clock.clone(),
        log: RefCell::default(),
        scopes,
    });
    let root: Block = [Node {
        id: 1,
        op: Op::Nursery {
            body: Rc::clone(&program.0),
            pass_on: true,
        },
    }]
    .into();
    let main = strand(
        root,
        Env {
            world: Rc::clone(&world),
            strand: MAIN,
            level: None,
            ready: Rc::default(),
        },
    );
    let end = Builder::new().clock(clock).run(async {
        let before = figures();
        let end = Caught(main).await;
        assert_eq!(figures(), before, "something is left in the run");
        end
    });
    let end = match end {
        Ok(Ok(())) => "ok".into(),
        Ok(Err(error)) => failure_of(&*error).to_string(),
        Err(payload) => match payload.downcast::<Id>() {
            Ok(id) => format!("panic {id}"),
            Err(payload) => resume_unwind(payload),
        },
    };
    let world = Rc::into_inner(world).expect("no strand keeps it");
    let entries = world.log.into_inner();
    let mut outcome = Outcome {
        end,
        ..Outcome::default()
    };
    for entry in &entries {
        let events = outcome.strands.entry(entry.strand).or_default();
        events.push((entry.time, entry.event.clone()));
    }
    (outcome, entries)
}

fn figures() -> [usize; 4] {
    let now = statistics();
    [now.frames, now.timers, now.inbox, now.io.sources]
}

/// Panics as values; the future is dropped before they are handed on.
struct Caught<'s>(Ends<'s>);

impl Future for Caught<'_> {
    type Output = std::thread::Result<Result<(), BoxError>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(cx))) {
            Ok(poll) => poll.map(Ok),
            Err(payload) => {
                self.0 = Box::pin(std::future::pending());
                Poll::Ready(Err(payload))
            }
        }
    }
}
