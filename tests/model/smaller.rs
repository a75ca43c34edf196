//! Smaller programs made of those that fail.

use std::rc::Rc;

use crate::program::{Block, How, Node, Op, Program};

/// Programs with a little less in them.
pub(crate) fn smaller(program: &Program) -> Vec<Program> {
    let mut all = Vec::new();
    variants(&program.0, &mut |block| all.push(Program(block)));
    all
}

fn variants(block: &Block, yield_one: &mut dyn FnMut(Block)) {
    for at in 0..block.len() {
        let with = |nodes: &[Node]| -> Block {
            let (before, after) = (&block[..at], &block[at + 1..]);
            [before, nodes, after].concat().into()
        };
        let node = &block[at];
        yield_one(with(&[]));
        for inner in node.op.blocks() {
            yield_one(with(inner));
        }
        for op in simpler(&node.op) {
            yield_one(with(&[Node { id: node.id, op }]));
        }
        for (which, inner) in node.op.blocks().into_iter().enumerate() {
            variants(inner, &mut |inner| {
                let blocks = node.op.blocks().into_iter().map(Rc::clone);
                let mut blocks: Vec<Block> = blocks.collect();
                blocks[which] = inner;
                let op = node.op.with_blocks(blocks);
                yield_one(with(&[Node { id: node.id, op }]));
            });
        }
    }
}

fn simpler(op: &Op) -> Vec<Op> {
    let mut all = Vec::new();
    match op {
        Op::Sleep(time) if *time > 10 => {
            all.extend([Op::Checkpoint, Op::Sleep(time / 10)]);
        }
        Op::Spawn { up, how, child } if *how != How::Soon => all.push(Op::Spawn {
            up: *up,
            how: How::Soon,
            child: child.clone(),
        }),
        Op::Scope {
            kind,
            timeout: Some(time),
            inside,
            pass_on,
        } if *time > 10 => {
            let timeout = Some(time / 10);
            let (kind, inside, pass_on) = (*kind, inside.clone(), *pass_on);
            all.push(Op::Scope {
                kind,
                timeout,
                inside,
                pass_on,
            });
        }
        Op::OnCancel {
            inside,
            cleanup,
            within: Some(_),
        } => all.push(Op::OnCancel {
            inside: inside.clone(),
            cleanup: cleanup.clone(),
            within: None,
        }),
        _ => {}
    }
    all
}
