//! A tree of nurseries whose children wait for ever, cancelled at its root. The nursery at the root ends when
//! every child has.

use std::time::{Duration, Instant};

use measured::{Arguments, Batches, Error, Live, TREE_BRANCHES, depth};
use nestling::{CancelScope, NurseryError, checkpoint, open_nursery, sleep_forever};

pub(crate) fn run(arguments: Arguments) -> Result<(), Error> {
    nestling::run(Batches::new(&arguments).run_timing(|_| cancel(depth())))
}

async fn cancel(depth: usize) -> Result<Duration, Error> {
    let scope = CancelScope::new();
    let watch = async {
        while Live::count() < Live::in_tree(depth) {
            checkpoint().await;
        }
        // The last ones have yet to wait.
        checkpoint().await;
        checkpoint().await;
        let begun = Instant::now();
        scope.cancel();
        begun
    };
    let mut begun = None;
    open_nursery(async |nursery| -> Result<(), NurseryError> {
        nursery.start_soon(async {
            // Cut off, it has nothing to say.
            let _cut = scope.run(branch(depth)).await;
        });
        begun = Some(watch.await);
        Ok(())
    })
    .await?;
    let time = begun.ok_or("the tree was never there")?.elapsed();
    assert_eq!(Live::count(), 0);
    Ok(time)
}

/// Children below one task: boxed, as async functions that call themselves must be.
fn branch(depth: usize) -> std::pin::Pin<Box<dyn Future<Output = Result<(), NurseryError>>>> {
    Box::pin(async move {
        open_nursery(async |nursery| {
            for _ in 0..TREE_BRANCHES {
                nursery.start_soon(async move {
                    let _live = Live::guard();
                    if depth > 1 {
                        return branch(depth - 1).await;
                    }
                    sleep_forever().await;
                    Ok(())
                });
            }
        })
        .await
    })
}
