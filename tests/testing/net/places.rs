//! Hosts, names, addresses and ports.

use super::*;

use std::net::{IpAddr, SocketAddr};

#[test]
fn each_host_has_a_name_and_addresses_of_its_own() {
    let net = VirtualNet::new(1);
    let (one, other) = (net.host("one"), net.host("other"));
    assert_eq!(one.name(), "one");
    assert_ne!(one.ip(), other.ip());
    assert_ne!(one.ipv6(), other.ipv6());
    assert_eq!(net.host("one").ip(), one.ip(), "it is the same host");
    assert_eq!(net.statistics().hosts, 2);
}

#[test]
fn streams_know_both_addresses() {
    run_virtual(async {
        let Pair {
            client,
            server,
            one,
            other,
            ..
        } = pair().await;
        assert_eq!(one.local_addr().ip(), client.ip());
        assert_eq!(one.peer_addr(), SocketAddr::from((server.ip(), 80)));
        assert_eq!(other.local_addr(), one.peer_addr());
        assert_eq!(other.peer_addr(), one.local_addr());
        assert!(one.local_addr().port() >= 49152);
    });
}

#[test]
fn a_host_is_reached_by_name_by_number_and_by_itself() {
    run_virtual(async {
        let net = VirtualNet::new(1);
        let (client, server) = (net.host("client"), net.host("server"));
        let v4 = server.bind("0.0.0.0:80").await.unwrap();
        let v6 = server.bind("[::]:80").await.unwrap();
        for (host, ip, listener) in [
            (&client, IpAddr::from(server.ip()), &v4),
            (&client, server.ipv6().into(), &v6),
            (&server, server.ip().into(), &v4),
            (&server, [127, 0, 0, 1].into(), &v4),
            (&server, [0, 0, 0, 0].into(), &v4),
            (&server, std::net::Ipv6Addr::LOCALHOST.into(), &v6),
        ] {
            let stream = host.connect((ip, 80)).await.unwrap();
            let (_, peer) = listener.accept().await.unwrap();
            assert_eq!(peer, stream.local_addr(), "{ip}");
        }
        client.connect("server:80").await.unwrap();
        server.connect(("localhost", 80)).await.unwrap();
        let elsewhere = client.connect("localhost:80").await.unwrap_err();
        assert!(elsewhere.is_connection_refused(), "everyone has their own");
    });
}

#[test]
fn an_unknown_name_is_an_error_that_tells_the_known_ones() {
    run_virtual(async {
        let net = VirtualNet::new(1);
        let client = net.host("client");
        net.host("server");
        let error = client.connect("sever:80").await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
        assert_eq!(
            error.to_string(),
            "connect to sever:80: the virtual network has no host of that name: it knows `client`, \
             `server`; make one with `net.host(..)`"
        );
        assert!(
            client.connect("server").await.is_err(),
            "the port is missing"
        );
        assert!(client.connect(&[][..]).await.is_err(), "nothing to try");
    });
}

#[test]
fn an_unknown_address_has_no_route_or_is_a_black_hole() {
    run_virtual(async {
        let net = VirtualNet::new(1);
        let (result, time) = timed(net.host("client").connect("192.0.2.1:80")).await;
        assert_broken(result, std::io::ErrorKind::NetworkUnreachable);
        assert_eq!(time, Duration::ZERO);

        let net = VirtualNet::builder(1).black_hole(true).build();
        let (result, time) = timed(net.host("client").connect("192.0.2.1:80")).await;
        assert_broken(result, std::io::ErrorKind::TimedOut);
        assert_eq!(time, 127 * SECOND);
        assert_eq!(net.statistics().remembered, 0);
    });
}

#[test]
fn port_0_finds_a_free_one_and_a_taken_one_is_refused() {
    run_virtual(async {
        let net = VirtualNet::new(1);
        let host = net.host("host");
        let any = host.bind("0.0.0.0:0").await.unwrap();
        let another = host.bind("0.0.0.0:0").await.unwrap();
        assert_ne!(any.local_addr().port(), 0);
        assert_ne!(any.local_addr(), another.local_addr());

        for taken in ["0.0.0.0", "127.0.0.1", "host"] {
            let error = host
                .bind((taken, any.local_addr().port()))
                .await
                .unwrap_err();
            assert!(error.is_address_in_use(), "{error}");
        }
        host.bind(("::", any.local_addr().port())).await.unwrap();
        net.host("else").bind(any.local_addr()).await.unwrap();

        let address = any.local_addr();
        drop(any);
        host.bind(address).await.unwrap();
    });
}

#[test]
fn a_host_has_its_own_addresses_only() {
    run_virtual(async {
        let net = VirtualNet::new(1);
        let (one, other) = (net.host("one"), net.host("other"));
        let error = one.bind((other.ip().to_string(), 80)).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::AddrNotAvailable);
        let list = [
            SocketAddr::from((other.ip(), 80)),
            SocketAddr::from((one.ip(), 80)),
        ];
        let second = one.bind(&list).await.unwrap();
        assert_eq!(second.local_addr(), list[1], "the first that can be had");
    });
}

#[test]
fn a_listener_at_one_address_hears_nothing_of_others() {
    run_virtual(async {
        let net = VirtualNet::new(1);
        let (client, server) = (net.host("client"), net.host("server"));
        let _local = server.bind("127.0.0.1:80").await.unwrap();
        let error = client.connect("server:80").await.unwrap_err();
        assert!(error.is_connection_refused());
        server.connect("127.0.0.1:80").await.unwrap();
    });
}

#[test]
#[cfg_attr(miri, ignore = "it takes all ports there are")]
fn ports_of_connections_are_used_again_and_run_out() {
    run_virtual(async {
        let net = VirtualNet::builder(1).backlog(usize::MAX).build();
        let host = net.host("host");
        let listener = host.bind("127.0.0.1:80").await.unwrap();
        let mut streams = Vec::new();
        for _ in 49152..=65535 {
            streams.push(host.connect("127.0.0.1:80").await.unwrap());
        }
        let error = host.connect("127.0.0.1:80").await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::AddrNotAvailable);
        let error = host.bind("127.0.0.1:0").await.unwrap_err();
        assert!(error.to_string().contains("all ports"), "{error}");

        let first = streams.remove(0).local_addr();
        let (accepted, peer) = listener.accept().await.unwrap();
        assert_eq!(peer, first);
        drop(accepted);
        let next = host.connect("127.0.0.1:80").await.unwrap();
        assert_eq!(next.local_addr(), first);
    });
}

#[test]
fn hosts_of_another_network_are_told_apart() {
    let (net, other) = (VirtualNet::new(1), VirtualNet::new(1));
    let message = support::message_of(|| net.partition(&net.host("a"), &other.host("b")));
    assert!(message.contains("another virtual network"), "{message}");
}

#[test]
fn handles_live_longer_than_the_network() {
    run_virtual(async {
        let Pair {
            net,
            client,
            server,
            listener,
            one,
            other,
        } = pair().await;
        drop((net, client, server));
        one.write_all(b"abc").await.unwrap();
        drop(one);
        assert_eq!(read_to_end(&other).await.unwrap(), b"abc");
        drop((listener, other));
    });
}

#[test]
fn what_is_left_of_a_network_may_be_dropped_after_its_run() {
    // Its timer is left in the run, so nothing checks for that.
    let left = nestling::Builder::new().clock(MockClock::new()).run(async {
        let pair = pair().await;
        pair.one.write_all(b"abc").await.unwrap();
        pair
    });
    left.net.partition(&left.client, &left.server);
    assert_eq!(left.net.statistics().bytes_in_transit, 3);
    drop(left);
}
