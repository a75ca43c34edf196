//! What becomes of errors and panics.

use super::*;

#[test]
fn an_address_that_cannot_be_had_comes_out_of_start() {
    check(async || {
        let taken = TcpListener::bind(ANY).await.unwrap();
        let address = taken.local_addr().unwrap();
        open_nursery(async |nursery| {
            let started = nursery.start(async |ready| serve_tcp(echo, address).ready(ready).await);
            let error: StartError = started.await.unwrap_err();
            assert!(error.find::<Error>().unwrap().is_address_in_use());
            assert!(
                error.to_string().contains(&format!("bind {address}: ")),
                "{error}"
            );
        })
        .await
        .unwrap();
        let error = serve_tcp(echo, address).await.unwrap_err();
        let leaf = error.multi().unwrap().leaves().next().unwrap();
        assert_eq!(leaf.task(), format!("serve {address}"));
        assert_eq!(leaf.site().file(), file!());
    });
}

#[test]
fn a_handlers_error_ends_the_server_and_names_the_connection() {
    check(async || {
        let cut_off = Cell::new(0);
        struct Count<'a>(&'a Cell<u32>);
        impl Drop for Count<'_> {
            fn drop(&mut self) {
                self.0.set(self.0.get() + 1);
            }
        }
        let handler = async |stream: TcpStream| {
            let mut word = [0; 4];
            let _count = Count(&cut_off);
            loop {
                stream.read_exact(&mut word).await?;
                if &word == b"fail" {
                    return Err::<(), BoxError>(io::Error::other("no such thing").into());
                }
                stream.write_all(&word).await?;
            }
        };
        let peer = Cell::new(None);
        let result = open_nursery(async |nursery| {
            let address = start(nursery, serve_tcp(handler, ANY)).await;
            let other = connect_and_echo(address).await;
            let failing = connect_and_echo(address).await;
            peer.set(Some(failing.local_addr().unwrap()));
            failing.write_all(b"fail").await.unwrap();
            sleep_forever().await;
            drop(other);
        });
        let error = result.await.unwrap_err();
        assert_eq!(error.to_string(), "no such thing");
        assert!(error.find::<io::Error>().is_some());
        let report = format!("{error:?}");
        let name = format!("connection from {}", peer.get().unwrap());
        assert!(report.contains(&name), "{report}");
        assert_eq!(cut_off.get(), 2, "the other handler has been cut off");
    });
}

#[test]
fn with_on_error_the_server_goes_on_and_the_error_comes_with_the_peer() {
    check(async || {
        let errors = RefCell::new(Vec::new());
        let handler = async |stream: TcpStream| {
            stream.read_exact(&mut [0; 4]).await?;
            Err::<(), BoxError>("refused".into())
        };
        open_nursery(async |nursery| {
            let server = serve_tcp(handler, ANY)
                .on_error(|error, peer| errors.borrow_mut().push((error.to_string(), peer)));
            let address = start(nursery, server).await;
            let mut expected = Vec::new();
            for _ in 0..3 {
                let client = TcpStream::connect(address).await.unwrap();
                client.write_all(b"word").await.unwrap();
                assert_eq!(
                    read_to_end(&client).await,
                    b"",
                    "closed before it is reported"
                );
                expected.push((String::from("refused"), client.local_addr().unwrap()));
                until(|| errors.borrow().len() == expected.len()).await;
                assert_eq!(*errors.borrow(), expected);
            }
            nursery.cancel();
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_handlers_panic_ends_the_server_with_its_payload() {
    let _alone = alone();
    let before = open_files();
    let unwound = std::panic::catch_unwind(|| {
        nestling::run(open_nursery(async |nursery| {
            let handler = async |_: TcpStream| panic!("a handler's panic");
            let server = serve_tcp(handler, ANY).on_error(|_, _| unreachable!());
            let address = start(nursery, server).await;
            let _client = TcpStream::connect(address).await.unwrap();
            sleep_forever().await;
        }))
    });
    let payload = unwound.unwrap_err();
    assert_eq!(payload.downcast_ref(), Some(&"a handler's panic"));
    assert_eq!(open_files(), before);
}

#[test]
#[cfg(target_os = "linux")]
#[cfg_attr(miri, ignore = "Miri does not shut listeners down")]
fn an_accept_error_that_does_not_pass_ends_the_server() {
    use std::os::fd::AsFd;

    check(async || {
        let listener = TcpListener::bind(ANY).await.unwrap();
        let address = listener.local_addr().unwrap();
        let duplicate = listener.as_fd().try_clone_to_owned().unwrap();
        let result = open_nursery(async |nursery| {
            nursery.start_soon(serve_listeners(echo, [listener]).into_future());
            let _client = connect_and_echo(address).await;
            // Linux ends the listening: from now on `accept` is an invalid call.
            socket2::SockRef::from(&duplicate)
                .shutdown(std::net::Shutdown::Both)
                .unwrap();
            sleep_forever().await;
        });
        let error = result.await.unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with(&format!("accept on {address}: ")),
            "{error}"
        );
        assert!(error.find::<Error>().is_some());
    });
}
