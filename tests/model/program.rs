//! The language of the random programs, and its text.

use std::fmt;
use std::rc::Rc;

/// Numbers an operation within its program; also the error or the panic that it makes.
pub(crate) type Id = u32;

/// The strand of the second block of `Op::Both`; the first one's has the number of the operation.
pub(crate) fn second(id: Id) -> Id {
    id + 1000
}

/// What is done one after the other. A failure ends it, and with it the block around.
pub(crate) type Block = Rc<[Node]>;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) id: Id,
    pub(crate) op: Op,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Op {
    /// A local whose drop is logged.
    Guard,
    Sleep(u64),
    Checkpoint,
    Fail,
    Panic,
    /// Cancels the nursery so many levels up.
    CancelNursery(usize),
    /// Cancels a scope, which may have been entered or not, or be over.
    CancelScope(Id),
    /// Starts a child in the nursery so many levels up.
    Spawn {
        up: usize,
        how: How,
        child: Block,
    },
    /// Starts a child and waits until it is ready.
    Start {
        up: usize,
        child: Block,
        pass_on: bool,
    },
    /// Says that the child is ready.
    Started,
    /// Waits for the child that was spawned there.
    Join {
        target: Id,
        pass_on: bool,
    },
    Nursery {
        body: Block,
        pass_on: bool,
    },
    Scope {
        kind: ScopeKind,
        timeout: Option<u64>,
        inside: Block,
        pass_on: bool,
    },
    Shield(Block),
    Catch(Block),
    OnCancel {
        inside: Block,
        cleanup: Block,
        within: Option<u64>,
    },
    /// Two blocks in one task, by a combinator that knows nothing of Nestling.
    Both(Block, Block),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum How {
    Soon,
    Handle,
    Daemon,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum ScopeKind {
    Plain,
    Shielded,
    MoveOn,
    FailAfter,
}

impl Op {
    /// The blocks of the operation, in order.
    pub(crate) fn blocks(&self) -> Vec<&Block> {
        match self {
            Op::Spawn { child, .. } | Op::Start { child, .. } => vec![child],
            Op::Nursery { body, .. } => vec![body],
            Op::Scope { inside, .. } | Op::Shield(inside) | Op::Catch(inside) => vec![inside],
            Op::OnCancel {
                inside, cleanup, ..
            } => vec![inside, cleanup],
            Op::Both(first, second) => vec![first, second],
            _ => Vec::new(),
        }
    }

    /// Whether its failure ends the block around it.
    pub(crate) fn passes_on(&self) -> bool {
        match self {
            Op::Start { pass_on, .. }
            | Op::Join { pass_on, .. }
            | Op::Nursery { pass_on, .. }
            | Op::Scope { pass_on, .. } => *pass_on,
            _ => false,
        }
    }

    /// The same operation with other blocks.
    pub(crate) fn with_blocks(&self, blocks: Vec<Block>) -> Op {
        let mut op = self.clone();
        let mut blocks = blocks.into_iter();
        let mut put = |block: &mut Block| *block = blocks.next().expect("as many as there were");
        match &mut op {
            Op::Spawn { child, .. } | Op::Start { child, .. } => put(child),
            Op::Nursery { body, .. } => put(body),
            Op::Scope { inside, .. } | Op::Shield(inside) | Op::Catch(inside) => put(inside),
            Op::OnCancel {
                inside, cleanup, ..
            } => {
                put(inside);
                put(cleanup);
            }
            Op::Both(first, second) => {
                put(first);
                put(second);
            }
            _ => {}
        }
        op
    }

    fn head(&self) -> String {
        let after = |time: &Option<u64>| match time {
            Some(time) => format!(" within {time}"),
            None => String::new(),
        };
        let question = |pass_on: &bool| if *pass_on { "?" } else { "" };
        match self {
            Op::Guard => "guard".into(),
            Op::Sleep(time) => format!("sleep {time}"),
            Op::Checkpoint => "checkpoint".into(),
            Op::Fail => "fail".into(),
            Op::Panic => "panic".into(),
            Op::CancelNursery(up) => format!("cancel the nursery {up} up"),
            Op::CancelScope(target) => format!("cancel scope #{target}"),
            Op::Spawn { up, how, .. } => match how {
                How::Soon => format!("start_soon {up} up"),
                How::Handle => format!("spawn {up} up"),
                How::Daemon => format!("daemon {up} up"),
            },
            Op::Start { up, pass_on, .. } => format!("start{} {up} up", question(pass_on)),
            Op::Started => "started".into(),
            Op::Join { target, pass_on } => format!("join{} #{target}", question(pass_on)),
            Op::Nursery { pass_on, .. } => format!("nursery{}", question(pass_on)),
            Op::Scope {
                kind,
                timeout,
                pass_on,
                ..
            } => {
                let name = match kind {
                    ScopeKind::Plain => "scope",
                    ScopeKind::Shielded => "shielded scope",
                    ScopeKind::MoveOn => "move_on_after",
                    ScopeKind::FailAfter => "fail_after",
                };
                format!("{name}{}{}", question(pass_on), after(timeout))
            }
            Op::Shield(_) => "shield".into(),
            Op::Catch(_) => "catch_cancel".into(),
            Op::Both(..) => "both".into(),
            Op::OnCancel { within, .. } => format!("on_cancel{}", after(within)),
        }
    }
}

/// A program: the body of the nursery that is the whole run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Program(pub(crate) Block);

impl Program {
    /// Every operation, with those in which it stands.
    pub(crate) fn each<'p>(&'p self, f: &mut dyn FnMut(&'p Node)) {
        fn visit<'p>(block: &'p Block, f: &mut dyn FnMut(&'p Node)) {
            for node in block.iter() {
                f(node);
                for inner in node.op.blocks() {
                    visit(inner, f);
                }
            }
        }
        visit(&self.0, f);
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn show(block: &Block, depth: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            for node in block.iter() {
                writeln!(f, "{:depth$}#{} {}", "", node.id, node.op.head())?;
                for (at, inner) in node.op.blocks().into_iter().enumerate() {
                    if at == 1 {
                        let text = if matches!(node.op, Op::Both(..)) {
                            "and"
                        } else {
                            "clean-up"
                        };
                        writeln!(f, "{:depth$}{text}", "")?;
                    }
                    show(inner, depth + 4, f)?;
                }
            }
            Ok(())
        }
        show(&self.0, 0, f)
    }
}
