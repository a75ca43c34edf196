//! What a server does with connections.

use super::*;

#[test]
fn start_returns_the_address_once_clients_can_connect() {
    check(async || {
        open_nursery(async |nursery| {
            let address = nursery
                .start(async |ready| serve_tcp(echo, ANY).ready(ready).await)
                .await
                .unwrap();
            connect_and_echo(address).await;
            nursery.cancel();
        })
        .await
        .unwrap();
    });
}

#[test]
fn handlers_run_side_by_side_and_may_borrow_what_outlives_the_server() {
    check(async || {
        let seen = RefCell::new(Vec::new());
        let handler = async |stream: TcpStream| {
            seen.borrow_mut().push(stream.peer_addr().unwrap());
            echo(stream).await
        };
        open_nursery(async |nursery| {
            let address = start(nursery, serve_tcp(handler, ANY)).await;
            let mut clients = Vec::new();
            for _ in 0..100 {
                clients.push(connect_and_echo(address).await);
            }
            for client in clients.iter().rev() {
                assert_echo(client).await;
            }
            let called: Vec<_> = clients
                .iter()
                .map(|client| client.local_addr().unwrap())
                .collect();
            assert_eq!(*seen.borrow(), called);
            nursery.cancel();
        })
        .await
        .unwrap();
    });
}

#[test]
fn the_connection_is_closed_when_its_handler_ends_whatever_it_returns() {
    check(async || {
        let errors = Cell::new(0);
        // The result carries the stream; it is closed all the same.
        let handler = async |stream: TcpStream| {
            let mut word = [0; 1];
            stream.read_exact(&mut word).await?;
            match &word {
                b"o" => Ok(stream),
                _ => Err::<TcpStream, BoxError>("as was asked for".into()),
            }
        };
        open_nursery(async |nursery| {
            let server = serve_tcp(handler, ANY).on_error(|_, _| errors.set(errors.get() + 1));
            let address = start(nursery, server).await;
            for (word, failed) in [(b"o", 0), (b"e", 1)] {
                let client = TcpStream::connect(address).await.unwrap();
                client.write_all(word).await.unwrap();
                assert_eq!(read_to_end(&client).await, b"");
                until(|| errors.get() == failed).await;
            }
            nursery.cancel();
        })
        .await
        .unwrap();
    });
}

#[test]
fn several_listeners_are_served_by_one_handler() {
    check(async || {
        let mut listeners = Vec::new();
        for _ in 0..2 {
            listeners.push(TcpListener::bind(ANY).await.unwrap());
        }
        let addresses: Vec<_> = listeners
            .iter()
            .map(|listener| listener.local_addr().unwrap())
            .collect();
        open_nursery(async |nursery| {
            nursery.start_soon(serve_listeners(echo, listeners).into_future());
            let mut clients = Vec::new();
            for _ in 0..3 {
                for address in &addresses {
                    clients.push(connect_and_echo(*address).await);
                }
            }
            for client in &clients {
                assert_echo(client).await;
            }
            nursery.cancel();
        })
        .await
        .unwrap();
        for address in addresses {
            assert!(
                TcpStream::connect(address)
                    .await
                    .unwrap_err()
                    .is_connection_refused()
            );
        }
    });
}

#[test]
fn a_handler_that_never_returns_by_its_type_is_a_handler() {
    check(async || {
        fn for_ever() -> ! {
            unreachable!("nobody comes here")
        }
        let handler = async |stream: TcpStream| {
            stream.write_all(b"x").await.unwrap();
            sleep_forever().await;
            for_ever()
        };
        open_nursery(async |nursery| {
            let address = start(nursery, serve_tcp(handler, ANY)).await;
            let client = TcpStream::connect(address).await.unwrap();
            client.read_exact(&mut [0]).await.unwrap();
            nursery.cancel();
        })
        .await
        .unwrap();
    });
}

#[test]
fn debug_shows_what_is_to_be_served() {
    let text = format!("{:?}", serve_tcp(echo, "localhost:80").max_connections(3));
    assert!(
        text.contains("localhost") && text.contains("max_connections: 3"),
        "{text}"
    );
}
