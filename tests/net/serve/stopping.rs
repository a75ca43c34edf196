//! `until`, cancelling, dropping.

use super::*;

#[test]
fn until_stops_accepting_at_once_and_returns_when_the_last_handler_has_ended() {
    check(async || {
        let gate = Gate::default();
        let stopped = Cell::new(false);
        open_nursery(async |nursery| {
            let address = nursery
                .start(async |ready| {
                    serve_tcp(echo, ANY)
                        .until(gate.passed())
                        .ready(ready)
                        .await?;
                    stopped.set(true);
                    Ok::<_, NurseryError>(())
                })
                .await
                .unwrap();
            let client = connect_and_echo(address).await;
            let idle = connect_and_echo(address).await;
            gate.open();
            // The listener goes, the handlers stay.
            until(|| statistics().io.sources == 4).await;
            assert!(
                TcpStream::connect(address)
                    .await
                    .unwrap_err()
                    .is_connection_refused()
            );
            assert_echo(&client).await;
            drop(client);
            assert_echo(&idle).await;
            assert!(!stopped.get());
            drop(idle);
            until(|| stopped.get()).await;
        })
        .await
        .unwrap();
    });
}

#[test]
fn until_ends_a_server_without_connections_or_listeners_at_once() {
    check(async || {
        serve_tcp(echo, ANY).until(async {}).await.unwrap();
        serve_listeners(echo, Vec::<TcpListener>::new())
            .until(checkpoint())
            .await
            .unwrap();
    });
}

#[test]
fn errors_of_handlers_that_outlive_until_are_reported() {
    check(async || {
        let gate = Gate::default();
        let handler = async |stream: TcpStream| {
            stream.write_all(b"x").await?;
            stream.read_exact(&mut [0; 1]).await?;
            Err::<(), BoxError>("too late".into())
        };
        let result = open_nursery(async |nursery| {
            let server = serve_tcp(handler, ANY).until(gate.passed());
            let address = start(nursery, server).await;
            let client = TcpStream::connect(address).await.unwrap();
            client.read_exact(&mut [0; 1]).await.unwrap();
            gate.open();
            until(|| statistics().io.sources == 2).await;
            client.write_all(b"x").await.unwrap();
            sleep_forever().await;
        });
        assert_eq!(result.await.unwrap_err().to_string(), "too late");
    });
}

#[test]
fn a_server_that_is_cancelled_closes_everything() {
    check(async || {
        let clients = RefCell::new(Vec::new());
        let address = Cell::new(None);
        open_nursery(async |nursery| {
            let at = start(nursery, serve_tcp(echo, ANY)).await;
            address.set(Some(at));
            for _ in 0..3 {
                let client = connect_and_echo(at).await;
                clients.borrow_mut().push(client);
            }
            nursery.cancel();
        })
        .await
        .unwrap();
        for client in clients.into_inner() {
            assert_eq!(read_to_end(&client).await, b"");
        }
        let error = TcpStream::connect(address.get().unwrap())
            .await
            .unwrap_err();
        assert!(error.is_connection_refused());
    });
}

#[test]
fn a_server_that_is_dropped_closes_everything() {
    check(async || {
        let listener = TcpListener::bind(ANY).await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut server = serve_listeners(echo, [listener]).into_future();
        let mut client = Box::pin(connect_and_echo(address));
        let client = std::future::poll_fn(|cx| {
            assert!(server.as_mut().poll(cx).is_pending());
            client.as_mut().poll(cx)
        })
        .await;
        assert_eq!(statistics().io.sources, 3);
        drop(server);
        assert_eq!(statistics().io.sources, 1);
        assert_eq!(read_to_end(&client).await, b"");
    });
}

#[test]
fn a_server_that_is_never_polled_does_nothing() {
    check(async || {
        drop(serve_tcp(echo, ANY).until(pending()));
        drop(serve_tcp(echo, "no port").into_future());
        assert_eq!(statistics().io.sources, 0);
    });
}

#[test]
fn in_a_cancelled_context_a_server_does_not_begin() {
    check(async || {
        let result = open_nursery(async |nursery| {
            nursery.cancel();
            let mut server = serve_tcp(echo, ANY).into_future();
            std::future::poll_fn(|cx| {
                assert!(server.as_mut().poll(cx).is_pending());
                Poll::Ready(())
            })
            .await;
            assert_eq!(statistics().io.sources, 0);
            server.await
        });
        assert!(result.await.is_err_and(|error| error.is_cancelled()));
    });
}

#[test]
fn a_deadline_around_a_stopping_server_is_up_to_the_caller() {
    check(async || {
        let gate = Gate::default();
        let result = open_nursery(async |nursery| {
            let server = serve_tcp(echo, ANY).until(gate.passed());
            let address = start(nursery, server).await;
            let _lazy = connect_and_echo(address).await;
            gate.open();
            until(|| statistics().io.sources == 2).await;
            nestling::sleep(Duration::from_millis(1)).await;
            nursery.cancel_scope().cancel_because("they had their time");
            ok(())
        });
        result.await.unwrap();
    });
}
