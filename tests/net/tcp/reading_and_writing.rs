//! Bytes go in and come out.

use super::*;

#[test]
fn a_read_returns_what_there_is_up_to_the_size_of_the_buffer() {
    check(async || {
        let (one, other) = pair().await;
        other.write_all(b"abcde").await.unwrap();
        other.send_eof().await.unwrap();
        let mut all = Vec::new();
        loop {
            let mut buffer = [0; 2];
            let count = one.read(&mut buffer).await.unwrap();
            if count == 0 {
                break;
            }
            all.extend_from_slice(&buffer[..count]);
        }
        assert_eq!(all, b"abcde");
    });
}

#[test]
fn to_read_into_an_empty_buffer_is_an_error_and_no_end() {
    check(async || {
        let (one, other) = pair().await;
        let mut empty = Vec::with_capacity(64);
        let error = one.read(&mut empty).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("vec![0; 4096]"), "{error}");
        other.write_all(b"x").await.unwrap();
        one.read_exact(&mut empty).await.unwrap();
        assert_eq!(one.read(&mut [0; 8]).await.unwrap(), 1, "nothing was lost");
    });
}

#[test]
fn empty_writes_are_invisible() {
    check(async || {
        let (one, other) = pair().await;
        one.write_all(b"").await.unwrap();
        assert_eq!(one.write(b"").await.unwrap(), 0);
        one.write_all(b"x").await.unwrap();
        one.write_all(b"").await.unwrap();
        one.send_eof().await.unwrap();
        assert_eq!(read_to_end(&other).await, b"x");
    });
}

#[test]
fn read_exact_fills_its_buffer_or_says_how_far_it_came() {
    check(async || {
        let (one, other) = pair().await;
        open_nursery(async |nursery| {
            nursery.start_soon(async {
                for byte in *b"abcdefg" {
                    other.write_all(&[byte]).await?;
                    checkpoint().await;
                }
                other.send_eof().await
            });
            let mut buffer = [0; 4];
            one.read_exact(&mut buffer).await.unwrap();
            assert_eq!(&buffer, b"abcd");
            let error = one.read_exact(&mut buffer).await.unwrap_err();
            assert!(error.is_unexpected_end());
            assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
            assert!(
                error
                    .to_string()
                    .ends_with("the stream ended after 3 of 4 bytes"),
                "{error}"
            );
            assert_eq!(&buffer[..3], b"efg");
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_mebibyte_crosses_another_in_chunks_of_any_size() {
    const SIZE: usize = 1 << 20;

    async fn send(stream: &TcpStream, bytes: &[u8], mut random: Random) -> Result<(), Error> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let (chunk, others) = rest.split_at(random.below(rest.len().min(1 << 16) + 1));
            stream.write_all(chunk).await?;
            rest = others;
        }
        stream.send_eof().await
    }

    async fn receive(stream: &TcpStream, expected: &[u8], mut random: Random) -> Result<(), Error> {
        let mut received = Vec::new();
        let mut buffer = vec![0; 1 << 16];
        loop {
            let room = 1 + random.below(buffer.len());
            match stream.read(&mut buffer[..room]).await? {
                0 => break,
                count => received.extend_from_slice(&buffer[..count]),
            }
        }
        assert!(received == expected);
        Ok(())
    }

    check(async || {
        for seed in 1..=5 {
            let mut random = Random(seed);
            let (there, back) = (random.bytes(SIZE), random.bytes(SIZE));
            let (one, other) = pair().await;
            let mut random = || Random(random.next());
            open_nursery(async |nursery| {
                nursery.start_soon(send(&one, &there, random()));
                nursery.start_soon(receive(&one, &back, random()));
                nursery.start_soon(send(&other, &back, random()));
                nursery.start_soon(receive(&other, &there, random()));
            })
            .await
            .unwrap();
        }
    });
}

#[test]
fn ten_megabytes_in_one_write_arrive_as_they_are() {
    check(async || {
        let bytes = Random(9).bytes(10_000_000);
        let (one, other) = pair().await;
        open_nursery(async |nursery| {
            nursery.start_soon(async {
                one.write_all(&bytes).await?;
                one.send_eof().await
            });
            assert!(read_to_end(&other).await == bytes);
        })
        .await
        .unwrap();
    });
}

#[test]
fn what_write_reports_is_what_arrives_when_it_is_cancelled() {
    check(async || {
        let mut random = Random(3);
        for _ in 0..50 {
            let bytes = random.bytes(1 << 20);
            let (one, other) = pair().await;
            let sent = Cell::new(0);
            let received = RefCell::new(Vec::new());
            let stop = random.below(2 << 20);
            open_nursery(async |nursery| {
                nursery.start_soon(async {
                    while sent.get() < bytes.len() {
                        let count = one.write(&bytes[sent.get()..]).await?;
                        sent.set(sent.get() + count);
                    }
                    Ok::<_, Error>(())
                });
                let mut buffer = vec![0; 1 << 14];
                while received.borrow().len() < stop.min(bytes.len()) {
                    let count = other.read(&mut buffer).await.unwrap();
                    received.borrow_mut().extend_from_slice(&buffer[..count]);
                }
                nursery.cancel();
            })
            .await
            .unwrap();
            one.send_eof().await.unwrap();
            let rest = read_to_end(&other).await;
            received.borrow_mut().extend(rest);
            assert!(received.into_inner() == bytes[..sent.get()]);
        }
    });
}
