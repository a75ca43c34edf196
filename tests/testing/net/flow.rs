//! Bytes on their way: order, delay, pieces and back-pressure.

use super::*;

use std::cell::Cell;

#[test]
fn bytes_take_the_latency_of_their_link() {
    run_virtual(async {
        let Pair { one, other, .. } = pair_with(Link::new().latency(40 * MILLI)).await;
        one.write_all(b"abc").await.unwrap();
        let (read, time) = timed(other.read(&mut [0; 8])).await;
        assert_eq!(read.unwrap(), 3);
        assert_eq!(time, 40 * MILLI);
    });
}

#[test]
fn a_link_belongs_to_its_two_hosts() {
    run_virtual(async {
        let Pair {
            net,
            client,
            server,
            one,
            other,
            ..
        } = pair().await;
        net.link(&server, &client, Link::new().latency(SECOND));
        one.write_all(b"abc").await.unwrap();
        assert_eq!(timed(other.read(&mut [0; 8])).await.1, SECOND);
        other.write_all(b"abc").await.unwrap();
        assert_eq!(timed(one.read(&mut [0; 8])).await.1, SECOND);
        let third = net.host("third");
        assert_eq!(timed(third.connect("server:80")).await.1, 2 * MILLI);
    });
}

#[test]
fn a_host_reaches_itself_at_once() {
    run_virtual(async {
        let net = VirtualNet::new(1);
        let host = net.host("host");
        let listener = host.bind("127.0.0.1:80").await.unwrap();
        let start = current_time();
        let one = host.connect("127.0.0.1:80").await.unwrap();
        let (other, _) = listener.accept().await.unwrap();
        one.write_all(b"abc").await.unwrap();
        assert_eq!(other.read(&mut [0; 8]).await.unwrap(), 3);
        assert_eq!(current_time(), start);
    });
}

#[test]
fn bytes_that_take_different_times_stay_in_order() {
    for seed in 0..times(50, 2) as u64 {
        run_virtual(async {
            let jumpy = Link::new()
                .latency(Duration::ZERO..=SECOND)
                .pieces(1..=100)
                .loss(0.1);
            let Pair { one, other, .. } = pair_in(VirtualNet::builder(seed).link(jumpy)).await;
            let data = echo_bytes(seed, times(5_000, 300));
            open_nursery(async |nursery| {
                nursery.start_soon(async {
                    one.write_all(&data).await?;
                    one.send_eof().await
                });
                assert_eq!(read_to_end(&other).await?, data);
                Ok::<_, BoxError>(())
            })
            .await
            .unwrap();
        });
    }
}

#[test]
fn pieces_limit_reads_writes_and_packets() {
    run_virtual(async {
        let Pair {
            net, one, other, ..
        } = pair_with(Link::new().pieces(2..=3)).await;
        let packets = net.statistics().packets;
        let mut written = Vec::new();
        while written.iter().sum::<usize>() < 300 {
            written.push(one.write(&[7; 100]).await.unwrap());
        }
        assert!(
            written.iter().all(|count| (2..=3).contains(count)),
            "{written:?}"
        );
        assert!(written.contains(&2) && written.contains(&3));
        sleep(SECOND).await;
        assert!(net.statistics().packets - packets >= 100);
        let count = other.read(&mut [0; 100]).await.unwrap();
        assert!((2..=3).contains(&count), "{count}");
        assert_eq!(other.read(&mut [0; 1]).await.unwrap(), 1);
    });
}

#[test]
fn a_link_of_no_size_at_all_still_works() {
    run_virtual(async {
        let nothing = Link::new()
            .pieces(0..=0)
            .send_buffer(0)
            .receive_buffer(0)
            .bytes_per_second(0);
        let Pair { one, other, .. } = pair_with(nothing).await;
        open_nursery(async |nursery| {
            nursery.start_soon(async { one.write_all(b"abc").await });
            let mut three = [0; 3];
            other.read_exact(&mut three).await?;
            assert_eq!(&three, b"abc");
            Ok::<_, BoxError>(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn bandwidth_is_shared_by_the_connections_of_a_link() {
    run_virtual(async {
        let narrow = Link::new().bytes_per_second(1000).latency(Duration::ZERO);
        let Pair {
            client,
            listener,
            one,
            other,
            ..
        } = pair_with(narrow).await;
        let two = client.connect("server:80").await.unwrap();
        let (second, _) = listener.accept().await.unwrap();
        let start = current_time();
        one.write_all(&[1; 5000]).await.unwrap();
        two.write_all(&[2; 5000]).await.unwrap();
        // The other direction is free.
        other.write_all(b"abc").await.unwrap();
        one.read_exact(&mut [0; 3]).await.unwrap();
        assert!(current_time() - start < 10 * MILLI);
        other.read_exact(&mut [0; 5000]).await.unwrap();
        second.read_exact(&mut [0; 5000]).await.unwrap();
        assert_eq!(current_time() - start, 10 * SECOND);
    });
}

#[test]
fn a_narrow_link_delivers_bit_by_bit() {
    run_virtual(async {
        let narrow = Link::new().bytes_per_second(1000).latency(Duration::ZERO);
        let Pair { one, other, .. } = pair_with(narrow).await;
        one.write_all(&[1; 5000]).await.unwrap();
        sleep(SECOND).await;
        let unread = other.statistics().unread;
        assert!((980..=1000).contains(&unread), "{unread}");
    });
}

#[test]
fn a_slow_reader_holds_up_its_writer_and_memory_is_bounded() {
    run_virtual(async {
        let tight = Link::new().send_buffer(4096).receive_buffer(2048);
        let Pair {
            net, one, other, ..
        } = pair_with(tight).await;
        let written = Cell::new(0);
        let data = echo_bytes(1, 64 * 1024);
        let start = current_time();
        open_nursery(async |nursery| {
            nursery.start_soon(async {
                while written.get() < data.len() {
                    written.set(written.get() + one.write(&data[written.get()..]).await?);
                }
                Ok::<_, Error>(())
            });
            for (second, expected) in data.chunks(1024).enumerate() {
                sleep(SECOND).await;
                let ahead = written.get() - second * 1024;
                assert!(ahead <= 4096 + 2048, "{ahead} at {second}");
                assert_eq!(net.statistics().bytes_in_transit, ahead);
                let mut got = [0; 1024];
                other.read_exact(&mut got).await?;
                assert_eq!(got, expected);
            }
            Ok::<_, BoxError>(())
        })
        .await
        .unwrap();
        let time = current_time() - start;
        assert!((64 * SECOND..65 * SECOND).contains(&time), "{time:?}");
    });
}

#[test]
fn two_that_write_more_than_fits_and_do_not_read_are_stuck() {
    run_virtual(async {
        let Pair { one, other, .. } = pair().await;
        let large = vec![0; 1 << 20];
        let start = current_time();
        let both = open_nursery(async |nursery| {
            nursery.start_soon(async { one.write_all(&large).await });
            nursery.start_soon(async { other.write_all(&large).await });
        });
        let _cut_off = move_on_after(3600 * SECOND, both).await;
        assert_eq!(current_time() - start, 3600 * SECOND);
        assert_eq!(one.statistics().bytes_written, 128 * 1024);
    });
}

#[test]
fn losses_are_delays() {
    run_virtual(async {
        let Pair { one, other, .. } = pair_with(Link::new().loss(1.0)).await;
        one.write_all(b"abc").await.unwrap();
        let (read, time) = timed(other.read(&mut [0; 8])).await;
        assert_eq!(read.unwrap(), 3);
        // 200 ms, and five times twice as long.
        assert_eq!(time, 12_601 * MILLI);
    });
}

#[test]
fn operations_that_are_cut_off_or_dropped_move_no_byte() {
    run_virtual(async {
        let tight = Link::new()
            .send_buffer(4)
            .receive_buffer(4)
            .latency(Duration::ZERO);
        let Pair { one, other, .. } = pair_with(tight).await;
        assert!(hangs(other.read(&mut [0; 8])).await);
        assert!(waits(other.read(&mut [0; 8])).await);
        one.write_all(b"12345678").await.unwrap();
        assert!(hangs(one.write(b"x")).await);
        assert!(waits(one.write(b"x")).await);
        one.send_eof().await.unwrap();
        assert_eq!(read_to_end(&other).await.unwrap(), b"12345678");

        let Pair { one, other, .. } = pair().await;
        other.write_all(b"abc").await.unwrap();
        sleep(SECOND).await;
        open_nursery(async |nursery| {
            nursery.cancel();
            let _read = one.read(&mut [0; 8]).await;
            unreachable!("the context is cancelled");
        })
        .await
        .unwrap_err();
        assert_eq!(one.statistics().unread, 3);
    });
}

#[test]
fn a_busy_echo_does_not_starve_others() {
    run_virtual(async {
        let net = VirtualNet::new(1);
        let host = net.host("host");
        let listener = host.bind("127.0.0.1:80").await.unwrap();
        let one = host.connect("127.0.0.1:80").await.unwrap();
        let (other, _) = listener.accept().await.unwrap();
        let turns = Cell::new(0);
        open_nursery(async |nursery| {
            nursery.start_soon(async {
                loop {
                    one.write(b"x").await?;
                    other.read(&mut [0; 8]).await?;
                    turns.set(turns.get() + 1);
                }
                #[expect(unreachable_code, reason = "it names the type of the error")]
                Ok::<_, Error>(())
            });
            settle().await;
            assert!(turns.get() > 0);
            nursery.cancel();
            ok(())
        })
        .await
        .unwrap();
    });
}
