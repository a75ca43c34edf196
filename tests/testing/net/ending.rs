//! The ways in which connections end.

use super::*;

use std::io::ErrorKind;

#[test]
fn a_half_close_ends_one_direction() {
    run_virtual(async {
        let Pair { one, other, .. } = pair().await;
        one.write_all(b"question").await.unwrap();
        one.send_eof().await.unwrap();
        one.send_eof().await.unwrap();
        assert!(one.write(b"more").await.unwrap_err().is_closed());
        assert!(one.write_all(b"").await.unwrap_err().is_closed());
        assert_eq!(read_to_end(&other).await.unwrap(), b"question");
        assert_eq!(other.read(&mut [0; 8]).await.unwrap(), 0, "and so on");
        other.write_all(b"answer").await.unwrap();
        drop(other);
        assert_eq!(read_to_end(&one).await.unwrap(), b"answer");
    });
}

#[test]
fn what_was_written_before_the_drop_arrives() {
    run_virtual(async {
        let tight = Link::new().send_buffer(10_000).receive_buffer(100);
        let Pair {
            net, one, other, ..
        } = pair_with(tight).await;
        let data = echo_bytes(1, 10_000);
        one.write_all(&data).await.unwrap();
        drop(one);
        assert_eq!(read_to_end(&other).await.unwrap(), data);
        drop(other);
        sleep(SECOND).await;
        assert_eq!(net.statistics().remembered, 0);
    });
}

#[test]
fn a_drop_with_bytes_unread_is_a_reset() {
    run_virtual(async {
        let Pair {
            net, one, other, ..
        } = pair().await;
        one.write_all(b"abc").await.unwrap();
        other.write_all(b"xyz").await.unwrap();
        sleep(SECOND).await;
        drop(other);
        sleep(SECOND).await;
        let mut buffer = [0; 8];
        assert_eq!(
            one.read(&mut buffer).await.unwrap(),
            3,
            "it had come in before"
        );
        for _ in 0..2 {
            assert_broken(one.read(&mut buffer).await, ErrorKind::ConnectionReset);
            assert_broken(one.write(b"abc").await, ErrorKind::ConnectionReset);
            assert_broken(one.send_eof().await, ErrorKind::ConnectionReset);
        }
        drop(one);
        assert_eq!(net.statistics().remembered, 0);
    });
}

#[test]
fn who_writes_to_one_that_has_left_is_told_and_still_reads_the_end() {
    run_virtual(async {
        let Pair { one, other, .. } = pair().await;
        other.write_all(b"bye").await.unwrap();
        drop(other);
        assert_eq!(read_to_end(&one).await.unwrap(), b"bye");
        one.write_all(b"and one more thing").await.unwrap();
        sleep(SECOND).await;
        assert_broken(one.write(b"abc").await, ErrorKind::BrokenPipe);
        assert_eq!(one.read(&mut [0; 8]).await.unwrap(), 0);
    });
}

#[test]
fn a_reset_wakes_the_reader_and_the_writer() {
    for by_the_network in [false, true] {
        run_virtual(async {
            let Pair {
                net, one, other, ..
            } = pair().await;
            open_nursery(async |nursery| {
                nursery.start_soon(async {
                    assert_broken(one.read(&mut [0; 8]).await, ErrorKind::ConnectionReset);
                });
                nursery.start_soon(async {
                    let written = one.write_all(&vec![0; 1 << 20]).await;
                    assert_broken(written, ErrorKind::ConnectionReset);
                });
                sleep(SECOND).await;
                assert_eq!(net.connections().len(), 1);
                match by_the_network {
                    true => net.connections()[0].reset(),
                    false => other.reset(),
                }
                ok(())
            })
            .await
            .unwrap();
            assert_eq!(net.connections().len(), 0);
            assert_broken(other.write(b"abc").await, ErrorKind::ConnectionReset);
        });
    }
}

#[test]
fn a_reset_by_hand_wakes_this_sides_own_tasks() {
    run_virtual(async {
        let Pair { one, other, .. } = pair().await;
        open_nursery(async |nursery| {
            nursery.start_soon(async {
                assert_broken(one.read(&mut [0; 8]).await, ErrorKind::ConnectionReset);
            });
            settle().await;
            one.reset();
            one.reset();
            ok(())
        })
        .await
        .unwrap();
        assert_broken(other.read(&mut [0; 8]).await, ErrorKind::ConnectionReset);
    });
}

#[test]
fn a_slow_close_is_one_that_arrives_late() {
    run_virtual(async {
        let Pair { one, other, .. } = pair_with(Link::new().slow_close(30 * SECOND)).await;
        other.write_all(b"bye").await.unwrap();
        drop(other);
        one.read_exact(&mut [0; 3]).await.unwrap();
        let (end, time) = timed(one.read(&mut [0; 8])).await;
        assert_eq!(end.unwrap(), 0);
        assert_eq!(time, 30 * SECOND);
    });
}

#[test]
fn a_frame_that_is_cut_short_is_told() {
    run_virtual(async {
        let Pair { one, other, .. } = pair().await;
        other.write_all(b"abc").await.unwrap();
        drop(other);
        let error = one.read_exact(&mut [0; 4]).await.unwrap_err();
        assert!(error.is_unexpected_end());
        assert_eq!(
            error.to_string(),
            "read from 10.0.0.2:80: the stream ended after 3 of 4 bytes"
        );
    });
}

#[test]
fn both_ends_may_part_at_the_same_time() {
    run_virtual(async {
        let Pair {
            net, one, other, ..
        } = pair().await;
        drop((one, other));
        sleep(SECOND).await;
        assert_eq!(net.statistics().remembered, 0);
        assert_eq!(net.statistics().resets, 0);
    });
}

#[test]
fn misuse_is_told_as_by_sockets() {
    run_virtual(async {
        let Pair { one, .. } = pair().await;
        assert_eq!(
            one.read(&mut []).await.unwrap_err().kind(),
            ErrorKind::InvalidInput
        );
        one.read_exact(&mut []).await.unwrap();
        assert_eq!(one.write(b"").await.unwrap(), 0);
        open_nursery(async |nursery| {
            nursery.start_soon(async { one.read(&mut [0; 8]).await.map(drop) });
            nursery.start_soon(async { one.write_all(&vec![0; 1 << 20]).await });
            settle().await;
            assert!(one.read(&mut [0; 8]).await.unwrap_err().is_busy());
            assert!(one.read_exact(&mut [0; 8]).await.unwrap_err().is_busy());
            assert!(one.write(b"abc").await.unwrap_err().is_busy());
            assert!(one.write_all(b"abc").await.unwrap_err().is_busy());
            assert!(one.send_eof().await.unwrap_err().is_busy());
            nursery.cancel();
            ok(())
        })
        .await
        .unwrap();
    });
}
