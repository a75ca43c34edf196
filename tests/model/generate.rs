//! Random programs.

use crate::program::{Block, How, Id, Node, Op, Program, ScopeKind};
use crate::random::Random;

const DEPTH_MAX: usize = 5;
const OPERATIONS_MAX: u32 = 30;
/// Longer than anything else in a program takes together.
const ENDLESS: u64 = 1_000_000_000;

pub(crate) fn generate(seed: u64) -> Program {
    let mut random = Random::new(seed);
    let left = 8 + random.below(u64::from(OPERATIONS_MAX) - 7);
    let mut generator = Generator {
        left: left as u32,
        random,
        next: 2,
        scopes: Vec::new(),
        handles: Vec::new(),
    };
    let place = Place {
        nurseries: 1,
        constructs: 0,
        in_start: false,
        in_both: false,
        calm: false,
        around: &[],
    };
    let mut nodes = Vec::new();
    while generator.left > 0 {
        let part = generator.block(place);
        nodes.extend(part.iter().cloned());
    }
    let mut targets = generator.scopes;
    targets.push(0);
    let mut random = generator.random;
    Program(aim(&nodes.into(), &targets, &mut random))
}

/// Gives each cancelling of a scope one of all scopes, which may come later in the program.
fn aim(block: &Block, targets: &[Id], random: &mut Random) -> Block {
    let aimed = block.iter().map(|node| {
        let blocks = node.op.blocks();
        let blocks = blocks.into_iter().map(|block| aim(block, targets, random));
        let blocks = blocks.collect();
        let op = match &node.op {
            Op::CancelScope(0) => Op::CancelScope(*random.of(targets)),
            op => op.with_blocks(blocks),
        };
        Node { id: node.id, op }
    });
    aimed.collect()
}

#[derive(Clone, Copy)]
struct Place<'a> {
    nurseries: usize,
    constructs: usize,
    in_start: bool,
    /// In a block of `Op::Both`, which do not nest.
    in_both: bool,
    /// Nothing here panics: a panic in one block of `Op::Both` drops the other one half-way.
    calm: bool,
    /// The operations around, whose children nothing here may wait for.
    around: &'a [Id],
}

struct Generator {
    random: Random,
    left: u32,
    next: Id,
    scopes: Vec<Id>,
    handles: Vec<Id>,
}

impl Generator {
    /// A block that takes a part of the operations that are left.
    fn block(&mut self, place: Place<'_>) -> Block {
        if self.left == 0 {
            return Block::default();
        }
        let part = 1 + self.random.below(u64::from(self.left) * 2 / 3 + 1) as u32;
        let part = part.min(self.left);
        let kept = self.left - part;
        self.left = part;
        let mut nodes = Vec::new();
        let count = 1 + self.random.below(6);
        for _ in 0..count {
            let Some(id) = self.number() else { break };
            let around: Vec<Id> = place.around.iter().copied().chain([id]).collect();
            let place = Place {
                around: &around,
                ..place
            };
            let op = self.operation(id, place);
            let is_end = matches!(op, Op::Fail | Op::Panic);
            let is_cancel = matches!(op, Op::CancelNursery(_) | Op::CancelScope(_));
            if (is_end || is_cancel) && self.random.percent(70) {
                // Else most programs would be over before anything has come of them.
                if let Some(later) = self.number() {
                    let op = Op::Sleep(self.time());
                    nodes.push(Node { id: later, op });
                }
            }
            nodes.push(Node { id, op });
            if is_cancel && self.random.percent(40) {
                // And another one, so that it shows which of them is reported.
                if let Some(id) = self.number() {
                    let op = match self.random.percent(50) {
                        true => self.cancel_scope(place),
                        false => Op::CancelNursery(self.up(place)),
                    };
                    nodes.push(Node { id, op });
                }
            }
            if is_end {
                break;
            }
        }
        self.left += kept;
        nodes.into()
    }

    /// A block that often does not end by itself.
    fn lasting(&mut self, place: Place<'_>) -> Block {
        let mut nodes = self.block(place).to_vec();
        if self.random.percent(60) {
            if let Some(id) = self.number() {
                let op = Op::Sleep(ENDLESS + u64::from(id));
                nodes.push(Node { id, op });
            }
        }
        nodes.into()
    }

    /// A block that sometimes fails or panics at its end.
    fn cleanup(&mut self, place: Place<'_>) -> Block {
        let mut nodes = self.block(place).to_vec();
        let end = match self.random.below(100) {
            0..=24 => Some(Op::Fail),
            25..=39 if !place.calm => Some(Op::Panic),
            _ => None,
        };
        if let Some(op) = end {
            if let Some(id) = self.number() {
                nodes.push(Node { id, op });
            }
        }
        nodes.into()
    }

    /// A block that mostly says somewhere that it is ready.
    fn starting(&mut self, place: Place<'_>) -> Block {
        let mut nodes = self.lasting(place).to_vec();
        if self.random.percent(80) {
            if let Some(id) = self.number() {
                let at = self.random.below(nodes.len() as u64 + 1);
                let op = Op::Started;
                nodes.insert(at as usize, Node { id, op });
            }
        }
        nodes.into()
    }

    fn number(&mut self) -> Option<Id> {
        self.left = self.left.checked_sub(1)?;
        self.next += 1;
        Some(self.next - 1)
    }

    fn operation(&mut self, id: Id, place: Place<'_>) -> Op {
        let inner = Place {
            constructs: place.constructs + 1,
            ..place
        };
        let deep = place.constructs >= 8;
        let child = Place {
            nurseries: place.nurseries,
            constructs: 0,
            in_start: false,
            in_both: false,
            ..place
        };
        // What ends the whole program at once is rare at its top.
        let at_top = place.around.len() == 1;
        loop {
            let choice = self.random.below(100);
            if at_top && (34..=43).contains(&choice) && self.random.percent(85) {
                continue;
            }
            return match choice {
                0..=7 => Op::Guard,
                8..=21 => Op::Sleep(self.time()),
                22..=25 => Op::Checkpoint,
                34..=36 => Op::Fail,
                37 if !place.calm => Op::Panic,
                38..=43 => Op::CancelNursery(self.up(place)),
                44..=47 => self.cancel_scope(place),
                26..=33 | 48..=56 => {
                    let up = self.up(place);
                    let how = *self
                        .random
                        .of(&[How::Soon, How::Handle, How::Handle, How::Daemon]);
                    let nurseries = place.nurseries - up;
                    let child = self.lasting(Place { nurseries, ..child });
                    if how == How::Handle {
                        self.handles.push(id);
                    }
                    Op::Spawn { up, how, child }
                }
                57..=61 => {
                    let up = self.up(place);
                    let nurseries = place.nurseries - up;
                    Op::Start {
                        up,
                        child: self.starting(Place {
                            nurseries,
                            in_start: true,
                            ..child
                        }),
                        pass_on: self.random.percent(30),
                    }
                }
                62..=69 if place.in_start => Op::Started,
                62..=69 => {
                    let others = self.handles.iter().copied();
                    let others: Vec<Id> = others.filter(|id| !place.around.contains(id)).collect();
                    if others.is_empty() {
                        continue;
                    }
                    Op::Join {
                        target: *self.random.of(&others),
                        pass_on: self.random.percent(50),
                    }
                }
                70..=74 if place.nurseries < DEPTH_MAX && !deep => Op::Nursery {
                    body: self.block(Place {
                        nurseries: place.nurseries + 1,
                        in_both: false,
                        ..inner
                    }),
                    pass_on: self.random.percent(50),
                },
                78..=86 if !deep => self.scope(id, inner),
                75..=77 if !deep && !place.in_both => {
                    let place = Place {
                        in_both: true,
                        calm: true,
                        ..inner
                    };
                    Op::Both(self.lasting(place), self.lasting(place))
                }
                87..=89 if !deep => Op::Shield(self.block(inner)),
                90..=93 if !deep => Op::Catch(self.lasting(inner)),
                94..=99 if !deep => Op::OnCancel {
                    inside: self.lasting(inner),
                    cleanup: self.cleanup(inner),
                    within: self.random.percent(40).then(|| self.time().max(1)),
                },
                _ => continue,
            };
        }
    }

    fn scope(&mut self, id: Id, inner: Place<'_>) -> Op {
        let kind = *self.random.of(&[
            ScopeKind::Plain,
            ScopeKind::Plain,
            ScopeKind::Shielded,
            ScopeKind::MoveOn,
            ScopeKind::FailAfter,
        ]);
        let is_timeout = matches!(kind, ScopeKind::MoveOn | ScopeKind::FailAfter);
        if !is_timeout {
            self.scopes.push(id);
        }
        Op::Scope {
            kind,
            timeout: (is_timeout || self.random.percent(50)).then(|| self.time()),
            inside: self.lasting(inner),
            pass_on: self.random.percent(30),
        }
    }

    /// Cancels one of the scopes around, or any in the program.
    fn cancel_scope(&mut self, place: Place<'_>) -> Op {
        let mine = self.scopes.iter().filter(|id| place.around.contains(id));
        let mine: Vec<Id> = mine.copied().chain([0]).collect();
        Op::CancelScope(*self.random.of(&mine))
    }

    fn up(&mut self, place: Place<'_>) -> usize {
        if self.random.percent(70) {
            return 0;
        }
        self.random.below(place.nurseries as u64) as usize
    }

    /// Mostly such that no two moments coincide; sometimes so that they do.
    fn time(&mut self) -> u64 {
        match self.random.below(100) {
            0..=2 => 0,
            3..=7 => 1 + self.random.below(3),
            8..=12 => ENDLESS + self.random.below(1000),
            _ => 1 + self.random.below(100_000),
        }
    }
}
