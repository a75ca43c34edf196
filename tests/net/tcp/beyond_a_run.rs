//! Streams outside their run, and beside other code.

use super::*;

#[test]
fn a_stream_is_of_no_use_in_another_run_and_can_be_dropped_there() {
    let _alone = alone();
    let before = open_files();
    let (one, other) = run(pair());
    run(async move {
        for error in [
            one.read(&mut [0; 8]).await.unwrap_err(),
            one.write_all(b"x").await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(error.to_string().contains("another run"), "{error}");
        }
        drop((one, other));
    });
    assert_eq!(open_files(), before);
}

#[test]
fn a_stream_may_be_dropped_after_its_run() {
    let _alone = alone();
    let before = open_files();
    let ends = run(pair());
    drop(ends);
    assert_eq!(open_files(), before);
}

#[test]
fn sockets_of_the_standard_library_can_be_taken_over() {
    check(async || {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let listener = TcpListener::from_std(listener).unwrap();
        let client = TcpStream::from_std(client).unwrap();
        let (server, _) = listener.accept().await.unwrap();
        assert!(client.nodelay().unwrap() && server.nodelay().unwrap());
        server.write_all(b"abc").await.unwrap();
        assert_eq!(client.read(&mut [0; 8]).await.unwrap(), 3);
    });
}

#[test]
fn errors_pass_into_those_of_the_standard_library_and_through_nurseries() {
    check(async || {
        let [closed, _] = closed_addresses().await;
        let connect = async || -> io::Result<TcpStream> { Ok(TcpStream::connect(closed).await?) };
        assert_eq!(
            connect().await.unwrap_err().kind(),
            ErrorKind::ConnectionRefused
        );
        let error = open_nursery(async |_| ok(TcpStream::connect(closed).await?))
            .await
            .unwrap_err();
        assert!(error.find::<Error>().unwrap().is_connection_refused());
        assert!(error.find::<io::Error>().is_some());
    });
}

#[test]
fn debug_shows_who_is_at_it() {
    check(async || {
        let (one, _other) = pair().await;
        let look = async {
            until_reading(1).await;
            let text = format!("{one:?}");
            assert!(
                text.contains("reading: true") && text.contains("writing: false"),
                "{text}"
            );
            assert!(
                text.contains(&one.peer_addr().unwrap().to_string()),
                "{text}"
            );
        };
        cancel_when(one.read(&mut [0; 8]), look).await;
        until(|| format!("{one:?}").contains("reading: false")).await;
    });
}
