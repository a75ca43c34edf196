//! What comes from the system: sockets and signals.

use std::future::IntoFuture;
use std::io::{Read, Write};

use nestling::io::Io;
use nestling::net::{TcpListener, TcpStream, serve_listeners, serve_tcp};
use nestling::{BoxError, Nursery, on_cancel, open_nursery};

use crate::probe::{Probe, Time, everywhere_in};

const LOCAL: &str = "127.0.0.1:0";

/// Two ends of a connection.
async fn pair(probe: &Probe) -> Result<(TcpStream, TcpStream), BoxError> {
    let listener = probe.at(TcpListener::bind(LOCAL)).await?;
    let client = probe
        .at(TcpStream::connect(listener.local_addr().unwrap()))
        .await?;
    let (server, _) = probe.at(listener.accept()).await?;
    Ok((client, server))
}

#[test]
fn connecting_and_accepting() {
    everywhere_in(Time::Real, async |probe| {
        let nursery = open_nursery(async |nursery: &Nursery<'_, '_>| {
            let listener = probe.at(TcpListener::bind(LOCAL)).await?;
            let address = listener.local_addr().unwrap();
            nursery.start_soon(async move {
                let _guard = probe.guard();
                for _ in 0..2 {
                    probe.at(listener.accept()).await?;
                }
                Ok::<_, BoxError>(())
            });
            for _ in 0..2 {
                let _guard = probe.guard();
                probe.at(TcpStream::connect(address)).await?;
            }
            Ok::<_, BoxError>(())
        });
        report(probe.at(nursery).await);
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
    everywhere_in(Time::Real, async |probe| {
        let nursery = open_nursery(async |nursery: &Nursery<'_, '_>| {
            let (client, server) = pair(probe).await?;
            nursery.start_soon(async move {
                let _guard = probe.guard();
                let mut buffer = [0; 64];
                loop {
                    let count = probe.at(server.read(&mut buffer)).await?;
                    if count == 0 {
                        break;
                    }
                    probe.at(server.write_all(&buffer[..count])).await?;
                }
                probe.at(server.send_eof()).await?;
                Ok::<_, BoxError>(())
            });
            let mut buffer = [0; 5];
            probe.at(client.write(b"h")).await?;
            probe.at(client.write_all(b"ello")).await?;
            probe.at(client.read_exact(&mut buffer)).await?;
            assert_eq!(&buffer, b"hello");
            probe.at(client.send_eof()).await?;
            assert_eq!(probe.at(client.read(&mut buffer)).await?, 0);
            Ok::<_, BoxError>(())
        });
        report(probe.at(nursery).await);
    });
}

#[cfg(not(miri))]
#[test]
fn writing_to_one_who_does_not_read() {
    // More than the system buffers.
    let size = 8 << 20;
    everywhere_in(Time::Real, async |probe| {
        let nursery = open_nursery(async |nursery: &Nursery<'_, '_>| {
            let (client, server) = pair(probe).await?;
            let data = vec![7; size];
            let writer = nursery.spawn(async move {
                let _guard = probe.guard();
                on_cancel(probe.at(client.write_all(&data)), async || {
                    // It still works, unless the other end has been dropped with bytes unread.
                    client.send_eof().await.ok();
                })
                .await
            });
            let mut some = vec![0; size / 8];
            probe.at(server.read_exact(&mut some)).await?;
            nursery.cancel();
            drop(writer);
            Ok::<_, BoxError>(())
        });
        report(probe.at(nursery).await);
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
    everywhere_in(Time::Real, async |probe| {
        let handler = async |stream| {
            let _guard = probe.guard();
            probe.at(echo(stream)).await
        };
        let nursery = open_nursery(async |nursery: &Nursery<'_, '_>| {
            let address = nursery.task().daemon().start(async |ready| {
                let server = serve_tcp(handler, LOCAL).ready(ready);
                probe.at(server.into_future()).await
            });
            let address = probe.at(address).await?;
            let listener = TcpListener::bind(LOCAL).await?;
            let second = listener.local_addr().unwrap();
            nursery
                .task()
                .daemon()
                .start_soon(serve_listeners(handler, [listener]).into_future());
            for address in [address, second] {
                let client = probe.at(TcpStream::connect(address)).await?;
                probe.at(client.write_all(b"hi")).await?;
                let mut answer = [0; 2];
                probe.at(client.read_exact(&mut answer)).await?;
            }
            Ok::<_, BoxError>(())
        });
        report(probe.at(nursery).await);
    });
}

#[test]
fn serving_until_it_is_enough() {
    everywhere_in(Time::Real, async |probe| {
        let handler = async |stream| {
            let _guard = probe.guard();
            probe.at(echo(stream)).await
        };
        let nursery = open_nursery(async |nursery: &Nursery<'_, '_>| {
            let address = nursery
                .start(async |ready| {
                    let server = serve_tcp(handler, LOCAL)
                        .ready(ready)
                        .max_connections(1)
                        .until(probe.at(nestling::shutdown_requested()));
                    probe.at(server.into_future()).await
                })
                .await?;
            // The second one is not served before the first is gone.
            let first = probe.at(TcpStream::connect(address)).await?;
            let second = probe.at(TcpStream::connect(address)).await?;
            for client in [first, second] {
                probe.at(client.write_all(b"hi")).await?;
                let mut answer = [0; 2];
                probe.at(client.read_exact(&mut answer)).await?;
            }
            drop(nursery.cancel_scope().shutdown(crate::HOUR));
            Ok::<_, BoxError>(())
        });
        report(probe.at(nursery).await);
    });
}

#[test]
fn sources_of_ones_own() {
    everywhere_in(Time::Real, async |probe| {
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
                let _guard = probe.guard();
                let mut byte = [0];
                probe.at(theirs.readable()).await?;
                let read = theirs.read_with(|mut stream| stream.read(&mut byte));
                probe.at(read).await?;
                probe.at(theirs.writable()).await?;
                let write = theirs.write_with(|mut stream| stream.write(&byte));
                probe.at(write).await
            });
            probe.at(nestling::checkpoint()).await;
            let write = ours.write_with(|mut stream| stream.write(b"x"));
            probe.at(write).await?;
            let mut byte = [0];
            let read = ours.read_with(|mut stream| stream.read(&mut byte));
            probe.at(read).await
        });
        report(probe.at(nursery).await.map(drop));
    });
}

#[cfg(all(unix, not(miri)))]
#[test]
fn signals() {
    use nestling::signal::{SIGWINCH, signals};

    // What nobody looks at is carried out by the system, which does nothing for this one.
    everywhere_in(Time::Real, async |probe| {
        let _guard = probe.guard();
        let mut receiver = signals(&[SIGWINCH]).expect("there are descriptors");
        signal_hook::low_level::raise(SIGWINCH).expect("the process may send it to itself");
        probe.at(receiver.recv()).await.expect("it has come");
        let nursery = open_nursery(async |nursery: &Nursery<'_, '_>| {
            nursery.start_soon(async {
                let _guard = probe.guard();
                probe.at(receiver.recv()).await.map(drop)
            });
            probe.at(nestling::checkpoint()).await;
            signal_hook::low_level::raise(SIGWINCH).expect("as before");
        });
        report(probe.at(nursery).await);
    });
}

#[cfg(all(unix, not(miri)))]
#[test]
fn ctrl_c() {
    // Nobody presses it: what is not looked at would end the process.
    crate::probe::everywhere(async |probe| {
        let _guard = probe.guard();
        let pressed = probe.at(nestling::signal::ctrl_c());
        assert!(
            nestling::move_on_after(crate::TICK, pressed)
                .await
                .is_none()
        );
    });
}
