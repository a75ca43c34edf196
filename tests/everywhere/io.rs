//! What comes from the system: sockets and signals.

use std::future::IntoFuture;
use std::io::{Read, Write};

use nestling::io::Io;
use nestling::net::{TcpListener, TcpStream, serve_listeners, serve_tcp};
use nestling::testing::{CancelEverywhere, Held};
use nestling::{BoxError, Nursery, on_cancel, open_nursery};

use crate::support::{everywhere, everywhere_with};

const LOCAL: &str = "127.0.0.1:0";

/// Two ends of a connection.
async fn pair() -> Result<(TcpStream, TcpStream), BoxError> {
    let listener = TcpListener::bind(LOCAL).await?;
    let client = TcpStream::connect(listener.local_addr().unwrap()).await?;
    let (server, _) = listener.accept().await?;
    Ok((client, server))
}

#[test]
fn connecting_and_accepting() {
    everywhere(async || {
        let nursery = open_nursery(async |nursery: &Nursery<'_, '_>| {
            let listener = TcpListener::bind(LOCAL).await?;
            let address = listener.local_addr().unwrap();
            nursery.start_soon(async move {
                let _held = Held::new();
                for _ in 0..2 {
                    listener.accept().await?;
                }
                Ok::<_, BoxError>(())
            });
            for _ in 0..2 {
                let _held = Held::new();
                TcpStream::connect(address).await?;
            }
            Ok::<_, BoxError>(())
        });
        report(nursery.await);
    });
}

/// That the program was cancelled is known; nothing in it fails.
fn report(result: Result<(), nestling::NurseryError>) {
    if let Err(error) = result {
        assert!(error.is_cancelled(), "{error:?}");
    }
}

#[test]
fn reading_and_writing() {
    everywhere(async || {
        let nursery = open_nursery(async |nursery: &Nursery<'_, '_>| {
            let (client, server) = pair().await?;
            nursery.start_soon(async move {
                let _held = Held::new();
                let mut buffer = [0; 64];
                loop {
                    let count = server.read(&mut buffer).await?;
                    if count == 0 {
                        break;
                    }
                    server.write_all(&buffer[..count]).await?;
                }
                server.send_eof().await?;
                Ok::<_, BoxError>(())
            });
            let mut buffer = [0; 5];
            client.write(b"h").await?;
            client.write_all(b"ello").await?;
            client.read_exact(&mut buffer).await?;
            assert_eq!(&buffer, b"hello");
            client.send_eof().await?;
            assert_eq!(client.read(&mut buffer).await?, 0);
            Ok::<_, BoxError>(())
        });
        report(nursery.await);
    });
}

#[cfg(not(miri))]
#[test]
fn writing_to_one_who_does_not_read() {
    // More than the system buffers.
    let size = 8 << 20;
    everywhere(async || {
        let nursery = open_nursery(async |nursery: &Nursery<'_, '_>| {
            let (client, server) = pair().await?;
            let data = vec![7; size];
            let writer = nursery.spawn(async move {
                let _held = Held::new();
                on_cancel(client.write_all(&data), async || {
                    // It still works, unless the other end has been dropped with bytes unread.
                    client.send_eof().await.ok();
                })
                .await
            });
            let mut some = vec![0; size / 8];
            server.read_exact(&mut some).await?;
            nursery.cancel();
            drop(writer);
            Ok::<_, BoxError>(())
        });
        report(nursery.await);
    });
}

async fn echo(stream: TcpStream) -> Result<(), BoxError> {
    let mut buffer = [0; 64];
    let count = stream.read(&mut buffer).await?;
    stream.write_all(&buffer[..count]).await?;
    Ok(())
}

#[test]
fn serving() {
    everywhere(async || {
        let handler = async |stream| {
            let _held = Held::new();
            echo(stream).await
        };
        let nursery = open_nursery(async |nursery: &Nursery<'_, '_>| {
            let address = nursery.task().daemon().start(async |ready| {
                let server = serve_tcp(handler, LOCAL).ready(ready);
                server.into_future().await
            });
            let address = address.await?;
            let listener = TcpListener::bind(LOCAL).await?;
            let second = listener.local_addr().unwrap();
            nursery
                .task()
                .daemon()
                .start_soon(serve_listeners(handler, [listener]).into_future());
            for address in [address, second] {
                let client = TcpStream::connect(address).await?;
                client.write_all(b"hi").await?;
                let mut answer = [0; 2];
                client.read_exact(&mut answer).await?;
            }
            Ok::<_, BoxError>(())
        });
        report(nursery.await);
    });
}

#[test]
fn serving_until_it_is_enough() {
    everywhere(async || {
        let handler = async |stream| {
            let _held = Held::new();
            echo(stream).await
        };
        let nursery = open_nursery(async |nursery: &Nursery<'_, '_>| {
            let address = nursery
                .start(async |ready| {
                    let server = serve_tcp(handler, LOCAL)
                        .ready(ready)
                        .max_connections(1)
                        .until(nestling::shutdown_requested());
                    server.into_future().await
                })
                .await?;
            // The second one is not served before the first is gone.
            let first = TcpStream::connect(address).await?;
            let second = TcpStream::connect(address).await?;
            for client in [first, second] {
                client.write_all(b"hi").await?;
                let mut answer = [0; 2];
                client.read_exact(&mut answer).await?;
            }
            drop(nursery.cancel_scope().shutdown(crate::HOUR));
            Ok::<_, BoxError>(())
        });
        report(nursery.await);
    });
}

/// A thread looks the name up, and goes on by itself if nobody waits for it any more.
#[cfg(not(miri))]
#[test]
fn connecting_by_name() {
    let settings = CancelEverywhere::new().pairs_max(20);
    everywhere_with(settings, async || {
        let _held = Held::new();
        let listener = TcpListener::bind(LOCAL).await?;
        let port = listener.local_addr()?.port();
        TcpStream::connect(("localhost", port)).await?;
        Ok::<_, BoxError>(())
    });
}

#[test]
fn sources_of_ones_own() {
    everywhere(async || {
        let listener = std::net::TcpListener::bind(LOCAL).expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let ours = std::net::TcpStream::connect(address).expect("it listens");
        let (theirs, _) = listener.accept().expect("it is connected");
        let watched = |stream: std::net::TcpStream| {
            stream.set_nonblocking(true).expect("sockets can do that");
            Io::new(stream).expect("the reactor takes it")
        };
        let (ours, theirs) = (watched(ours), watched(theirs));
        let nursery = open_nursery(async |nursery: &Nursery<'_, '_>| {
            nursery.start_soon(async {
                let _held = Held::new();
                let mut byte = [0];
                theirs.readable().await?;
                let read = theirs.read_with(|mut stream| stream.read(&mut byte));
                read.await?;
                theirs.writable().await?;
                let write = theirs.write_with(|mut stream| stream.write(&byte));
                write.await
            });
            nestling::checkpoint().await;
            let write = ours.write_with(|mut stream| stream.write(b"x"));
            write.await?;
            let mut byte = [0];
            let read = ours.read_with(|mut stream| stream.read(&mut byte));
            read.await
        });
        report(nursery.await.map(drop));
    });
}

#[cfg(all(unix, not(miri)))]
#[test]
fn signals() {
    use nestling::signal::{SIGWINCH, signals};

    // What nobody looks at is carried out by the system, which does nothing for this one.
    everywhere(async || {
        let _held = Held::new();
        let mut receiver = signals(&[SIGWINCH]).expect("there are descriptors");
        signal_hook::low_level::raise(SIGWINCH).expect("the process may send it to itself");
        receiver.recv().await.expect("it has come");
        let nursery = open_nursery(async |nursery: &Nursery<'_, '_>| {
            nursery.start_soon(async {
                let _held = Held::new();
                receiver.recv().await.map(drop)
            });
            nestling::checkpoint().await;
            signal_hook::low_level::raise(SIGWINCH).expect("as before");
        });
        report(nursery.await);
    });
}

#[cfg(all(unix, not(miri)))]
#[test]
fn ctrl_c() {
    // Nobody presses it: what is not looked at would end the process.
    everywhere(async || {
        let _held = Held::new();
        let pressed = nestling::signal::ctrl_c();
        assert!(
            nestling::move_on_after(crate::TICK, pressed)
                .await
                .is_none()
        );
    });
}
