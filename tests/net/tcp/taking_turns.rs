//! One reader and one writer at a time.

use super::*;

/// `others` run while one task writes more than goes out.
async fn while_writing(others: impl AsyncFnOnce(&TcpStream)) {
    let (writer, reader) = pair().await;
    let ended = Cell::new(false);
    open_nursery(async |nursery| {
        let ended = &ended;
        nursery.start_soon(async {
            writer.write_all(&[7; LARGE]).await?;
            ended.set(true);
            Ok::<_, Error>(())
        });
        until_writing(1).await;
        others(&writer).await;
        let mut left = LARGE;
        let mut buffer = vec![0; 1 << 16];
        while left > 0 {
            let count = reader.read(&mut buffer).await.unwrap();
            assert!(buffer[..count].iter().all(|byte| *byte == 7));
            left -= count;
            if !ended.get() {
                let error = writer.write(b"x").await.unwrap_err();
                assert!(
                    error.is_busy(),
                    "also between two parts of what it writes: {error}"
                );
            }
        }
    })
    .await
    .unwrap();
}

#[test]
fn whatever_else_would_write_is_told_that_the_stream_is_busy() {
    check(async || {
        while_writing(async |stream| {
            let error = stream.write(b"x").await.unwrap_err();
            assert!(error.is_busy());
            assert_eq!(error.kind(), ErrorKind::ResourceBusy);
            assert!(
                error.to_string().contains("already writing to this stream"),
                "{error}"
            );
            assert!(stream.write_all(b"x").await.unwrap_err().is_busy());
            assert!(stream.write(b"").await.unwrap_err().is_busy());
            assert!(stream.write_all(b"").await.unwrap_err().is_busy());
            assert!(stream.send_eof().await.unwrap_err().is_busy());
        })
        .await;
    });
}

#[test]
fn a_second_reader_is_told_that_the_stream_is_busy() {
    check(async || {
        let (one, other) = pair().await;
        let second = async {
            until_reading(1).await;
            let error = one.read(&mut [0; 8]).await.unwrap_err();
            assert!(error.is_busy());
            assert!(
                error
                    .to_string()
                    .contains("already reading from this stream"),
                "{error}"
            );
            assert!(one.read(&mut []).await.unwrap_err().is_busy());
            assert!(one.read_exact(&mut [0; 8]).await.unwrap_err().is_busy());
            assert!(one.read_exact(&mut []).await.unwrap_err().is_busy());
            // The other direction is free.
            one.write_all(b"x").await.unwrap();
            one.send_eof().await.unwrap();
        };
        cancel_when(one.read(&mut [0; 8]), second).await;
        assert_eq!(read_to_end(&other).await, b"x");
    });
}

#[test]
fn a_reader_of_several_steps_is_busy_between_them_too() {
    check(async || {
        let (one, other) = pair().await;
        let second = async {
            for _ in 0..100 {
                other.write_all(b"x").await.unwrap();
                checkpoint().await;
                assert!(one.read(&mut [0; 8]).await.unwrap_err().is_busy());
            }
        };
        cancel_when(one.read_exact(&mut [0; 101]), second).await;
    });
}

#[test]
fn after_the_turn_the_next_task_may_go_on() {
    check(async || {
        let (one, other) = pair().await;
        cancel_when(one.read(&mut [0; 8]), until_reading(1)).await;
        cancel_when(one.write_all(&vec![0; LARGE]), until_writing(1)).await;
        other.write_all(b"abc").await.unwrap();
        assert_eq!(one.read(&mut [0; 8]).await.unwrap(), 3);
        // The cancelled task's bytes are on their way; more can be added.
        let ended = open_nursery(async |nursery| {
            nursery.start_soon(async {
                one.write_all(b"end").await?;
                one.send_eof().await
            });
            read_to_end(&other)
                .await
                .ends_with(b"end")
                .then_some(())
                .ok_or("no end")
        });
        ended.await.unwrap();
    });
}

#[test]
fn the_turn_ends_with_the_operation_and_not_with_its_future() {
    check(async || {
        let (one, other) = pair().await;
        let mut writing = pin!(one.write_all(b"abc"));
        writing.as_mut().await.unwrap();
        one.write_all(b"def").await.unwrap();

        let mut buffer = [0; 4];
        let mut reading = pin!(other.read_exact(&mut buffer));
        reading.as_mut().await.unwrap();
        assert_eq!(other.read(&mut [0; 8]).await.unwrap(), 2);
        // After having waited, too.
        let mut buffer = [0; 4];
        let mut reading = pin!(other.read_exact(&mut buffer));
        let answer = async {
            until_reading(1).await;
            one.write_all(b"ghijk").await.unwrap();
        };
        open_nursery(async |nursery| {
            nursery.start_soon(answer);
            reading.as_mut().await
        })
        .await
        .unwrap();
        assert_eq!(other.read(&mut [0; 8]).await.unwrap(), 1);
    });
}
