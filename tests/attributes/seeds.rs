//! Tests that run with many seeds.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use nestling::{Builder, open_nursery};

use crate::program::{run, run_alone};

/// The order in which some children run.
async fn order() -> Vec<u32> {
    let order = RefCell::new(Vec::new());
    let done = open_nursery(async |nursery| {
        for child in 0..8 {
            let order = &order;
            nursery.start_soon(async move { order.borrow_mut().push(child) });
        }
    });
    done.await.expect("no child fails");
    order.into_inner()
}

const SEED: u64 = 7;

#[nestling::test(seed = SEED)]
async fn a_seed_is_that_of_the_run() {
    let expected = std::thread::spawn(|| Builder::new().seed(7).run(order()));
    assert_eq!(order().await, expected.join().expect("it does not panic"));
}

static ORDERS: Mutex<BTreeSet<Vec<u32>>> = Mutex::new(BTreeSet::new());
static RUNS: AtomicUsize = AtomicUsize::new(0);

#[nestling::test(virtual_time, seeds = 0..20)]
async fn each_seed_has_a_run_of_its_own() {
    let order = order().await;
    let mut orders = ORDERS.lock().expect("nobody panics with it");
    orders.insert(order);
    if RUNS.fetch_add(1, Ordering::Relaxed) + 1 == 20 {
        assert!(orders.len() > 10, "the orders differ: {orders:?}");
    }
}

#[test]
fn the_seed_that_failed_is_told() {
    let ended = run_alone("planted::fails_in_the_third_run");
    ended.expect_failed(&[
        "the third",
        "failed with seed 30 (2 other seeds passed before)",
        "`NESTLING_SEED=30 cargo test planted::fails_in_the_third_run`",
        "`seed = 30`",
    ]);
    let ended = run_alone("planted::returns_an_error_in_the_second_run");
    ended.expect_failed(&["the second", "failed with seed 20"]);
}

#[test]
fn the_environment_chooses_the_seed() {
    let name = "planted::fails_in_the_third_run";
    run(name, &["--exact"], &[("NESTLING_SEED", "30")]).expect_passed();
    let ended = run(name, &["--exact"], &[("NESTLING_SEED", "x")]);
    ended.expect_failed(&["NESTLING_SEED is \"x\"", "a number"]);
}

#[test]
fn no_seed_is_no_test() {
    run_alone("planted::has_no_seed").expect_failed(&["`seeds` is empty"]);
}
