//! The rules as data: strands, frames, nurseries and time, without a future anywhere.
//!
//! A *frame* is a place where a cancellation can start (`cause`) or be kept out (`shield`). What runs
//! in a frame is cancelled if the frame has a cause, or if it is no shield and the frame around it is
//! cancelled. A strand runs from one wait to the next without interruption; which of several strands
//! goes first in one moment is up to a [`Schedule`], since the rules leave it open.

use std::collections::BTreeMap;

use crate::outcome::{Event, Failure, MAIN, Outcome};
use crate::program::{Block, Id, Node, Op, Program, second};
use crate::random::Random;

/// Which of the strands that can go on does.
#[derive(Debug)]
pub(crate) enum Schedule {
    First,
    Last,
    Any(Random),
}

impl Schedule {
    fn choose(&mut self, count: usize) -> usize {
        match self {
            Schedule::First => 0,
            Schedule::Last => count - 1,
            Schedule::Any(random) => random.below(count as u64) as usize,
        }
    }
}

pub(crate) type FrameId = usize;

#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) parent: Option<FrameId>,
    pub(crate) shield: bool,
    pub(crate) cause: Option<String>,
    /// When it is cancelled by itself, and how that is called.
    pub(crate) deadline: Option<(u64, String)>,
}

/// What surrounds the next operation of a strand, from the outside in.
#[derive(Debug)]
pub(crate) enum Around {
    Block {
        ops: Block,
        next: usize,
        guards: Vec<Id>,
    },
    /// A scope, shield, `catch_cancel` or `on_cancel`, by its operation.
    Boundary { node: Node, frame: FrameId },
    /// A clean-up, with its limit in time if it has one.
    Cleanup { id: Id, frame: FrameId },
}

impl Around {
    pub(crate) fn block(ops: &Block) -> Around {
        Around::Block {
            ops: ops.clone(),
            next: 0,
            guards: Vec::new(),
        }
    }
}

#[derive(Debug)]
pub(crate) enum Waiting {
    /// It has never run.
    Fresh,
    Until {
        id: Id,
        time: u64,
    },
    ForTurn {
        id: Id,
    },
    ForChild {
        node: Node,
        child: Id,
    },
    ForReady {
        node: Node,
        child: Id,
    },
    ForNursery {
        node: Node,
    },
    ForBoth {
        node: Node,
    },
    /// A branch that is cut off as far as its own frames reach. What is left of it goes when the frame
    /// around both branches is cut off, which waits for the guests of the other one.
    Stuck,
    Ended,
}

/// How a strand goes on.
#[derive(Debug)]
pub(crate) enum Flow {
    Next,
    Ends(Result<(), Failure>),
    Cut,
    Panics(Id),
}

#[derive(Debug)]
pub(crate) struct Strand {
    pub(crate) id: Id,
    pub(crate) around: Vec<Around>,
    pub(crate) waiting: Waiting,
    /// The innermost frame.
    pub(crate) frame: FrameId,
    /// The frame of the strand itself.
    pub(crate) own: FrameId,
    /// The nurseries it is in, the innermost last.
    pub(crate) nurseries: Vec<Id>,
    pub(crate) daemon: bool,
    pub(crate) is_body: bool,
    /// It is one block of `Op::Both`, in the frame of another strand.
    pub(crate) is_branch: bool,
    /// What it has ended with, if it was not cut off.
    pub(crate) result: Option<Result<(), Failure>>,
    pub(crate) start: Start,
    /// Whose `started` it would be that an operation of this strand calls.
    pub(crate) starts: Option<Id>,
}

/// How far a child that was started is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Start {
    /// It was not made by `start`, or has said that it is ready.
    None,
    /// Withdrawn, it has been cancelled because its caller was, who waits for its end.
    Pending {
        caller: Id,
        withdrawn: bool,
    },
    /// Its caller has been told of the end, and how that was.
    Failed(Failure),
    Panicked(Id),
}

#[derive(Debug)]
pub(crate) struct NurseryState {
    pub(crate) frame: FrameId,
    pub(crate) body: Body,
    pub(crate) failures: Vec<Failure>,
    pub(crate) panic: Option<Id>,
    pub(crate) children: Vec<Id>,
    /// A child was cut off that is no daemon.
    pub(crate) cut: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Body {
    Runs,
    Value,
    None,
}

#[derive(Debug, Default)]
pub(crate) struct ScopeState {
    pub(crate) frame: Option<FrameId>,
    /// A cause from before it was entered.
    pub(crate) early: Option<String>,
    pub(crate) over: bool,
}

#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) now: u64,
    pub(crate) frames: Vec<Frame>,
    pub(crate) strands: BTreeMap<Id, Strand>,
    pub(crate) nurseries: BTreeMap<Id, NurseryState>,
    pub(crate) scopes: BTreeMap<Id, ScopeState>,
    /// Children whose handle nobody has awaited.
    pub(crate) handles: BTreeMap<Id, Id>,
    pub(crate) outcome: Outcome,
}

/// What the rules say about `program`, if strands take turns like that.
pub(crate) fn predict(program: &Program, schedule: &mut Schedule) -> Outcome {
    let mut machine = Machine {
        now: 0,
        frames: Vec::new(),
        strands: BTreeMap::new(),
        nurseries: BTreeMap::new(),
        scopes: BTreeMap::new(),
        handles: BTreeMap::new(),
        outcome: Outcome::default(),
    };
    let frame = machine.new_frame(None, false);
    let root = Node {
        id: 1,
        op: Op::Nursery {
            body: program.0.clone(),
            pass_on: true,
        },
    };
    machine.new_strand(MAIN, frame, &[root].into(), Vec::new());
    while !matches!(machine.strands[&MAIN].waiting, Waiting::Ended) {
        let ready: Vec<Id> = machine
            .strands
            .values()
            .filter(|strand| machine.can_go_on(strand))
            .map(|strand| strand.id)
            .collect();
        if ready.is_empty() {
            machine.let_time_pass();
        } else {
            let id = ready[schedule.choose(ready.len())];
            machine.step(id);
        }
    }
    assert!(
        machine
            .strands
            .values()
            .all(|strand| matches!(strand.waiting, Waiting::Ended)),
        "the model left a strand behind"
    );
    machine.outcome
}

impl Machine {
    pub(crate) fn new_frame(&mut self, parent: Option<FrameId>, shield: bool) -> FrameId {
        self.frames.push(Frame {
            parent,
            shield,
            cause: None,
            deadline: None,
        });
        self.frames.len() - 1
    }

    pub(crate) fn new_strand(
        &mut self,
        id: Id,
        own: FrameId,
        ops: &Block,
        nurseries: Vec<Id>,
    ) -> &mut Strand {
        let strand = Strand {
            id,
            around: vec![Around::block(ops)],
            waiting: Waiting::Fresh,
            frame: own,
            own,
            nurseries,
            daemon: false,
            is_body: false,
            is_branch: false,
            result: None,
            start: Start::None,
            starts: None,
        };
        self.strands.entry(id).or_insert(strand)
    }

    /// The first cause stays.
    pub(crate) fn cancel(&mut self, frame: FrameId, cause: &str) {
        let frame = &mut self.frames[frame];
        if frame.cause.is_none() {
            frame.cause = Some(cause.into());
        }
        frame.deadline = None;
    }

    /// The cause that is furthest out, up to the first shield.
    pub(crate) fn cancelled(&self, mut frame: FrameId) -> Option<&str> {
        let mut outermost = None;
        loop {
            let here = &self.frames[frame];
            outermost = here.cause.as_deref().or(outermost);
            match here.parent {
                Some(parent) if !here.shield => frame = parent,
                _ => return outermost,
            }
        }
    }

    pub(crate) fn is_cancelled(&self, frame: FrameId) -> bool {
        self.cancelled(frame).is_some()
    }

    /// Whether what is around the frame is cancelled and not kept out.
    pub(crate) fn is_cancelled_around(&self, frame: FrameId) -> bool {
        let frame = &self.frames[frame];
        !frame.shield && frame.parent.is_some_and(|parent| self.is_cancelled(parent))
    }

    pub(crate) fn log(&mut self, strand: Id, event: Event) {
        let events = self.outcome.strands.entry(strand).or_default();
        events.push((self.now, event));
    }

    pub(crate) fn has_ended(&self, strand: Id) -> bool {
        matches!(self.strands[&strand].waiting, Waiting::Ended)
    }

    pub(crate) fn is_stuck(&self, strand: Id) -> bool {
        matches!(self.strands[&strand].waiting, Waiting::Stuck)
    }

    /// Whether the body and all children but daemons have ended.
    pub(crate) fn only_daemons(&self, nursery: Id) -> bool {
        let state = &self.nurseries[&nursery];
        let mut children = state.children.iter();
        state.body != Body::Runs
            && children.all(|child| self.strands[child].daemon || self.has_ended(*child))
    }

    fn can_go_on(&self, strand: &Strand) -> bool {
        let cancelled = || self.is_cancelled(strand.frame);
        match &strand.waiting {
            Waiting::Fresh | Waiting::ForTurn { .. } => true,
            Waiting::Until { time, .. } => *time <= self.now || cancelled(),
            Waiting::ForChild { child, .. } => self.has_ended(*child) || cancelled(),
            Waiting::ForReady { child, .. } => match self.strands[child].start {
                Start::Pending { withdrawn, .. } => !withdrawn && cancelled(),
                _ => true,
            },
            Waiting::ForNursery { node } => {
                let state = &self.nurseries[&node.id];
                let all = state.children.iter().all(|child| self.has_ended(*child));
                let told = self.frames[state.frame].cause.is_some();
                self.only_daemons(node.id) && (all || !told)
            }
            Waiting::ForBoth { node } => [node.id, second(node.id)]
                .iter()
                .all(|branch| self.is_stuck(*branch) || self.has_ended(*branch)),
            Waiting::Stuck | Waiting::Ended => false,
        }
    }

    /// On to the next moment at which something happens: sleeps and deadlines alike.
    fn let_time_pass(&mut self) {
        let sleeps = self.strands.values().filter_map(|strand| {
            let Waiting::Until { time, .. } = strand.waiting else {
                return None;
            };
            Some(time)
        });
        let deadlines = self.frames.iter().filter_map(|frame| {
            let (time, _) = frame.deadline.as_ref()?;
            Some(*time)
        });
        let next = sleeps.chain(deadlines).min();
        self.now = next.expect("the program waits for something that never comes");
        for frame in 0..self.frames.len() {
            self.check_deadline(frame);
        }
    }

    pub(crate) fn check_deadline(&mut self, frame: FrameId) {
        if let Some((time, name)) = self.frames[frame].deadline.clone() {
            if time <= self.now {
                self.cancel(frame, &name);
            }
        }
    }
}
