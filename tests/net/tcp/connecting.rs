//! Making connections.

use super::*;

#[test]
fn a_refused_connection_says_where_and_lists_every_attempt() {
    check(async || {
        let closed = closed_addresses().await;
        let error = TcpStream::connect(closed[0]).await.unwrap_err();
        assert!(error.is_connection_refused());
        let text = error.to_string();
        assert!(
            text.starts_with(&format!("connect to {}: connection refused; ", closed[0])),
            "{text}"
        );

        let error = TcpStream::connect(&closed).await.unwrap_err();
        assert!(error.is_connection_refused());
        let tried: Vec<_> = error.attempts().map(|(address, _)| address).collect();
        assert_eq!(tried, closed);
    });
}

#[test]
fn the_next_address_is_tried_when_one_fails() {
    check(async || {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let [closed, _] = closed_addresses().await;
        let stream = TcpStream::connect(&[closed, listener.local_addr().unwrap()])
            .await
            .unwrap();
        assert_eq!(stream.peer_addr().unwrap(), listener.local_addr().unwrap());
    });
}

#[test]
fn a_host_name_is_resolved_without_blocking_the_loop() {
    check(async || {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let turns = Cell::new(0);
        open_nursery(async |nursery| {
            nursery.task().daemon().start_soon(async {
                loop {
                    turns.set(turns.get() + 1);
                    checkpoint().await;
                }
            });
            let stream = TcpStream::connect(("localhost", port)).await.unwrap();
            assert!(stream.peer_addr().unwrap().ip().is_loopback());
        })
        .await
        .unwrap();
        assert!(turns.get() > 0, "others ran meanwhile");
    });
}

#[test]
fn an_address_that_makes_no_sense_is_an_error_that_helps() {
    check(async || {
        for (address, help) in [
            (
                "localhost",
                "connect to `localhost`: the port is missing: write `localhost:80`",
            ),
            (
                "::1",
                "connect to `::1`: the port is missing: write `[::1]:80`",
            ),
            (
                "localhost:http",
                "connect to `localhost:http`: `http` is not a port",
            ),
            ("host\0name:80", "connect to host\0name:80: "),
        ] {
            let error = TcpStream::connect(address).await.unwrap_err();
            assert!(error.to_string().starts_with(help), "{error}");
            assert_eq!(error.attempts().count(), 0);
        }
    });
}

#[test]
fn connections_that_are_cancelled_on_their_way_are_closed() {
    check(async || {
        let (_socket, address) = listener_that_takes_no_more();
        let connected = RefCell::new(Vec::new());
        let all = open_nursery(async |nursery| {
            for _ in 0..5 {
                nursery.start_soon(async {
                    let stream = TcpStream::connect(address).await?;
                    connected.borrow_mut().push(stream);
                    Ok::<_, Error>(())
                });
            }
            // The queue has no room for all of them, so that some go on waiting.
            until_writing(nursery.len()).await;
            assert!(!nursery.is_empty());
            nursery.cancel();
        });
        all.await.unwrap();
        assert_eq!(statistics().io.tasks_waiting_write, 0);
        assert_eq!(statistics().io.sources, connected.borrow().len());
    });
}

#[test]
fn a_connection_that_is_dropped_on_its_way_is_closed() {
    check(async || {
        let (_socket, address) = listener_that_takes_no_more();
        let mut connected = Vec::new();
        loop {
            let mut connecting = pin!(TcpStream::connect(address));
            // Over loopback whatever can be connected is so at the second look.
            let mut looks = 0;
            let stream = std::future::poll_fn(|cx| {
                looks += 1;
                match connecting.as_mut().poll(cx) {
                    std::task::Poll::Ready(stream) => std::task::Poll::Ready(Some(stream)),
                    std::task::Poll::Pending if looks == 10 => std::task::Poll::Ready(None),
                    std::task::Poll::Pending => {
                        cx.waker().wake_by_ref();
                        std::task::Poll::Pending
                    }
                }
            });
            match stream.await {
                Some(stream) => connected.push(stream.unwrap()),
                None => break,
            }
        }
        assert_eq!(statistics().io.sources, connected.len());
        assert_eq!(statistics().io.tasks_waiting_write, 0);
    });
}

#[test]
fn in_a_cancelled_context_nobody_is_called_and_no_name_is_asked_for() {
    check(async || {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let before = open_files();
        begin_cancelled(TcpStream::connect(listener.local_addr().unwrap())).await;
        begin_cancelled(TcpStream::connect("localhost:1")).await;
        begin_cancelled(TcpListener::bind("127.0.0.1:0")).await;
        assert_eq!(open_files(), before);
        let client = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let (_, peer) = listener.accept().await.unwrap();
        assert_eq!(peer, client.local_addr().unwrap(), "the first to call");
    });
}

#[test]
fn small_writes_are_sent_at_once_at_both_ends() {
    check(async || {
        let (caller, called) = pair().await;
        assert!(caller.nodelay().unwrap());
        assert!(called.nodelay().unwrap());
        caller.set_nodelay(false).unwrap();
        assert!(!caller.nodelay().unwrap());
    });
}

#[test]
fn both_ends_agree_on_their_addresses() {
    check(async || {
        let (caller, called) = pair().await;
        assert_eq!(caller.peer_addr().unwrap(), called.local_addr().unwrap());
        assert_eq!(called.peer_addr().unwrap(), caller.local_addr().unwrap());
    });
}

#[cfg(target_os = "linux")]
#[cfg_attr(miri, ignore = "it knows no such address")]
#[test]
fn the_peer_is_who_answered_and_not_what_was_called() {
    check(async || {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stream = TcpStream::connect(("0.0.0.0", address.port())).await;
        assert_eq!(stream.unwrap().peer_addr().unwrap(), address);
    });
}
