//! The same seed gives the same, another one something else.

use super::*;

use std::collections::BTreeSet;

/// A conversation with a bit of everything; what was seen of it.
fn conversation(seed: u64) -> Vec<String> {
    run_virtual(async {
        let link = Link::new()
            .latency(MILLI..=50 * MILLI)
            .pieces(1..=40)
            .loss(0.05)
            .bytes_per_second(10_000);
        let builder = VirtualNet::builder(seed).link(link).trace_lines(usize::MAX);
        let net = builder.build();
        net.inject(Faults::during(SECOND).partitions(100 * MILLI..=SECOND, 50 * MILLI));
        let listener = net.host("server").bind("0.0.0.0:80").await.unwrap();
        let client = net.host("client");
        open_nursery(async |nursery| {
            nursery.start_soon(async {
                let (stream, _) = listener.accept().await?;
                let question = read_to_end(&stream).await?;
                stream.write_all(&question).await
            });
            let stream = client.connect("server:80").await?;
            stream.write_all(&[7; 200]).await?;
            stream.send_eof().await?;
            assert_eq!(read_to_end(&stream).await?, [7; 200]);
            Ok::<_, BoxError>(())
        })
        .await
        .unwrap();
        net.trace()
    })
}

#[test]
fn a_thousand_of_a_thousand_runs_with_the_same_seed_are_the_same() {
    let first = conversation(7);
    assert!(first.len() > 20, "{first:#?}");
    for _ in 0..times(1000, 3) {
        assert_eq!(conversation(7), first);
    }
}

#[test]
fn other_seeds_give_other_runs() {
    let count = times(200, 3);
    let all: BTreeSet<_> = (0..count as u64).map(conversation).collect();
    assert_eq!(all.len(), count);
}

#[test]
fn the_trace_is_bounded_and_tells_what_it_left_out() {
    run_virtual(async {
        let Pair {
            net, one, other, ..
        } = pair_in(VirtualNet::builder(1).trace_lines(3)).await;
        for _ in 0..10 {
            one.write_all(b"abc").await.unwrap();
            other.read_exact(&mut [0; 3]).await.unwrap();
        }
        let trace = net.trace();
        assert_eq!(trace.len(), 4);
        assert_eq!(trace[0], "(10 earlier lines)");
        assert!(
            trace[3].ends_with("s  client:49152 -> server:80: data, 3 bytes"),
            "{trace:?}"
        );

        let Pair { net, .. } = pair_in(VirtualNet::builder(1).trace_lines(0)).await;
        assert_eq!(net.trace(), ["(3 earlier lines)"]);
    });
}

#[test]
fn the_trace_tells_the_story() {
    run_virtual(async {
        let Pair {
            net,
            client,
            server,
            one,
            other,
            ..
        } = pair().await;
        one.write_all(b"x").await.unwrap();
        net.partition(&client, &server);
        sleep(SECOND).await;
        net.heal(&client, &server);
        other.read_exact(&mut [0; 1]).await.unwrap();
        drop(other);
        assert_eq!(one.read(&mut [0; 8]).await.unwrap(), 0);
        assert_eq!(
            net.trace(),
            [
                "    0.000000s  client:49152 -> server:80: SYN",
                "    0.002000s  server:80 -> client:49152: SYN-ACK",
                "    0.003000s  client:49152 -> server:80: ACK",
                "    0.003000s  client -> server: is cut",
                "    0.003000s  server -> client: is cut",
                "    0.004000s  client:49152 -> server:80: is held up",
                "    1.003000s  client -> server: is whole again",
                "    1.003000s  server -> client: is whole again",
                "    1.004000s  client:49152 -> server:80: data, 1 byte",
                "    1.005000s  server:80 -> client:49152: FIN",
            ]
        );
    });
}

#[test]
fn everything_shows_its_state() {
    run_virtual(async {
        let Pair {
            net,
            server,
            listener,
            one,
            ..
        } = &pair().await;
        one.write_all(b"abc").await.unwrap();
        sleep(SECOND).await;
        for (shown, part) in [
            (format!("{net:?}"), "connections: 1"),
            (format!("{net:?}"), "bytes_in_transit: 3"),
            (format!("{server:?}"), "name: \"server\""),
            (format!("{listener:?}"), "local: 0.0.0.0:80"),
            (format!("{one:?}"), "peer: 10.0.0.2:80"),
            (
                format!("{:?}", net.connections()),
                "[Connection(client 10.0.0.1:49152 -> server 10.0.0.2:80)]",
            ),
        ] {
            assert!(shown.contains(part), "{shown}");
        }
        assert_eq!(server.statistics().bytes, 3);
        assert_eq!(server.statistics().accepted, 1);
        assert_eq!(net.statistics().calls, 1);
    });
}

#[test]
fn a_deadlock_tells_who_waits_for_what() {
    let result = nestling::Builder::new()
        .clock(MockClock::new())
        .try_run(async {
            let Pair {
                listener,
                client,
                one,
                other,
                ..
            } = &pair_in(VirtualNet::builder(1).give_up_after(None)).await;
            open_nursery(async |nursery| {
                nursery.start_soon(async { one.read(&mut [0; 8]).await.map(drop) });
                nursery.start_soon(async { other.write_all(&vec![0; 1 << 20]).await });
                nursery.start_soon(async { listener.accept().await.map(drop) });
                nursery.start_soon(async {
                    settle().await;
                    sleep(SECOND).await;
                    client.unplug();
                    one.write_all(&vec![0; 1 << 20]).await
                });
                sleep(SECOND).await;
            })
            .await
        });
    let Err(nestling::RunError::Deadlock(deadlock)) = result else {
        panic!("it is one: {result:?}");
    };
    let text = deadlock.to_string();
    for what in ["room for data to 10.0.0.2:80", "a connection at 0.0.0.0:80"] {
        assert!(text.contains(what), "{text}");
    }
}
