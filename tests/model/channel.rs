//! Random programs over one channel, compared step by step with a model that knows nothing but the rules.
//!
//! `CHANNEL_PROGRAMS=100000 cargo test --release --test model channel::` tries more of them.

use std::cell::Cell;
use std::collections::{BTreeMap, VecDeque};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use crate::random::Random;
use nestling::channel::{Receiver, SendError, Sender, TryRecvError, TrySendError, channel};

/// An item that can be counted.
#[derive(Debug)]
struct Item(
    u32,
    #[expect(dead_code, reason = "counts the items")] Rc<()>,
);

/// What an operation ended with. An item by its number.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Sent,
    NotSent(u32),
    Reserved,
    NotReserved,
    Received(u32),
    Ended,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Send,
    Reserve,
    Receive,
}

#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// An operation under way. It holds an end of its own.
struct Operation {
    future: Pin<Box<dyn Future<Output = End>>>,
    flag: Arc<Flag>,
    kind: Kind,
    item: u32,
    polled: bool,
    /// It has got its permit, which it uses when it is polled again.
    reserved: Rc<Cell<bool>>,
    holds: bool,
}

/// The rules.
#[derive(Debug, Default)]
struct Model {
    capacity: usize,
    senders: usize,
    receivers: usize,
    items: VecDeque<u32>,
    permits: usize,
    /// Parked receivers, in order: the k-th owns the k-th item.
    receiving: Vec<usize>,
    /// Parked senders, in order, with what they send.
    sending: Vec<(usize, Option<u32>)>,
    /// Those who were served while they were parked.
    served: Vec<usize>,
    peak: usize,
}

impl Model {
    fn has_room(&self) -> bool {
        self.items.len() + self.permits < self.capacity + self.receiving.len()
    }

    fn settle(&mut self) {
        while self.receivers > 0 && !self.sending.is_empty() && self.has_room() {
            let (id, item) = self.sending.remove(0);
            self.served.push(id);
            match item {
                Some(item) => self.push(item),
                None => self.permits += 1,
            }
        }
        self.note_peak();
    }

    fn push(&mut self, item: u32) {
        self.items.push_back(item);
        self.note_peak();
    }

    fn note_peak(&mut self) {
        self.peak = self.peak.max(self.buffered());
    }

    fn buffered(&self) -> usize {
        self.items.len().saturating_sub(self.receiving.len())
    }

    fn try_send(&mut self, item: u32) -> Result<(), TrySendError<u32>> {
        if self.receivers == 0 {
            return Err(TrySendError::Closed(item));
        }
        if !self.has_room() {
            return Err(TrySendError::Full(item));
        }
        self.push(item);
        Ok(())
    }

    fn try_recv(&mut self) -> Result<u32, TryRecvError> {
        if let Some(item) = self.items.remove(self.receiving.len()) {
            self.settle();
            return Ok(item);
        }
        // A sender that is parked gives its item to one who comes, if he would own it.
        let would_own = self.items.len() == self.receiving.len();
        let room = self.items.len() + self.permits < self.capacity + self.receiving.len() + 1;
        if let (true, true, Some(&(id, Some(item)))) = (would_own, room, self.sending.first()) {
            self.sending.remove(0);
            self.served.push(id);
            return Ok(item);
        }
        if self.senders == 0 && self.items.is_empty() {
            return Err(TryRecvError::Ended);
        }
        Err(TryRecvError::Empty)
    }

    /// What polling the operation gives now.
    fn poll(&mut self, id: usize, kind: Kind, item: u32, polled: bool) -> Option<End> {
        if let Some(at) = self.served.iter().position(|served| *served == id) {
            self.served.remove(at);
            return Some(if kind == Kind::Send {
                End::Sent
            } else {
                End::Reserved
            });
        }
        match kind {
            Kind::Receive => {
                if let Some(rank) = self.receiving.iter().position(|parked| *parked == id) {
                    if let Some(item) = self.items.remove(rank) {
                        self.receiving.remove(rank);
                        return Some(End::Received(item));
                    }
                    if self.senders == 0 && self.items.is_empty() {
                        self.receiving.remove(rank);
                        return Some(End::Ended);
                    }
                    return None;
                }
                match self.try_recv() {
                    Ok(item) => Some(End::Received(item)),
                    Err(TryRecvError::Ended) => Some(End::Ended),
                    Err(TryRecvError::Empty) => {
                        self.receiving.push(id);
                        self.settle();
                        None
                    }
                }
            }
            Kind::Send | Kind::Reserve => {
                if self.receivers == 0 {
                    self.sending.retain(|(parked, _)| *parked != id);
                    return Some(match kind {
                        Kind::Send => End::NotSent(item),
                        _ => End::NotReserved,
                    });
                }
                if polled {
                    return None;
                }
                if self.has_room() {
                    if kind == Kind::Send {
                        self.push(item);
                        return Some(End::Sent);
                    }
                    self.permits += 1;
                    return Some(End::Reserved);
                }
                self.sending
                    .push((id, (kind == Kind::Send).then_some(item)));
                None
            }
        }
    }

    fn send_reserved(&mut self, item: u32) -> End {
        self.permits -= 1;
        if self.receivers == 0 {
            return End::NotSent(item);
        }
        self.push(item);
        End::Sent
    }

    /// The operation is dropped.
    fn cancel(&mut self, id: usize, kind: Kind) {
        self.sending.retain(|(parked, _)| *parked != id);
        self.receiving.retain(|parked| *parked != id);
        if let Some(at) = self.served.iter().position(|served| *served == id) {
            self.served.remove(at);
            if kind == Kind::Reserve {
                self.permits -= 1;
            }
        }
        self.settle();
    }

    /// Whether a parked operation has to be woken.
    fn would_end(&self, id: usize, kind: Kind) -> bool {
        let ended = self.senders == 0 && self.items.is_empty();
        match kind {
            Kind::Receive => {
                let rank = self.receiving.iter().position(|parked| *parked == id);
                rank.is_some_and(|rank| rank < self.items.len() || ended)
            }
            _ => self.served.contains(&id) || self.receivers == 0,
        }
    }

    fn close_receiver(&mut self) -> Vec<u32> {
        self.receivers -= 1;
        match self.receivers {
            0 => std::mem::take(&mut self.items).into(),
            _ => Vec::new(),
        }
    }
}

/// One program, and what came of it.
struct Program {
    random: Random,
    model: Model,
    senders: Vec<Sender<Item>>,
    receivers: Vec<Receiver<Item>>,
    operations: BTreeMap<usize, Operation>,
    next: u32,
    items: Rc<()>,
    ends: BTreeMap<&'static str, usize>,
}

impl Program {
    fn new(seed: u64) -> Program {
        let mut random = Random::new(seed);
        let capacity = *random.of(&[0, 0, 1, 2, 5]);
        let (sender, receiver) = channel(capacity);
        Program {
            random,
            model: Model {
                capacity,
                senders: 1,
                receivers: 1,
                ..Model::default()
            },
            senders: vec![sender],
            receivers: vec![receiver],
            operations: BTreeMap::new(),
            next: 0,
            items: Rc::new(()),
            ends: BTreeMap::new(),
        }
    }

    fn item(&mut self) -> Item {
        self.next += 1;
        Item(self.next, Rc::clone(&self.items))
    }

    fn count(&mut self, what: &'static str) {
        *self.ends.entry(what).or_insert(0) += 1;
    }

    fn step(&mut self) {
        match self.random.below(100) {
            0..18 => self.start(Kind::Send),
            18..24 => self.start(Kind::Reserve),
            24..46 => self.start(Kind::Receive),
            46..66 => self.poll_one(),
            66..76 => self.cancel_one(),
            76..82 => self.try_send(),
            82..88 => self.try_recv(),
            88..90 => self.clone_sender(),
            90..92 => self.clone_receiver(),
            92..96 => self.drop_sender(),
            _ => self.close_receiver(),
        }
        self.check();
    }

    fn start(&mut self, kind: Kind) {
        let id = self.next as usize;
        let item = self.item();
        let number = item.0;
        let reserved: Rc<Cell<bool>> = Rc::default();
        let future: Pin<Box<dyn Future<Output = End>>> = match kind {
            Kind::Receive => {
                let Some(receiver) = self.receivers.first() else {
                    return;
                };
                let receiver = receiver.clone();
                self.model.receivers += 1;
                Box::pin(async move {
                    match receiver.recv().await {
                        Some(item) => End::Received(item.0),
                        None => End::Ended,
                    }
                })
            }
            Kind::Send => {
                let Some(sender) = self.senders.first() else {
                    return;
                };
                let sender = sender.clone();
                self.model.senders += 1;
                Box::pin(async move {
                    match sender.send(item).await {
                        Ok(()) => End::Sent,
                        Err(SendError(item)) => End::NotSent(item.0),
                    }
                })
            }
            Kind::Reserve => {
                let Some(sender) = self.senders.first() else {
                    return;
                };
                let sender = sender.clone();
                self.model.senders += 1;
                let reserved = Rc::clone(&reserved);
                Box::pin(async move {
                    let Ok(permit) = sender.reserve().await else {
                        return End::NotReserved;
                    };
                    poll_fn(|_| match reserved.replace(true) {
                        false => Poll::Pending,
                        true => Poll::Ready(()),
                    })
                    .await;
                    match permit.send(item) {
                        Ok(()) => End::Sent,
                        Err(SendError(item)) => End::NotSent(item.0),
                    }
                })
            }
        };
        let operation = Operation {
            future,
            flag: Arc::default(),
            kind,
            item: number,
            polled: false,
            reserved,
            holds: false,
        };
        self.operations.insert(id, operation);
        self.poll(id);
    }

    fn any(&mut self) -> Option<usize> {
        let at = self.random.below(self.operations.len().max(1) as u64) as usize;
        self.operations.keys().nth(at).copied()
    }

    fn poll_one(&mut self) {
        if let Some(id) = self.any() {
            self.poll(id);
        }
    }

    fn poll(&mut self, id: usize) {
        let operation = self.operations.get_mut(&id).expect("it is under way");
        // Now and then it is woken through another waker than before.
        if self.random.percent(20) {
            operation.flag = Arc::default();
        }
        operation.flag.0.store(false, Ordering::Relaxed);
        let waker = Waker::from(Arc::clone(&operation.flag));
        let polled = operation
            .future
            .as_mut()
            .poll(&mut Context::from_waker(&waker));
        let (kind, item, again) = (operation.kind, operation.item, operation.polled);
        operation.polled = true;
        let held = operation.holds;
        operation.holds = operation.reserved.get();
        let got_permit = operation.holds && !held;
        let expected = match held {
            true => Some(self.model.send_reserved(item)),
            false => self.model.poll(id, kind, item, again),
        };
        let end = match polled {
            Poll::Pending if got_permit => Some(End::Reserved),
            Poll::Pending => None,
            Poll::Ready(end) => Some(end),
        };
        assert_eq!(end, expected, "{kind:?} {id}");
        let Some(end) = end else { return };
        self.count(match end {
            End::Sent => "sent",
            End::NotSent(_) => "not sent",
            End::Reserved => "reserved",
            End::NotReserved => "not reserved",
            End::Received(_) => "received",
            End::Ended => "ended",
        });
        if end != End::Reserved {
            self.ended(id);
        }
    }

    /// Drops the operation, and with it the end that it held.
    fn ended(&mut self, id: usize) {
        let kind = self.operations[&id].kind;
        self.operations.remove(&id);
        match kind {
            Kind::Receive => drop(self.model.close_receiver()),
            _ => self.model.senders -= 1,
        }
    }

    fn cancel_one(&mut self) {
        let Some(id) = self.any() else { return };
        self.count("cancelled");
        let operation = &self.operations[&id];
        if operation.holds {
            self.count("a permit dropped");
            self.model.permits -= 1;
            self.model.settle();
        } else {
            self.model.cancel(id, operation.kind);
        }
        self.ended(id);
    }

    fn try_send(&mut self) {
        let item = self.item();
        let Some(sender) = self.senders.first() else {
            return;
        };
        let expected = self.model.try_send(item.0);
        match (sender.try_send(item), expected) {
            (Ok(()), Ok(())) => self.count("tried to send"),
            (Err(TrySendError::Full(got)), Err(TrySendError::Full(item)))
            | (Err(TrySendError::Closed(got)), Err(TrySendError::Closed(item))) => {
                assert_eq!(got.0, item);
            }
            (real, expected) => panic!("try_send: {real:?} instead of {expected:?}"),
        }
    }

    fn try_recv(&mut self) {
        let Some(receiver) = self.receivers.first() else {
            return;
        };
        let real = receiver.try_recv().map(|item| item.0);
        assert_eq!(real, self.model.try_recv(), "try_recv");
        if real.is_ok() {
            self.count("tried to receive");
        }
    }

    fn clone_sender(&mut self) {
        let Some(sender) = self.senders.first() else {
            return;
        };
        self.senders.push(sender.clone());
        self.model.senders += 1;
    }

    fn clone_receiver(&mut self) {
        let Some(receiver) = self.receivers.first() else {
            return;
        };
        self.receivers.push(receiver.clone());
        self.model.receivers += 1;
    }

    fn drop_sender(&mut self) {
        if self.senders.pop().is_some() {
            self.model.senders -= 1;
        }
    }

    fn close_receiver(&mut self) {
        let Some(receiver) = self.receivers.pop() else {
            return;
        };
        let unsent: Vec<u32> = receiver.close().iter().map(|item| item.0).collect();
        if !unsent.is_empty() {
            self.count("unsent");
        }
        assert_eq!(unsent, self.model.close_receiver(), "what close gives back");
    }

    fn check(&self) {
        for (id, operation) in &self.operations {
            if !operation.holds && self.model.would_end(*id, operation.kind) {
                let woken = operation.flag.0.load(Ordering::Relaxed);
                assert!(
                    woken,
                    "{:?} {id} is not woken: {:?}",
                    operation.kind, self.model
                );
            }
        }
        let sender = self.senders.first().map(Sender::statistics);
        let now = sender.or_else(|| self.receivers.first().map(Receiver::statistics));
        let Some(now) = now else { return };
        let model = &self.model;
        assert_eq!(now.buffered, model.buffered(), "{model:?}");
        assert_eq!(now.senders, model.senders, "{model:?}");
        assert_eq!(now.receivers, model.receivers, "{model:?}");
        assert_eq!(now.tasks_waiting_send, model.sending.len(), "{model:?}");
        let waiting = model.receiving.len().saturating_sub(model.items.len());
        assert_eq!(now.tasks_waiting_recv, waiting, "{model:?}");
        assert_eq!(now.peak_buffered, model.peak, "{model:?}");
    }
}

#[test]
fn random_programs_do_what_the_rules_say() {
    let count = std::env::var("CHANNEL_PROGRAMS")
        .map(|text| text.parse().expect("CHANNEL_PROGRAMS is a number"))
        .unwrap_or(if cfg!(miri) { 30 } else { 5000 });
    let mut ends = BTreeMap::new();
    for seed in 0..count {
        let result = std::panic::catch_unwind(|| {
            let mut program = Program::new(seed);
            for _ in 0..80 {
                program.step();
            }
            let (items, ends) = (Rc::clone(&program.items), std::mem::take(&mut program.ends));
            drop(program);
            assert_eq!(Rc::strong_count(&items), 1, "an item is left");
            ends
        });
        match result {
            Ok(some) => some
                .iter()
                .for_each(|(end, count)| *ends.entry(*end).or_insert(0) += count),
            Err(payload) => {
                eprintln!("seed {seed} fails");
                std::panic::resume_unwind(payload);
            }
        }
    }
    println!("{ends:?}");
    // Did the programs not come to everything, the comparison would say little.
    assert_eq!(ends.len(), 11, "{ends:?}");
}
