//! Work queues: their orders, `join`, and both ways to shut them down.

use std::cell::Cell;
use std::cmp::{Ordering, Reverse};
use std::pin::pin;
use std::task::Poll;

use nestling::channel::work_queue::{ShutDown, TryPutError};
use nestling::channel::{TryRecvError, WorkQueue};
use nestling::{CancelScope, checkpoint, ok, open_nursery};

use crate::support::{catch, poll_once, run, settle};

fn order<T: Copy + Ord>(queue: &WorkQueue<T>, jobs: &[T]) -> Vec<T> {
    for job in jobs {
        assert_eq!(queue.try_put(*job), Ok(()));
    }
    std::iter::from_fn(|| queue.try_get().ok().map(|job| *job)).collect()
}

#[test]
fn jobs_come_in_the_order_of_the_queue() {
    let jobs = [2, 5, 1, 5, 3];
    assert_eq!(order(&WorkQueue::fifo(9), &jobs), jobs);
    assert_eq!(order(&WorkQueue::lifo(9), &jobs), [3, 5, 1, 5, 2]);
    assert_eq!(order(&WorkQueue::priority(9), &jobs), [5, 5, 3, 2, 1]);
    let least_first = WorkQueue::priority(9);
    let jobs = jobs.map(Reverse);
    assert_eq!(order(&least_first, &jobs), [1, 2, 3, 5, 5].map(Reverse));
}

#[test]
fn equal_jobs_come_in_the_order_of_arrival() {
    #[derive(Clone, Copy, Debug)]
    struct Job(u8, char);
    impl Ord for Job {
        fn cmp(&self, other: &Self) -> Ordering {
            self.0.cmp(&other.0)
        }
    }
    impl PartialOrd for Job {
        fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
            Some(self.cmp(other))
        }
    }
    impl PartialEq for Job {
        fn eq(&self, other: &Self) -> bool {
            self.0 == other.0
        }
    }
    impl Eq for Job {}
    let queue = WorkQueue::priority(9);
    let jobs = [Job(1, 'a'), Job(2, 'b'), Job(1, 'c'), Job(2, 'd')];
    let names: Vec<char> = order(&queue, &jobs).iter().map(|job| job.1).collect();
    assert_eq!(names, ['b', 'd', 'a', 'c']);
}

#[test]
fn putting_waits_for_room_and_getting_for_a_job_in_order() {
    run(async {
        let queue = WorkQueue::fifo(1);
        let mut first = Box::pin(queue.get());
        let mut second = Box::pin(queue.get());
        assert!(poll_once(&mut first).await.is_pending());
        assert!(poll_once(&mut second).await.is_pending());
        queue.try_put('a').unwrap();
        // It is the first one's, and still takes room.
        assert_eq!(queue.try_get().map(|job| *job), Err(TryRecvError::Empty));
        assert_eq!(queue.try_put('x'), Err(TryPutError::Full('x')));
        drop(first);
        let Poll::Ready(Some(job)) = poll_once(&mut second).await else {
            panic!("the job is the second one's now");
        };
        assert_eq!(*job, 'a');
        drop(job);
        queue.try_put('b').unwrap();
        let mut parked = pin!(queue.put('c'));
        let mut behind = pin!(queue.put('d'));
        assert!(poll_once(&mut parked).await.is_pending());
        assert!(poll_once(&mut behind).await.is_pending());
        assert_eq!(queue.get().await.map(|job| *job), Some('b'));
        assert_eq!(queue.try_put('x'), Err(TryPutError::Full('x')));
        assert!(poll_once(&mut behind).await.is_pending());
        assert_eq!(parked.await, Ok(()));
        assert_eq!(queue.get().await.map(|job| *job), Some('c'));
        assert_eq!(behind.await, Ok(()));
        assert_eq!(queue.statistics().peak_queued, 1);
    });
}

#[test]
fn join_waits_until_every_job_is_done() {
    run(async {
        let queue = WorkQueue::fifo(9);
        queue.join().await;
        open_nursery(async |nursery| {
            for job in 0..3 {
                queue.put(job).await?;
            }
            let done = Cell::new(0);
            let (done, queue) = (&done, &queue);
            let workers = open_nursery(async |workers| {
                for _ in 0..2 {
                    workers.task().daemon().start_soon(async move {
                        while let Some(job) = queue.get().await {
                            checkpoint().await;
                            done.set(done.get() + 1);
                            drop(job);
                        }
                    });
                }
                queue.join().await;
                assert_eq!(done.get(), 3);
                assert_eq!(queue.statistics().unfinished, 0);
            });
            workers.await?;
            assert!(nursery.is_empty());
            ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_job_is_done_however_it_ends() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("a job panics when it is dropped");
        }
    }
    run(async {
        let queue = WorkQueue::fifo(2);
        assert!(queue.try_put(Bomb).is_ok());
        let Ok(job) = queue.try_get() else {
            panic!("it was put");
        };
        let mut join = pin!(queue.join());
        assert!(poll_once(&mut join).await.is_pending());
        catch(|| drop(job));
        join.await;

        let queue = WorkQueue::fifo(2);
        queue.put(7).await.unwrap();
        let job = queue.get().await.unwrap();
        assert_eq!(queue.statistics().unfinished, 1);
        assert_eq!(format!("{job:>3}, {job:?}"), "  7, Job(7)");
        assert_eq!(job.into_inner(), 7);
        assert_eq!(queue.statistics().unfinished, 0);
    });
}

#[test]
fn a_queue_that_is_shut_down_is_drained() {
    run(async {
        let queue = WorkQueue::fifo(1);
        queue.put('a').await.unwrap();
        let mut parked = pin!(queue.put('b'));
        assert!(poll_once(&mut parked).await.is_pending());
        queue.shutdown();
        queue.shutdown();
        assert_eq!(
            poll_once(&mut parked).await,
            Poll::Ready(Err(ShutDown('b')))
        );
        let late = queue.put('c').await.unwrap_err();
        assert_eq!((late.into_job(), late.without_job()), ('c', ShutDown(())));
        let late = queue.try_put('c').unwrap_err();
        assert_eq!((late, late.into_job()), (TryPutError::ShutDown('c'), 'c'));
        let mut join = pin!(queue.join());
        assert!(poll_once(&mut join).await.is_pending());
        assert_eq!(queue.get().await.map(|job| *job), Some('a'));
        for _ in 0..2 {
            assert!(queue.get().await.is_none());
            assert!(matches!(queue.try_get(), Err(TryRecvError::Ended)));
        }
        join.await;
    });
}

#[test]
fn getters_that_wait_hear_of_the_end() {
    run(async {
        let queue = WorkQueue::<u8>::fifo(1);
        open_nursery(async |nursery| {
            let queue = &queue;
            for _ in 0..3 {
                nursery.start_soon(async move { while queue.get().await.is_some() {} });
            }
            settle().await;
            queue.put(1).await?;
            queue.shutdown();
            ok(())
        })
        .await
        .unwrap();
        assert_eq!(queue.statistics().tasks_waiting_get, 0);
    });
}

#[test]
fn shut_down_at_once_it_gives_the_rest_back() {
    run(async {
        let queue = WorkQueue::fifo(3);
        for job in 0..3 {
            queue.put(job).await.unwrap();
        }
        let working = queue.get().await.unwrap();
        let mut join = pin!(queue.join());
        assert!(poll_once(&mut join).await.is_pending());
        assert_eq!(queue.shutdown_now(), [1, 2]);
        assert!(queue.get().await.is_none());
        // One is still being worked on.
        assert!(poll_once(&mut join).await.is_pending());
        drop(working);
        join.await;

        let queue = WorkQueue::fifo(3);
        let mut waiting = pin!(queue.get());
        assert!(poll_once(&mut waiting).await.is_pending());
        queue.try_put(1).unwrap();
        assert_eq!(queue.shutdown_now(), [1]);
        assert!(waiting.await.is_none());
        queue.join().await;
    });
}

#[test]
fn in_a_cancelled_context_nothing_is_put_or_got() {
    run(async {
        let queue = WorkQueue::fifo(3);
        queue.put(1).await.unwrap();
        let cancelled = || {
            let scope = CancelScope::new();
            scope.cancel();
            scope
        };
        assert!(cancelled().run(queue.put(2)).await.is_err());
        assert!(cancelled().run(queue.get()).await.is_err());
        assert!(cancelled().run(queue.join()).await.is_err());
        assert_eq!(queue.len(), 1);
        assert_eq!(queue.try_get().map(|job| *job), Ok(1));
    });
}

#[test]
fn a_comparison_that_panics_changes_nothing() {
    struct Picky(u8);
    impl Ord for Picky {
        fn cmp(&self, other: &Self) -> Ordering {
            assert!(self.0 != 9 && other.0 != 9, "it can't be compared");
            self.0.cmp(&other.0)
        }
    }
    impl PartialOrd for Picky {
        fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
            Some(self.cmp(other))
        }
    }
    impl PartialEq for Picky {
        fn eq(&self, other: &Self) -> bool {
            self.cmp(other).is_eq()
        }
    }
    impl Eq for Picky {}
    let queue = WorkQueue::priority(2);
    assert!(queue.try_put(Picky(1)).is_ok());
    catch(|| queue.try_put(Picky(9)));
    assert_eq!(queue.statistics().unfinished, 1);
    assert!(queue.try_put(Picky(2)).is_ok());
    assert_eq!(queue.try_get().map(|job| job.0).ok(), Some(2));
}

#[test]
fn a_queue_without_room_is_refused() {
    catch(|| WorkQueue::<u8>::fifo(0));
    let huge = WorkQueue::fifo(usize::MAX);
    assert!(huge.try_put(1).is_ok());
}
