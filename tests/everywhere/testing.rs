//! What tests wait with.

use nestling::net::{ByteStream, Error};
use nestling::testing::{
    CancelEverywhere, Disturbance, Held, Proceed, Sequencer, assert_checkpoints, check_half_close,
    check_stream, each_step, memory_stream_pair, memory_stream_pair_with_capacity,
    wait_all_tasks_blocked,
};
use nestling::{open_nursery, sleep};

use crate::TICK;
use crate::support::{LeakCheck, everywhere};

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

#[test]
fn streams_and_their_checks() {
    everywhere(async || {
        let (one, other) = memory_stream_pair_with_capacity(4);
        open_nursery(async |nursery| {
            nursery.start_soon(async move {
                let _held = Held::new();
                one.write_all(b"more than there is room for").await?;
                one.send_eof().await
            });
            let mut buffer = [0; 8];
            while other.read(&mut buffer).await? > 0 {
                sleep(TICK).await;
            }
            Ok::<_, Error>(())
        })
        .await
    });
}

/// The checks make streams by the hundred, so only a few steps of them are tried.
#[test]
fn a_check_that_is_cut_off_leaves_nothing() {
    let _leaks = LeakCheck::begin();
    let steps = [0, 1, 2, 5, 20, 100, 500];
    CancelEverywhere::new()
        .only(steps.map(Disturbance::Cancel))
        .run(async || check_stream(async || memory_stream_pair()).await);
    CancelEverywhere::new()
        .only(steps.map(Disturbance::Drop))
        .run(async || check_half_close(async || memory_stream_pair()).await);
}
