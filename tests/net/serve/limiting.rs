//! `max_connections`.

use super::*;

/// Counts how many run at a time.
#[derive(Default)]
struct Meter {
    now: Cell<usize>,
    most: Cell<usize>,
    total: Cell<usize>,
}

impl Meter {
    fn enter(&self) -> impl Drop {
        struct Inside<'a>(&'a Meter);
        impl Drop for Inside<'_> {
            fn drop(&mut self) {
                self.0.now.set(self.0.now.get() - 1);
            }
        }
        self.now.set(self.now.get() + 1);
        self.most.set(self.most.get().max(self.now.get()));
        self.total.set(self.total.get() + 1);
        Inside(self)
    }
}

#[test]
fn no_more_than_max_connections_are_served_at_a_time_and_all_of_them_in_the_end() {
    check(async || {
        let meter = Meter::default();
        let handler = async |stream: TcpStream| {
            let _inside = meter.enter();
            echo(stream).await
        };
        open_nursery(async |nursery| {
            let address = start(nursery, serve_tcp(handler, ANY).max_connections(2)).await;
            let first = connect_and_echo(address).await;
            let _second = connect_and_echo(address).await;
            let third = TcpStream::connect(address).await.unwrap();
            third.write_all(b"echo").await.unwrap();
            for _ in 0..100 {
                checkpoint().await;
            }
            assert_eq!(
                meter.total.get(),
                2,
                "the third waits in the system's queue"
            );
            drop(first);
            third.read_exact(&mut [0; 4]).await.unwrap();
            drop(third);
            for _ in 0..20 {
                connect_and_echo(address).await;
            }
            assert_eq!(meter.most.get(), 2);
            nursery.cancel();
        })
        .await
        .unwrap();
        assert_eq!(meter.total.get(), 23);
    });
}

#[test]
fn a_waiting_acceptor_does_not_keep_the_last_place_from_another_listener() {
    check(async || {
        let meter = Meter::default();
        let handler = async |stream: TcpStream| {
            let _inside = meter.enter();
            echo(stream).await
        };
        let one = TcpListener::bind(ANY).await.unwrap();
        let two = TcpListener::bind(ANY).await.unwrap();
        let addresses = [one.local_addr().unwrap(), two.local_addr().unwrap()];
        open_nursery(async |nursery| {
            let server = serve_listeners(handler, [one, two]).max_connections(1);
            nursery.start_soon(server.into_future());
            for address in addresses.iter().chain(&addresses) {
                connect_and_echo(*address).await;
            }
            // Calls at both, while there is one place.
            open_nursery(async |clients| {
                for address in addresses.iter().chain(&addresses) {
                    clients.start_soon(async { drop(connect_and_echo(*address).await) });
                }
            })
            .await
            .unwrap();
            nursery.cancel();
        })
        .await
        .unwrap();
        assert_eq!(meter.most.get(), 1);
        assert_eq!(meter.total.get(), 8);
    });
}

#[test]
fn a_place_is_free_again_after_an_error() {
    check(async || {
        let handler = async |_: TcpStream| Err::<(), _>("always");
        let errors = Cell::new(0);
        open_nursery(async |nursery| {
            let server = serve_tcp(handler, ANY)
                .max_connections(1)
                .on_error(|_, _| errors.set(errors.get() + 1));
            let address = start(nursery, server).await;
            for _ in 0..5 {
                let client = TcpStream::connect(address).await.unwrap();
                assert_eq!(read_to_end(&client).await, b"");
            }
            until(|| errors.get() == 5).await;
            nursery.cancel();
        })
        .await
        .unwrap();
    });
}

#[test]
#[should_panic(expected = "would never serve anybody")]
fn a_limit_of_zero_is_a_mistake() {
    drop(serve_tcp(echo, ANY).max_connections(0));
}
