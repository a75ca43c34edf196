//! How connections are made, and how that fails.

use super::*;

use std::io::ErrorKind;

#[test]
fn a_connection_takes_a_round_trip() {
    run_virtual(async {
        let net = VirtualNet::builder(1)
            .link(Link::new().latency(30 * MILLI))
            .build();
        let listener = net.host("server").bind("0.0.0.0:80").await.unwrap();
        let (stream, time) = timed(net.host("client").connect("server:80")).await;
        assert_eq!(time, 60 * MILLI);
        let (accepted, time) = timed(listener.accept()).await;
        assert_eq!(
            time,
            30 * MILLI,
            "until the server knows that the client knows"
        );
        drop((stream, accepted));
    });
}

#[test]
fn a_closed_port_refuses_after_a_round_trip() {
    run_virtual(async {
        let net = VirtualNet::builder(1)
            .link(Link::new().latency(30 * MILLI))
            .build();
        net.host("server");
        let (result, time) = timed(net.host("client").connect("server:80")).await;
        let error = result.unwrap_err();
        assert!(error.is_connection_refused(), "{error}");
        assert_eq!(time, 60 * MILLI);
        assert_eq!(net.statistics().remembered, 0);
    });
}

#[test]
fn a_host_may_refuse_for_a_while() {
    run_virtual(async {
        let Pair {
            client,
            server,
            one,
            other,
            ..
        } = &pair().await;
        server.refuse_connections(true);
        assert!(
            client
                .connect("server:80")
                .await
                .unwrap_err()
                .is_connection_refused()
        );
        one.write_all(b"abc").await.unwrap();
        other.read_exact(&mut [0; 3]).await.unwrap();
        server.refuse_connections(false);
        client.connect("server:80").await.unwrap();
    });
}

#[test]
fn a_host_connects_to_itself_and_to_another_port_of_itself() {
    run_virtual(async {
        let net = VirtualNet::new(1);
        let host = net.host("host");
        let listener = host.bind("0.0.0.0:80").await.unwrap();
        let one = host.connect("host:80").await.unwrap();
        let (other, _) = listener.accept().await.unwrap();
        one.write_all(b"abc").await.unwrap();
        drop(one);
        assert_eq!(read_to_end(&other).await.unwrap(), b"abc");
        let next_port = other.peer_addr().port() + 1;
        let error = host.connect(("127.0.0.1", next_port)).await.unwrap_err();
        assert!(error.is_connection_refused(), "it would have called itself");
    });
}

#[test]
fn a_call_into_a_partition_is_repeated_and_gets_through_when_it_has_healed() {
    run_virtual(async {
        let Pair {
            net,
            client,
            server,
            ..
        } = &pair().await;
        net.partition(client, server);
        let start = current_time();
        open_nursery(async |nursery| {
            nursery.start_soon(async {
                client.connect("server:80").await.unwrap();
                // Called at 0, 1, 3 and 7 seconds.
                assert_eq!(current_time() - start, 7 * SECOND + 2 * MILLI);
            });
            sleep(5 * SECOND).await;
            net.heal(client, server);
            ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_call_that_nobody_answers_times_out() {
    run_virtual(async {
        let Pair {
            net,
            client,
            server,
            ..
        } = &pair().await;
        server.unplug();
        let (result, time) = timed(client.connect("server:80")).await;
        assert_broken(result, ErrorKind::TimedOut);
        assert_eq!(time, 127 * SECOND);

        let short = VirtualNet::builder(1).connect_timeout(2 * SECOND).build();
        short.host("server").crash();
        let (result, time) = timed(short.host("client").connect("server:80")).await;
        assert_broken(result, ErrorKind::TimedOut);
        assert_eq!(time, 2 * SECOND);
        assert_eq!(short.statistics().remembered, 0);
        assert_eq!(net.statistics().connections, 1);
    });
}

#[test]
fn an_answer_that_cannot_come_back_is_waited_for() {
    run_virtual(async {
        let Pair {
            net,
            client,
            server,
            listener,
            ..
        } = pair().await;
        net.partition_one_way(&server, &client);
        let start = current_time();
        open_nursery(async |nursery| {
            nursery.start_soon(async {
                client.connect("server:80").await.unwrap();
                assert_eq!(current_time() - start, 5 * SECOND + MILLI);
            });
            sleep(4 * SECOND).await;
            assert!(waits(listener.accept()).await, "it is not complete");
            sleep(SECOND).await;
            net.heal(&server, &client);
            ok(())
        })
        .await
        .unwrap();
        listener.accept().await.unwrap();
    });
}

#[test]
fn a_full_backlog_lets_callers_wait() {
    run_virtual(async {
        let net = VirtualNet::builder(1).backlog(2).build();
        let (client, server) = (net.host("client"), net.host("server"));
        let listener = server.bind("0.0.0.0:80").await.unwrap();
        let _one = client.connect("server:80").await.unwrap();
        let _two = client.connect("server:80").await.unwrap();
        sleep(SECOND).await;
        assert_eq!(server.statistics().backlog, 2);
        let start = current_time();
        open_nursery(async |nursery| {
            nursery.start_soon(async {
                client.connect("server:80").await.unwrap();
                assert_eq!(current_time() - start, 3 * SECOND + 2 * MILLI);
            });
            sleep(2 * SECOND).await;
            listener.accept().await.unwrap();
            ok(())
        })
        .await
        .unwrap();
        assert!(
            net.trace()
                .iter()
                .any(|line| line.contains("backlog is full"))
        );
    });
}

#[test]
fn a_caller_that_gives_up_leaves_nothing_behind() {
    // After so many milliseconds of a handshake of three steps of 10 ms each.
    for millis in [0, 5, 15, 20, 25] {
        run_virtual(async {
            let net = VirtualNet::builder(1)
                .link(Link::new().latency(10 * MILLI))
                .build();
            let (client, server) = (net.host("client"), net.host("server"));
            let listener = server.bind("0.0.0.0:80").await.unwrap();
            let gave_up = move_on_after(millis * MILLI, client.connect("server:80")).await;
            assert!(gave_up.is_none() || millis >= 20);
            drop(gave_up);
            let accepted = move_on_after(SECOND, listener.accept()).await;
            assert_eq!(accepted.is_some(), millis >= 20);
            drop(accepted);
            sleep(SECOND).await;
            assert_eq!(
                net.statistics().remembered,
                0,
                "{millis}: {:#?}",
                net.trace()
            );
        });
    }
}

#[test]
fn accepting_can_be_cut_off_without_losing_a_connection() {
    run_virtual(async {
        let Pair {
            client, listener, ..
        } = pair().await;
        assert!(hangs(listener.accept()).await);
        let stream = client.connect("server:80").await.unwrap();
        sleep(SECOND).await;
        let (_, peer) = listener.accept().await.unwrap();
        assert_eq!(peer, stream.local_addr());
    });
}

#[test]
fn a_second_acceptor_is_told_that_there_is_one() {
    run_virtual(async {
        let Pair { listener, .. } = pair().await;
        open_nursery(async |nursery| {
            nursery.start_soon(async { listener.accept().await.map(drop) });
            settle().await;
            assert!(listener.accept().await.unwrap_err().is_busy());
            nursery.cancel();
            ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn closing_a_listener_resets_who_waits_to_be_accepted() {
    run_virtual(async {
        let Pair {
            client,
            listener,
            one,
            other,
            ..
        } = pair().await;
        let waits = client.connect("server:80").await.unwrap();
        sleep(SECOND).await;
        drop(listener);
        assert_broken(waits.read(&mut [0; 8]).await, ErrorKind::ConnectionReset);
        assert!(
            client
                .connect("server:80")
                .await
                .unwrap_err()
                .is_connection_refused()
        );
        one.write_all(b"abc").await.unwrap();
        other.read_exact(&mut [0; 3]).await.unwrap();
    });
}

#[test]
fn a_connection_that_was_reset_before_it_was_accepted_tells_at_the_first_read() {
    run_virtual(async {
        let Pair {
            client, listener, ..
        } = pair().await;
        let stream = client.connect("server:80").await.unwrap();
        stream.write_all(b"abc").await.unwrap();
        sleep(SECOND).await;
        stream.reset();
        sleep(SECOND).await;
        let (other, _) = listener.accept().await.unwrap();
        other.read_exact(&mut [0; 3]).await.unwrap();
        assert_broken(other.read(&mut [0; 8]).await, ErrorKind::ConnectionReset);
    });
}
