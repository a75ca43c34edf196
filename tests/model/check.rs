//! What must hold in every run, whatever the program: the order that the tree promises.

use std::collections::BTreeMap;

use crate::outcome::{Event, MAIN};
use crate::program::{Block, Id, Op, Program, second};
use crate::real::Entry;

/// Panics if a strand outlives its nursery, or a guard is not dropped exactly once in its strand.
pub(crate) fn check_order(program: &Program, log: &[Entry]) {
    let parents = nurseries_of(program);
    let mut first = BTreeMap::new();
    let mut last = BTreeMap::new();
    let mut drops = BTreeMap::new();
    for (at, entry) in log.iter().enumerate() {
        let strand = entry.strand;
        first.entry(strand).or_insert(at);
        last.insert(strand, at);
        if let Event::Dropped(id) = entry.event {
            let earlier = drops.insert(id, strand);
            assert_eq!(earlier, None, "the guard #{id} is dropped twice");
        }
    }
    for (strand, end) in &last {
        let event = &log[*end].event;
        assert_eq!(event, &Event::Gone, "strand {strand} goes on after its end");
        let count = log
            .iter()
            .filter(|entry| entry.strand == *strand && entry.event == Event::Gone);
        assert_eq!(count.count(), 1, "strand {strand} is gone twice");
    }
    let mut open = BTreeMap::new();
    for (at, entry) in log.iter().enumerate() {
        match entry.event {
            Event::Open(id) => {
                open.insert(id, at);
            }
            Event::Closed(id) => {
                let begin = open.remove(&id).expect("it was opened before");
                for (strand, _) in parents.iter().filter(|(_, nursery)| **nursery == id) {
                    if let Some(first) = first.get(strand) {
                        assert!(*first > begin, "strand {strand} is before #{id}");
                        assert!(last[strand] < at, "strand {strand} outlives #{id}");
                    }
                }
            }
            _ => {}
        }
    }
    assert!(open.is_empty(), "these are not closed: {open:?}");
}

/// For each strand the nursery it is in.
fn nurseries_of(program: &Program) -> BTreeMap<Id, Id> {
    fn visit(block: &Block, around: &[Id], parents: &mut BTreeMap<Id, Id>) {
        for node in block.iter() {
            match &node.op {
                Op::Spawn { up, child, .. } | Op::Start { up, child, .. } => {
                    if let Some(depth) = around.len().checked_sub(*up).filter(|depth| *depth > 0) {
                        parents.insert(node.id, around[depth - 1]);
                        visit(child, &around[..depth], parents);
                    }
                }
                Op::Nursery { body, .. } => {
                    parents.insert(node.id, node.id);
                    let around: Vec<Id> = around.iter().copied().chain([node.id]).collect();
                    visit(body, &around, parents);
                }
                op => {
                    if let (Op::Both(..), Some(nursery)) = (op, around.last()) {
                        parents.insert(node.id, *nursery);
                        parents.insert(second(node.id), *nursery);
                    }
                    for inner in op.blocks() {
                        visit(inner, around, parents);
                    }
                }
            }
        }
    }
    let mut parents = BTreeMap::from([(1, 1)]);
    visit(&program.0, &[1], &mut parents);
    parents.remove(&MAIN);
    parents
}
