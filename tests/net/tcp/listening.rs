//! Listeners: binding and accepting.

use super::*;

#[test]
fn a_listener_tells_the_port_that_the_system_chose() {
    check(async || {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        assert_ne!(listener.local_addr().unwrap().port(), 0);
        let named = TcpListener::bind(("localhost", 0)).await.unwrap();
        assert!(named.local_addr().unwrap().ip().is_loopback());
    });
}

#[test]
fn binding_an_address_twice_fails_and_says_what_to_do() {
    check(async || {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let error = TcpListener::bind(address).await.unwrap_err();
        assert!(error.is_address_in_use());
        let text = error.to_string();
        assert!(text.starts_with(&format!("bind {address}: ")), "{text}");
        assert!(text.contains("take another port"), "{text}");
    });
}

#[test]
#[cfg(unix)]
fn an_address_can_be_bound_again_although_connections_of_it_linger() {
    check(async || {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let client = TcpStream::connect(address).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        drop(listener);
        // One connection is alive, and another one waits for stragglers at this side.
        let again = TcpListener::bind(address).await.unwrap();
        drop((server, again));
        assert_eq!(read_to_end(&client).await, b"");
        drop(client);
        TcpListener::bind(address).await.unwrap();
    });
}

#[test]
fn an_ipv6_listener_leaves_ipv4_alone() {
    check(async || {
        let Ok(v6) = TcpListener::bind((Ipv6Addr::UNSPECIFIED, 0)).await else {
            return; // this machine has no IPv6
        };
        let port = v6.local_addr().unwrap().port();
        let v4 = TcpListener::bind(("0.0.0.0", port)).await.unwrap();
        for (address, listener) in [(("::1", port), &v6), (("127.0.0.1", port), &v4)] {
            let client = TcpStream::connect(address).await.unwrap();
            let (_, peer) = listener.accept().await.unwrap();
            assert_eq!(peer, client.local_addr().unwrap());
        }
    });
}

#[test]
fn of_several_addresses_the_first_that_can_be_had_is_taken() {
    check(async || {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let list = [
            taken.local_addr().unwrap(),
            SocketAddr::from(([127, 0, 0, 1], 0)),
        ];
        let listener = TcpListener::bind(&list).await.unwrap();
        assert_ne!(listener.local_addr().unwrap(), taken.local_addr().unwrap());

        let list = [taken.local_addr().unwrap(), listener.local_addr().unwrap()];
        let error = TcpListener::bind(&list).await.unwrap_err();
        let tried: Vec<_> = error.attempts().map(|(address, _)| address).collect();
        assert_eq!(tried, list);
        assert!(error.to_string().starts_with("bind 2 addresses: "));
    });
}

#[test]
#[cfg(target_os = "linux")]
fn the_queue_is_as_long_as_the_system_allows() {
    let limit = std::fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap();
    // std's own listeners have 128.
    let count = limit.trim().parse::<usize>().unwrap().min(400);
    check(async || {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut clients = Vec::new();
        for _ in 0..count {
            clients.push(
                TcpStream::connect(listener.local_addr().unwrap())
                    .await
                    .unwrap(),
            );
        }
        for client in &clients {
            let (_, peer) = listener.accept().await.unwrap();
            assert_eq!(peer, client.local_addr().unwrap());
        }
    });
}

#[test]
fn an_accept_that_is_cancelled_loses_no_connection() {
    check(async || {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        cancel_when(listener.accept(), until_reading(1)).await;
        assert_eq!(statistics().io.tasks_waiting_read, 0);
        let client = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        begin_cancelled(listener.accept()).await;
        let (_, peer) = listener.accept().await.unwrap();
        assert_eq!(peer, client.local_addr().unwrap());
    });
}

#[test]
fn a_second_acceptor_is_told_that_the_listener_is_busy() {
    check(async || {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let second = async {
            until_reading(1).await;
            let error = listener.accept().await.unwrap_err();
            assert!(error.is_busy());
            let text = error.to_string();
            assert!(
                text.contains("already accepting from this listener"),
                "{text}"
            );
        };
        cancel_when(listener.accept(), second).await;
    });
}

#[test]
fn a_connection_that_was_closed_before_it_was_accepted_can_be_read() {
    check(async || {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        client.write_all(b"bye").await.unwrap();
        drop(client);
        let (server, _) = listener.accept().await.unwrap();
        assert_eq!(read_to_end(&server).await, b"bye");
    });
}

#[test]
#[cfg(target_os = "linux")]
fn no_socket_blocks_or_goes_to_child_processes() {
    use std::os::fd::{AsFd, AsRawFd};

    fn flags(socket: &impl AsFd) -> u32 {
        let number = socket.as_fd().as_raw_fd();
        let text = std::fs::read_to_string(format!("/proc/self/fdinfo/{number}")).unwrap();
        let flags = text
            .lines()
            .find_map(|line| line.strip_prefix("flags:"))
            .unwrap();
        u32::from_str_radix(flags.trim(), 8).unwrap()
    }
    const NONBLOCK: u32 = 0o4000;
    const CLOEXEC: u32 = 0o2000000;
    check(async || {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let (server, _) = listener.accept().await.unwrap();
        for flags in [flags(&listener), flags(&client), flags(&server)] {
            assert_eq!(flags & (NONBLOCK | CLOEXEC), NONBLOCK | CLOEXEC);
        }
    });
}
