//! What a strand does between two waits.

use crate::machine::{Around, Body, Flow, Machine, NurseryState, Start, Strand, Waiting};
use crate::outcome::{Event, Failure};
use crate::program::{Block, How, Id, Node, Op, ScopeKind, second};

impl Machine {
    /// Runs the strand until it waits again or has ended.
    pub(crate) fn step(&mut self, id: Id) {
        let Some(mut flow) = self.resume(id) else {
            return;
        };
        loop {
            flow = match flow {
                Flow::Cut if self.is_cut_as_far_as_it_goes(id) => {
                    self.strand(id).waiting = Waiting::Stuck;
                    return;
                }
                Flow::Next => match self.next_operation(id) {
                    Some(node) => match self.execute(id, node) {
                        Ok(flow) => flow,
                        Err(waiting) => {
                            self.strand(id).waiting = waiting;
                            return;
                        }
                    },
                    None => Flow::Ends(Ok(())),
                },
                flow => match self.strand(id).around.pop() {
                    Some(around) => self.leave(id, around, flow),
                    None => return self.end(id, flow),
                },
            };
        }
    }

    /// A branch has no frame of its own: only the frames inside it can be cut off for it alone.
    fn is_cut_as_far_as_it_goes(&self, id: Id) -> bool {
        let strand = &self.strands[&id];
        let mut around = strand.around.iter();
        strand.is_branch && around.all(|around| matches!(around, Around::Block { .. }))
    }

    pub(crate) fn strand(&mut self, id: Id) -> &mut Strand {
        self.strands.get_mut(&id).expect("strands stay known")
    }

    fn next_operation(&mut self, id: Id) -> Option<Node> {
        match self.strand(id).around.last_mut() {
            Some(Around::Block { ops, next, .. }) => {
                *next += 1;
                ops.get(*next - 1).cloned()
            }
            _ => unreachable!("operations stand in blocks"),
        }
    }

    /// How the strand goes on where it has waited; `None` if it waits on.
    fn resume(&mut self, id: Id) -> Option<Flow> {
        let waiting = std::mem::replace(&mut self.strand(id).waiting, Waiting::Fresh);
        let cancelled = self.is_cancelled(self.strands[&id].frame);
        Some(match waiting {
            Waiting::Fresh => {
                self.log(id, Event::Begin);
                Flow::Next
            }
            Waiting::Until { .. } | Waiting::ForTurn { .. } | Waiting::ForChild { .. }
                if cancelled =>
            {
                Flow::Cut
            }
            Waiting::Until { id: op, .. } | Waiting::ForTurn { id: op } => {
                self.log(id, Event::Done(op, "done".into()));
                Flow::Next
            }
            Waiting::ForChild { node, child } => {
                let result = match self.strands[&child].result {
                    Some(Ok(())) => Ok(()),
                    _ => Err(Failure::Cancelled),
                };
                self.finish(id, &node, result)
            }
            Waiting::ForReady { node, child } => match self.strands[&child].start.clone() {
                Start::None => self.finish(id, &node, Ok(())),
                Start::Pending { .. } => {
                    self.withdraw(child);
                    self.strand(id).waiting = Waiting::ForReady { node, child };
                    return None;
                }
                Start::Failed(Failure::StartCancelled | Failure::NotReady) if cancelled => {
                    Flow::Cut
                }
                Start::Failed(failure) => self.finish(id, &node, Err(failure)),
                Start::Panicked(panic) => Flow::Panics(panic),
            },
            Waiting::ForNursery { node } => {
                let children = &self.nurseries[&node.id].children;
                if !children.iter().all(|child| self.has_ended(*child)) {
                    let frame = self.nurseries[&node.id].frame;
                    self.cancel(frame, "only daemons are left");
                    self.strand(id).waiting = Waiting::ForNursery { node };
                    return None;
                }
                self.close(id, &node)
            }
            Waiting::ForBoth { node } => self.join(&node),
            Waiting::Stuck | Waiting::Ended => unreachable!("it cannot go on"),
        })
    }

    /// The operation has ended with `result`, which may end the block around it.
    fn finish(&mut self, id: Id, node: &Node, result: Result<(), Failure>) -> Flow {
        let text = match &result {
            Ok(()) => "ok".into(),
            Err(failure) => failure.to_string(),
        };
        self.log(id, Event::Done(node.id, text));
        match (result, node.op.passes_on()) {
            (Err(failure), true) => Flow::Ends(Err(failure)),
            _ => Flow::Next,
        }
    }

    /// The child was started by somebody who is cancelled.
    fn withdraw(&mut self, child: Id) {
        if let Start::Pending { caller, withdrawn } = &mut self.strand(child).start {
            *withdrawn = true;
            let caller = *caller;
            let cause = self.cancelled(self.strands[&caller].frame);
            let cause = cause.expect("that is why it is withdrawn").to_owned();
            self.cancel(self.strands[&child].own, &cause);
        }
    }

    /// Both branches have ended, or nothing in them keeps the frame around them from being cut off.
    fn join(&mut self, node: &Node) -> Flow {
        let mut results = Vec::new();
        for branch in [node.id, second(node.id)] {
            if self.is_stuck(branch) {
                while let Some(around) = self.strand(branch).around.pop() {
                    self.leave(branch, around, Flow::Cut);
                }
                self.end(branch, Flow::Cut);
            }
            results.push(self.strand(branch).result.take());
        }
        match results.into_iter().collect::<Option<Vec<_>>>() {
            Some(results) => match results.into_iter().collect() {
                Ok(()) => Flow::Next,
                Err(failure) => Flow::Ends(Err(failure)),
            },
            None => Flow::Cut,
        }
    }

    /// Everything in the nursery has ended.
    fn close(&mut self, id: Id, node: &Node) -> Flow {
        let nursery = self.nurseries.get_mut(&node.id).expect("it is open");
        let failures = std::mem::take(&mut nursery.failures);
        let (frame, body, panic) = (nursery.frame, nursery.body, nursery.panic);
        let cut = nursery.cut;
        self.log(id, Event::Closed(node.id));
        if let Some(panic) = panic {
            Flow::Panics(panic)
        } else if !failures.is_empty() {
            self.finish(id, node, Err(Failure::several(failures)))
        } else if body == Body::Value && !(cut && self.is_cancelled_around(frame)) {
            self.finish(id, node, Ok(()))
        } else if self.is_cancelled_around(frame) {
            Flow::Cut
        } else {
            let cause = self.frames[frame].cause.clone();
            let cause = cause.expect("why else has the body no value");
            self.log(id, Event::Done(node.id, format!("cut off: {cause}")));
            match node.op.passes_on() {
                true => Flow::Ends(Err(Failure::NurseryCancelled)),
                false => Flow::Next,
            }
        }
    }

    /// Begins an operation: how the strand goes on, or what it waits for.
    fn execute(&mut self, id: Id, node: Node) -> Result<Flow, Waiting> {
        let (frame, op) = (self.strands[&id].frame, node.id);
        let cancelled = self.is_cancelled(frame);
        match &node.op {
            Op::Guard => match self.strand(id).around.last_mut() {
                Some(Around::Block { guards, .. }) => guards.push(op),
                _ => unreachable!("operations stand in blocks"),
            },
            Op::Sleep(_) | Op::Checkpoint | Op::Start { .. } if cancelled => return Ok(Flow::Cut),
            Op::Sleep(time) => {
                let time = self.now + time;
                return Err(Waiting::Until { id: op, time });
            }
            Op::Checkpoint => return Err(Waiting::ForTurn { id: op }),
            Op::Fail => return Ok(Flow::Ends(Err(Failure::Boom(op)))),
            Op::Panic => return Ok(Flow::Panics(op)),
            Op::CancelNursery(up) => {
                if let Some(nursery) = self.nursery_up(id, *up) {
                    let frame = self.nurseries[&nursery].frame;
                    self.cancel(frame, &format!("because {op}"));
                }
            }
            Op::CancelScope(target) => {
                let cause = format!("because {op}");
                let scope = self.scopes.entry(*target).or_default();
                match scope.frame {
                    _ if scope.over => {}
                    Some(frame) => self.cancel(frame, &cause),
                    None => {
                        scope.early.get_or_insert(cause);
                    }
                }
            }
            Op::Spawn { up, how, child } => {
                if let Some(nursery) = self.nursery_up(id, *up) {
                    self.spawn(id, op, nursery, child).daemon = *how == How::Daemon;
                    if *how == How::Handle {
                        self.handles.insert(op, nursery);
                    }
                }
            }
            Op::Start { up, child, .. } => {
                if let Some(nursery) = self.nursery_up(id, *up) {
                    let strand = self.spawn(id, op, nursery, child);
                    strand.starts = Some(op);
                    strand.start = Start::Pending {
                        caller: id,
                        withdrawn: false,
                    };
                    return Err(Waiting::ForReady { node, child: op });
                }
            }
            Op::Started => self.started(id),
            Op::Join { target, .. } => {
                let handle = self.handles.get(target);
                if handle.is_some_and(|nursery| self.strands[&id].nurseries.contains(nursery)) {
                    self.handles.remove(target);
                    return Err(Waiting::ForChild {
                        child: *target,
                        node,
                    });
                }
            }
            Op::Nursery { body, .. } => {
                self.open(id, op, body);
                return Err(Waiting::ForNursery { node });
            }
            Op::Both(first, other) => {
                let (nurseries, starts) = {
                    let strand = &self.strands[&id];
                    (strand.nurseries.clone(), strand.starts)
                };
                for (branch, block) in [(op, first), (second(op), other)] {
                    let branch = self.new_strand(branch, frame, block, nurseries.clone());
                    branch.is_branch = true;
                    branch.starts = starts;
                }
                return Err(Waiting::ForBoth { node });
            }
            Op::Scope { inside, .. }
            | Op::Shield(inside)
            | Op::Catch(inside)
            | Op::OnCancel { inside, .. } => self.enter(id, &node, inside),
        }
        Ok(Flow::Next)
    }

    fn nursery_up(&self, id: Id, up: usize) -> Option<Id> {
        self.strands[&id].nurseries.iter().rev().nth(up).copied()
    }

    fn spawn(&mut self, spawner: Id, op: Id, nursery: Id, child: &Block) -> &mut Strand {
        let around = &self.strands[&spawner].nurseries;
        let depth = around.iter().position(|other| *other == nursery);
        let around = around[..=depth.expect("it is one of them")].to_vec();
        let state = self.nurseries.get_mut(&nursery).expect("it is open");
        state.children.push(op);
        let frame = state.frame;
        let own = self.new_frame(Some(frame), false);
        self.new_strand(op, own, child, around)
    }

    /// The child that the strand belongs to says that it is ready.
    fn started(&mut self, id: Id) {
        let Some(child) = self.strands[&id].starts else {
            return;
        };
        if let Start::Pending { caller, withdrawn } = self.strands[&child].start {
            if withdrawn || self.is_cancelled(self.strands[&caller].frame) {
                self.withdraw(child);
            } else {
                self.strand(child).start = Start::None;
            }
        }
    }

    fn open(&mut self, id: Id, op: Id, body: &Block) {
        self.log(id, Event::Open(op));
        let frame = self.new_frame(Some(self.strands[&id].frame), false);
        let own = self.new_frame(Some(frame), false);
        let state = NurseryState {
            frame,
            body: Body::Runs,
            failures: Vec::new(),
            panic: None,
            children: Vec::new(),
            cut: false,
        };
        self.nurseries.insert(op, state);
        let mut around = self.strands[&id].nurseries.clone();
        around.push(op);
        let starts = self.strands[&id].starts;
        let body = self.new_strand(op, own, body, around);
        body.is_body = true;
        body.starts = starts;
    }

    /// Enters a scope, shield, `catch_cancel` or `on_cancel`.
    fn enter(&mut self, id: Id, node: &Node, inside: &Block) {
        let shield = match &node.op {
            Op::Scope { kind, .. } => *kind == ScopeKind::Shielded,
            op => matches!(op, Op::Shield(_)),
        };
        let frame = self.new_frame(Some(self.strands[&id].frame), shield);
        if let Op::Scope { kind, timeout, .. } = &node.op {
            let name = match kind {
                ScopeKind::Plain | ScopeKind::Shielded => format!("deadline of #{}", node.id),
                ScopeKind::MoveOn | ScopeKind::FailAfter => "deadline".into(),
            };
            self.frames[frame].deadline = timeout.map(|timeout| (self.now + timeout, name));
            let scope = self.scopes.entry(node.id).or_default();
            scope.frame = Some(frame);
            if let Some(cause) = scope.early.take() {
                self.cancel(frame, &cause);
            }
            self.check_deadline(frame);
        }
        let strand = self.strand(id);
        strand.frame = frame;
        let node = node.clone();
        strand.around.push(Around::Boundary { node, frame });
        strand.around.push(Around::block(inside));
    }
}
