//! How a strand leaves what is around it: with a value, with an error, cut off, or panicking.

use crate::machine::{Around, Body, Flow, FrameId, Machine, Start};
use crate::outcome::{Event, Failure, MAIN};
use crate::program::{Id, Node, Op, ScopeKind};

impl Machine {
    /// The strand leaves `around`, the innermost of what is around it.
    pub(crate) fn leave(&mut self, id: Id, around: Around, flow: Flow) -> Flow {
        match around {
            Around::Block { guards, .. } => {
                for guard in guards.into_iter().rev() {
                    self.log(id, Event::Dropped(guard));
                }
                flow
            }
            Around::Boundary { node, frame } => {
                // Asked before the frame is left: whose cancellation is it?
                let own = self.frames[frame].cause.clone();
                let own = own.filter(|_| !self.is_cancelled_around(frame));
                let outermost = self.cancelled(frame).map(str::to_owned);
                self.leave_frame(id, &node, frame);
                match flow {
                    Flow::Ends(Ok(())) => {
                        self.log(id, Event::Done(node.id, "ok".into()));
                        Flow::Next
                    }
                    Flow::Ends(Err(failure)) => {
                        self.log(id, Event::Done(node.id, "failed".into()));
                        Flow::Ends(Err(failure))
                    }
                    Flow::Cut => self.cut_off(id, &node, own, outermost),
                    flow => flow,
                }
            }
            Around::Cleanup { id: op, frame } => {
                self.strand(id).frame = self.frames[frame].parent.expect("it is in a strand");
                self.frames[frame].deadline = None;
                match flow {
                    Flow::Ends(result) => {
                        self.log(id, Event::Done(op, "cleaned up".into()));
                        if let Err(failure) = result {
                            self.record_for(id, failure);
                        }
                        Flow::Cut
                    }
                    Flow::Cut => {
                        self.record_for(id, Failure::TooSlow);
                        Flow::Cut
                    }
                    flow => flow,
                }
            }
        }
    }

    fn leave_frame(&mut self, id: Id, node: &Node, frame: FrameId) {
        self.strand(id).frame = self.frames[frame].parent.expect("it is in a strand");
        self.frames[frame].deadline = None;
        if let Some(scope) = self.scopes.get_mut(&node.id) {
            scope.over = true;
        }
    }

    /// What a boundary does when what is inside has been cut off.
    fn cut_off(
        &mut self,
        id: Id,
        node: &Node,
        own: Option<String>,
        outermost: Option<String>,
    ) -> Flow {
        let (text, failure) = match (&node.op, own) {
            (Op::Shield(_), _) => unreachable!("nothing outside cuts off what is in a shield"),
            (Op::Catch(_), _) => {
                let cause = outermost.expect("that is why it was cut off");
                (format!("caught: {cause}"), None)
            }
            (
                Op::OnCancel {
                    cleanup, within, ..
                },
                _,
            ) => {
                let frame = self.new_frame(Some(self.strands[&id].frame), true);
                let deadline = within.map(|within| (self.now + within, "deadline".into()));
                self.frames[frame].deadline = deadline;
                let strand = self.strand(id);
                strand.frame = frame;
                strand.around.push(Around::Cleanup { id: node.id, frame });
                strand.around.push(Around::block(cleanup));
                return Flow::Next;
            }
            (Op::Scope { kind, .. }, Some(cause)) => match kind {
                ScopeKind::MoveOn => ("moved on".into(), None),
                ScopeKind::FailAfter => ("too slow".into(), Some(Failure::TooSlow)),
                _ => (format!("cut off: {cause}"), Some(Failure::Cancelled)),
            },
            _ => return Flow::Cut,
        };
        self.log(id, Event::Done(node.id, text));
        match failure {
            Some(failure) if node.op.passes_on() => Flow::Ends(Err(failure)),
            _ => Flow::Next,
        }
    }

    /// Adds to the failures of the nursery that the strand is in.
    fn record_for(&mut self, id: Id, failure: Failure) {
        let nursery = *self.strands[&id].nurseries.last().expect("it is in one");
        // A clean-up is shielded: what it says is never the echo of the nursery's cancellation.
        self.record_always(nursery, failure);
    }

    /// The first failure cancels the rest. What only says that it was cancelled is no failure in a
    /// nursery that is.
    fn record(&mut self, nursery: Id, failure: Failure) {
        let state = self.nurseries.get_mut(&nursery).expect("it is open");
        let frame = state.frame;
        if !failure.is_echo() || !self.is_cancelled(frame) {
            self.record_always(nursery, failure);
        }
    }

    fn record_always(&mut self, nursery: Id, failure: Failure) {
        let state = self.nurseries.get_mut(&nursery).expect("it is open");
        let frame = state.frame;
        state.failures.push(failure);
        self.cancel(frame, "another task failed");
    }

    /// The strand has ended.
    pub(crate) fn end(&mut self, id: Id, flow: Flow) {
        self.log(id, Event::Gone);
        let strand = self.strand(id);
        strand.waiting = crate::machine::Waiting::Ended;
        if let Flow::Ends(result) = &flow {
            strand.result = Some(result.clone());
        }
        if strand.is_branch {
            return;
        }
        if id == MAIN {
            self.outcome.end = match flow {
                Flow::Ends(Ok(())) => "ok".into(),
                Flow::Ends(Err(failure)) => failure.to_string(),
                Flow::Panics(panic) => format!("panic {panic}"),
                Flow::Cut | Flow::Next => unreachable!("nothing is around the main future"),
            };
            return;
        }
        if let Start::Pending { .. } = strand.start {
            strand.start = match flow {
                Flow::Ends(Ok(())) => Start::Failed(Failure::NotReady),
                Flow::Ends(Err(failure)) => Start::Failed(Failure::StartFailed(Box::new(failure))),
                Flow::Panics(panic) => Start::Panicked(panic),
                Flow::Cut | Flow::Next => Start::Failed(Failure::StartCancelled),
            };
            return;
        }
        let (is_body, daemon) = (strand.is_body, strand.daemon);
        let nursery = *strand.nurseries.last().expect("it is in one");
        if is_body {
            let state = self.nurseries.get_mut(&nursery).expect("it is open");
            state.body = match flow {
                Flow::Ends(Ok(())) => Body::Value,
                _ => Body::None,
            };
        }
        if matches!(flow, Flow::Cut) && !is_body && !daemon {
            self.nurseries.get_mut(&nursery).expect("it is open").cut = true;
        }
        match flow {
            Flow::Ends(Err(failure)) => self.record(nursery, failure),
            Flow::Panics(panic) => {
                let state = self.nurseries.get_mut(&nursery).expect("it is open");
                state.panic.get_or_insert(panic);
                let frame = state.frame;
                self.cancel(frame, "another task failed");
            }
            _ => {}
        }
    }
}
