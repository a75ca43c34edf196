//! Two lots, beside two deques of names.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::Context;

use nestling::sync::{Park, ParkingLot};

use super::programs;
use crate::random::Random;
use crate::support::{Flag, waker_of};

struct Parked {
    park: Park<u64>,
    flag: Arc<Flag>,
    unparked: bool,
}

struct Program {
    random: Random,
    lots: [ParkingLot<u64>; 2],
    lines: [VecDeque<u64>; 2],
    parked: BTreeMap<u64, Parked>,
    next: u64,
}

impl Program {
    fn step(&mut self) {
        let (one, count) = (self.random.below(2) as usize, self.random.below(4) as usize);
        match self.random.below(10) {
            0..4 => self.park(one),
            4 => {
                let expected = self.take(one, count);
                assert_eq!(self.lots[one].unpark(count), expected);
            }
            5 => {
                let limit = self.random.below(self.next + 1);
                let line = &self.lines[one];
                let willing = line.iter().take_while(|name| **name < limit).count();
                self.take(one, willing);
                let unparked = self.lots[one].unpark_while(|name| name < limit);
                assert_eq!(unparked, willing);
            }
            6 => {
                let expected = self.take(one, usize::MAX);
                assert_eq!(self.lots[one].unpark_all(), expected);
            }
            7 => {
                let other = self.random.below(2) as usize;
                let count = count.min(self.lines[one].len());
                for _ in 0..count {
                    let name = self.lines[one].pop_front().expect("there are as many");
                    self.lines[other].push_back(name);
                }
                let moved = self.lots[one].repark(&self.lots[other], count);
                assert_eq!(moved, count);
            }
            8 => {
                if let Some(name) = self.any() {
                    self.parked.remove(&name);
                    self.lines
                        .iter_mut()
                        .for_each(|line| line.retain(|at| *at != name));
                }
            }
            _ => {
                if let Some(name) = self.any() {
                    self.poll(name);
                }
            }
        }
    }

    fn any(&mut self) -> Option<u64> {
        let names: Vec<u64> = self.parked.keys().copied().collect();
        (!names.is_empty()).then(|| *self.random.of(&names))
    }

    fn park(&mut self, lot: usize) {
        let name = self.next;
        self.next += 1;
        let parked = Parked {
            park: self.lots[lot].park_with(name),
            flag: Flag::new(),
            unparked: false,
        };
        self.parked.insert(name, parked);
        self.lines[lot].push_back(name);
        self.poll(name);
    }

    fn poll(&mut self, name: u64) {
        let parked = self.parked.get_mut(&name).expect("it is parked");
        let waker = waker_of(&parked.flag);
        let ready = pin!(&mut parked.park).poll(&mut Context::from_waker(&waker));
        assert_eq!(ready.is_ready(), parked.unparked, "{name}");
        if parked.unparked {
            self.parked.remove(&name);
        }
    }

    /// The first `count` are to be unparked.
    fn take(&mut self, lot: usize, count: usize) -> usize {
        let count = count.min(self.lines[lot].len());
        for name in self.lines[lot].drain(..count) {
            self.parked.get_mut(&name).expect("it is parked").unparked = true;
        }
        count
    }

    fn check(&self) {
        for (lot, line) in self.lots.iter().zip(&self.lines) {
            assert_eq!(lot.len(), line.len());
            for name in line {
                assert!(self.parked[name].park.is_of(lot));
            }
        }
        for (name, parked) in &self.parked {
            assert_eq!(parked.park.is_unparked(), parked.unparked, "{name}");
            assert_eq!(parked.park.is_parked(), !parked.unparked, "{name}");
            assert_eq!(parked.flag.count(), usize::from(parked.unparked), "{name}");
        }
    }
}

#[test]
fn lots_are_like_deques() {
    for seed in 0..programs() {
        let mut program = Program {
            random: Random::new(seed),
            lots: [ParkingLot::new("one"), ParkingLot::new("the other")],
            lines: Default::default(),
            parked: BTreeMap::new(),
            next: 0,
        };
        for _ in 0..60 {
            program.step();
            program.check();
        }
    }
}
