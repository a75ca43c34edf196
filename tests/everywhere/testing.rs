//! What tests wait with.

use nestling::testing::{
    Held, Proceed, Sequencer, assert_checkpoints, each_step, wait_all_tasks_blocked,
};
use nestling::{open_nursery, sleep};

use crate::TICK;
use crate::support::everywhere;

#[test]
fn waiting_for_quiet() {
    everywhere(async || {
        open_nursery(async |nursery| {
            for cushion in [TICK, 2 * TICK] {
                nursery.start_soon(async move {
                    let _held = Held::new();
                    wait_all_tasks_blocked().await;
                    wait_all_tasks_blocked().cushion(cushion / 100).await;
                });
            }
            sleep(TICK).await;
        })
        .await
    });
}

#[test]
fn an_order() {
    everywhere(async || {
        let order = Sequencer::new();
        open_nursery(async |nursery| {
            for number in [2, 0, 1] {
                let order = &order;
                nursery.start_soon(async move {
                    let _held = Held::new();
                    let _turn = order.at(number).await;
                    sleep(TICK).await;
                });
            }
            let _turn = order.at(3).await;
        })
        .await
    });
}

#[test]
fn looking_at_checkpoints() {
    everywhere(async || {
        let _held = Held::new();
        assert_checkpoints(sleep(TICK)).await;
        each_step(sleep(TICK), |_| Proceed::Now).await;
    });
}
