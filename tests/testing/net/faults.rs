//! Faults made by hand.

use super::*;

use std::io::ErrorKind;

#[test]
fn a_partition_holds_bytes_up_and_healing_delivers_them() {
    run_virtual(async {
        let Pair {
            net,
            client,
            server,
            one,
            other,
            ..
        } = pair().await;
        one.write_all(b"on its way").await.unwrap();
        net.partition(&client, &server);
        one.write_all(b" and after").await.unwrap();
        one.send_eof().await.unwrap();
        assert!(
            move_on_after(60 * SECOND, other.read(&mut [0; 8]))
                .await
                .is_none()
        );
        net.heal(&client, &server);
        assert_eq!(read_to_end(&other).await.unwrap(), b"on its way and after");
    });
}

#[test]
fn a_partition_concerns_its_two_hosts_only() {
    run_virtual(async {
        let Pair {
            net,
            client,
            server,
            ..
        } = &pair().await;
        net.partition(client, server);
        net.host("third").connect("server:80").await.unwrap();
        server.connect("server:80").await.unwrap();
    });
}

#[test]
fn a_partition_in_one_direction_leaves_the_other() {
    run_virtual(async {
        let Pair {
            net,
            client,
            server,
            one,
            other,
            ..
        } = pair().await;
        net.partition_one_way(&client, &server);
        other.write_all(b"abc").await.unwrap();
        one.read_exact(&mut [0; 3]).await.unwrap();
        one.write_all(b"abc").await.unwrap();
        assert!(
            move_on_after(60 * SECOND, other.read(&mut [0; 8]))
                .await
                .is_none()
        );
        net.heal(&client, &server);
        other.read_exact(&mut [0; 3]).await.unwrap();
    });
}

#[test]
fn a_sender_gives_up_at_last_and_a_reader_never_does() {
    run_virtual(async {
        let Pair {
            net,
            client,
            server,
            one,
            other,
            ..
        } = pair().await;
        net.partition(&client, &server);
        one.write_all(b"abc").await.unwrap();
        let (read, time) = timed(one.read(&mut [0; 8])).await;
        assert_broken(read, ErrorKind::TimedOut);
        assert_eq!(time, 924_601 * MILLI);
        assert!(
            hangs(other.read(&mut [0; 8])).await,
            "only a deadline helps"
        );
        net.heal(&client, &server);
        other.write_all(b"abc").await.unwrap();
        assert_broken(other.read(&mut [0; 8]).await, ErrorKind::ConnectionReset);
    });
}

#[test]
fn patience_can_be_set() {
    run_virtual(async {
        let short = VirtualNet::builder(1).give_up_after(10 * SECOND);
        let Pair { server, one, .. } = pair_in(short).await;
        server.unplug();
        one.write_all(b"abc").await.unwrap();
        assert_broken(one.read(&mut [0; 8]).await, ErrorKind::TimedOut);

        let endless = VirtualNet::builder(1).give_up_after(None);
        let Pair { server, one, .. } = pair_in(endless).await;
        server.unplug();
        one.write_all(b"abc").await.unwrap();
        assert!(hangs(one.read(&mut [0; 8])).await);
        server.plug_in();
    });
}

#[test]
fn a_new_partition_is_given_new_patience() {
    run_virtual(async {
        let Pair {
            net,
            client,
            server,
            one,
            other,
            ..
        } = pair().await;
        for _ in 0..3 {
            net.partition(&client, &server);
            one.write_all(b"abc").await.unwrap();
            sleep(900 * SECOND).await;
            net.heal(&client, &server);
            other.read_exact(&mut [0; 3]).await.unwrap();
        }
    });
}

#[test]
fn an_unplugged_host_hears_nothing_but_itself() {
    run_virtual(async {
        let Pair {
            net,
            server,
            one,
            other,
            ..
        } = &pair().await;
        server.unplug();
        assert!(!server.statistics().is_plugged_in);
        server.connect("localhost:80").await.unwrap();
        other.write_all(b"abc").await.unwrap();
        one.write_all(b"abc").await.unwrap();
        assert!(move_on_after(SECOND, one.read(&mut [0; 8])).await.is_none());
        assert!(
            move_on_after(SECOND, other.read(&mut [0; 8]))
                .await
                .is_none()
        );
        net.heal_all();
        one.read_exact(&mut [0; 3]).await.unwrap();
        other.read_exact(&mut [0; 3]).await.unwrap();
    });
}

#[test]
fn a_crash_leaves_the_other_side_half_open() {
    run_virtual(async {
        let Pair {
            server,
            one,
            other,
            listener,
            ..
        } = pair().await;
        open_nursery(async |nursery| {
            nursery.start_soon(async {
                assert_broken(other.read(&mut [0; 8]).await, ErrorKind::NetworkDown);
            });
            nursery.start_soon(async {
                assert_broken(listener.accept().await, ErrorKind::NetworkDown);
            });
            settle().await;
            server.crash();
            server.crash();
            ok(())
        })
        .await
        .unwrap();
        assert!(hangs(one.read(&mut [0; 8])).await, "only a deadline helps");
        assert_broken(other.write(b"abc").await, ErrorKind::NetworkDown);
        assert_broken(listener.accept().await, ErrorKind::NetworkDown);
        assert_broken(server.bind("0.0.0.0:81").await, ErrorKind::NetworkDown);
        assert_broken(server.connect("client:81").await, ErrorKind::NetworkDown);
    });
}

#[test]
fn a_host_that_is_up_again_knows_nothing_of_before() {
    run_virtual(async {
        let Pair {
            net,
            client,
            server,
            one,
            other,
            listener,
        } = pair().await;
        server.crash();
        one.write_all(b"anybody?").await.unwrap();
        sleep(60 * SECOND).await;
        server.restart();
        assert_broken(one.read(&mut [0; 8]).await, ErrorKind::ConnectionReset);
        assert!(
            client
                .connect("server:80")
                .await
                .unwrap_err()
                .is_connection_refused()
        );
        let again = server.bind("0.0.0.0:80").await.unwrap();
        drop(listener);
        client.connect("server:80").await.unwrap();
        again.accept().await.unwrap();
        assert_broken(other.read(&mut [0; 8]).await, ErrorKind::NetworkDown);
        drop((one, other));
        sleep(SECOND).await;
        assert_eq!(net.statistics().connections, 0);
    });
}

#[test]
fn a_crash_of_one_that_calls_ends_the_call() {
    run_virtual(async {
        let net = VirtualNet::new(1);
        let (client, server) = (net.host("client"), net.host("server"));
        let listener = server.bind("0.0.0.0:80").await.unwrap();
        server.unplug();
        open_nursery(async |nursery| {
            nursery.start_soon(async {
                assert_broken(client.connect("server:80").await, ErrorKind::NetworkDown);
            });
            sleep(SECOND).await;
            client.crash();
            ok(())
        })
        .await
        .unwrap();
        server.plug_in();
        assert!(hangs(listener.accept()).await);
        assert_eq!(net.statistics().remembered, 0);
    });
}

#[test]
fn a_crash_of_the_caller_half_way_frees_its_place_in_the_backlog() {
    run_virtual(async {
        let net = VirtualNet::builder(1).backlog(1).build();
        let (client, server) = (net.host("client"), net.host("server"));
        let listener = server.bind("0.0.0.0:80").await.unwrap();
        // The SYN takes a millisecond, and the answer another one.
        let call = client.connect("server:80");
        open_nursery(async |nursery| {
            nursery.start_soon(async { call.await.map(drop) });
            sleep(MILLI + MILLI / 2).await;
            client.crash();
            Ok::<_, BoxError>(())
        })
        .await
        .unwrap_err();
        sleep(1000 * SECOND).await;
        net.host("third").connect("server:80").await.unwrap();
        listener.accept().await.unwrap();
    });
}

#[test]
fn all_connections_of_a_host_can_be_reset() {
    run_virtual(async {
        let Pair {
            net,
            client,
            server,
            one,
            other,
            listener,
        } = pair().await;
        let third = net.host("third");
        let apart = third.connect("server:80").await.unwrap();
        let _accepted = listener.accept().await.unwrap();
        let [first, _] = &net.connections()[..] else {
            panic!("there are two");
        };
        assert_eq!(first.client_addr(), one.local_addr());
        assert_eq!(first.server_addr(), one.peer_addr());
        assert_eq!(
            (first.client_host(), first.server_host()),
            ("client", "server")
        );
        assert_eq!(client.reset_connections(), 1);
        assert_broken(one.read(&mut [0; 8]).await, ErrorKind::ConnectionReset);
        assert_broken(other.read(&mut [0; 8]).await, ErrorKind::ConnectionReset);
        apart.write_all(b"abc").await.unwrap();
        assert_eq!(server.reset_connections(), 1);
        assert_eq!(net.reset_all(), 0);
    });
}

#[test]
fn a_plan_strikes_for_as_long_as_it_says_and_leaves_everything_whole() {
    for seed in 0..times(20, 2) as u64 {
        run_virtual(async {
            let Pair {
                net,
                client,
                server,
                one,
                ..
            } = &pair_in(VirtualNet::builder(seed).trace_lines(usize::MAX)).await;
            let often = SECOND..=3 * SECOND;
            net.inject(
                Faults::during(60 * SECOND)
                    .partitions(often.clone(), SECOND..=100 * SECOND)
                    .unplugs(often.clone(), SECOND..=100 * SECOND)
                    .refusals(often.clone(), SECOND..=100 * SECOND)
                    .resets(often),
            );
            sleep(60 * SECOND).await;
            let end = net.trace().len();
            for what in [
                "is cut",
                "is unplugged",
                "refuses connections",
                "reset by the network",
            ] {
                assert!(
                    net.trace().iter().any(|line| line.ends_with(what)),
                    "{what}"
                );
            }
            assert!(one.write(b"abc").await.unwrap_err().is_broken());
            client.connect("server:80").await.unwrap();
            server.connect("server:80").await.unwrap();
            sleep(1000 * SECOND).await;
            let later = &net.trace()[end..];
            assert!(
                later.iter().all(|line| !line.contains(" is ")),
                "{later:#?}"
            );
        });
    }
}

#[test]
fn a_plan_without_pauses_is_one_with_short_ones() {
    run_virtual(async {
        let Pair { net, .. } = pair().await;
        net.inject(Faults::during(SECOND).resets(Duration::ZERO));
        net.inject(Faults::during(SECOND));
        net.inject(Faults::during(Duration::ZERO).resets(Duration::ZERO));
        sleep(2 * SECOND).await;
    });
}

#[test]
fn what_a_crashed_host_had_not_got_through_is_gone() {
    run_virtual(async {
        let Pair {
            net,
            client,
            server,
            one,
            other,
            ..
        } = &pair().await;
        net.partition(client, server);
        one.write_all(b"abc").await.unwrap();
        sleep(SECOND).await;
        client.crash();
        net.heal(client, server);
        assert!(hangs(other.read(&mut [0; 8])).await);
        assert_eq!(net.statistics().bytes_in_transit, 0);
    });
}

#[test]
fn what_a_host_had_sent_before_it_crashed_arrives() {
    run_virtual(async {
        let Pair {
            client, one, other, ..
        } = &pair().await;
        one.write_all(b"abc").await.unwrap();
        client.crash();
        other.read_exact(&mut [0; 3]).await.unwrap();
        assert!(hangs(other.read(&mut [0; 8])).await);
    });
}

#[test]
fn bytes_behind_something_that_does_not_matter_are_given_up_too() {
    run_virtual(async {
        let tight = Link::new().receive_buffer(4);
        let Pair {
            net,
            client,
            server,
            one,
            other,
            ..
        } = &pair_with(tight).await;
        other.write_all(b"abcd").await.unwrap();
        sleep(SECOND).await;
        net.partition(client, server);
        // The news that there is room again is held up, and nobody minds.
        one.read_exact(&mut [0; 4]).await.unwrap();
        assert!(hangs(one.read(&mut [0; 8])).await);
        one.write_all(b"abc").await.unwrap();
        let (read, time) = timed(one.read(&mut [0; 8])).await;
        assert_broken(read, ErrorKind::TimedOut);
        assert_eq!(time, 924_601 * MILLI);
    });
}

#[test]
fn a_caller_that_went_away_unheard_does_not_keep_its_place_for_ever() {
    run_virtual(async {
        let net = VirtualNet::builder(1).backlog(1).build();
        let (client, server) = (net.host("client"), net.host("server"));
        let listener = server.bind("0.0.0.0:80").await.unwrap();
        let half_way = MILLI + MILLI / 2;
        let call = move_on_after(half_way, client.connect("server:80"));
        assert!(call.await.is_none());
        net.partition(&client, &server);
        sleep(1000 * SECOND).await;
        net.host("third").connect("server:80").await.unwrap();
        let (_, peer) = listener.accept().await.unwrap();
        assert_eq!(peer.ip(), net.host("third").ip());
        sleep(SECOND).await;
        assert_eq!(net.statistics().remembered, 0);
    });
}
