//! What cancelled and dropped operations leave behind: nothing.

use super::*;

#[test]
fn an_operation_that_is_cancelled_before_it_begins_does_nothing() {
    check(async || {
        let (one, other) = pair().await;
        other.write_all(b"abc").await.unwrap();
        begin_cancelled(one.read(&mut [0; 8])).await;
        begin_cancelled(one.read_exact(&mut [0; 3])).await;
        begin_cancelled(one.read(&mut [])).await;
        begin_cancelled(one.write(b"x")).await;
        begin_cancelled(one.write_all(b"x")).await;
        begin_cancelled(one.write_all(b"")).await;
        begin_cancelled(one.send_eof()).await;
        let mut buffer = [0; 8];
        assert_eq!(one.read(&mut buffer).await.unwrap(), 3, "nothing was read");
        one.write_all(b"y").await.unwrap();
        one.send_eof().await.unwrap();
        assert_eq!(read_to_end(&other).await, b"y", "nothing was written");
    });
}

#[test]
fn a_read_that_is_cancelled_loses_nothing() {
    check(async || {
        let (one, other) = pair().await;
        for _ in 0..3 {
            cancel_when(one.read(&mut [0; 8]), until_reading(1)).await;
            assert_eq!(statistics().io.tasks_waiting_read, 0);
        }
        other.write_all(b"abc").await.unwrap();
        assert_eq!(one.read(&mut [0; 8]).await.unwrap(), 3);
    });
}

#[test]
fn bytes_that_come_in_as_the_reader_is_cancelled_stay_for_the_next() {
    check(async || {
        let (one, other) = pair().await;
        let data = async {
            until_reading(1).await;
            other.write_all(b"abc").await.unwrap();
        };
        cancel_when(one.read(&mut [0; 8]), data).await;
        assert_eq!(one.read(&mut [0; 8]).await.unwrap(), 3);
    });
}

#[test]
fn writers_that_are_cancelled_leave_nothing_waiting() {
    check(async || {
        let (one, _other) = pair().await;
        cancel_when(one.write_all(&vec![0; LARGE]), until_writing(1)).await;
        cancel_when(one.write(b"x"), until_writing(1)).await;
        assert_eq!(statistics().io.tasks_waiting_write, 0);
    });
}

#[test]
fn a_future_that_is_dropped_leaves_nothing_waiting() {
    check(async || {
        let (one, other) = pair().await;
        let large = vec![0; LARGE];
        let mut buffer = [0; 8];
        let mut reading = Box::pin(one.read(&mut buffer));
        let mut writing = Box::pin(one.write_all(&large));
        std::future::poll_fn(|cx| {
            assert!(reading.as_mut().poll(cx).is_pending());
            assert!(writing.as_mut().poll(cx).is_pending());
            std::task::Poll::Ready(())
        })
        .await;
        assert_eq!(statistics().io.tasks_waiting_read, 1);
        assert_eq!(statistics().io.tasks_waiting_write, 1);
        drop((reading, writing));
        assert_eq!(statistics().io.tasks_waiting_read, 0);
        assert_eq!(statistics().io.tasks_waiting_write, 0);
        other.write_all(b"abc").await.unwrap();
        assert_eq!(one.read(&mut buffer).await.unwrap(), 3);
    });
}

#[test]
fn a_whole_tree_of_tasks_at_their_sockets_can_be_cancelled() {
    check(async || {
        let nursery = open_nursery(async |nursery| {
            for _ in 0..20 {
                nursery.start_soon(async {
                    let (one, _other) = pair().await;
                    one.read(&mut [0; 8]).await.map(drop)
                });
                nursery.start_soon(async {
                    let (one, _other) = pair().await;
                    one.write_all(&vec![0; LARGE]).await
                });
            }
            until_reading(20).await;
            until_writing(20).await;
            nursery.cancel();
            sleep_forever().await;
        });
        let error = nursery.await.unwrap_err();
        assert!(error.is_cancelled(), "{error}");
        assert_eq!(statistics().io.sources, 0);
    });
}
