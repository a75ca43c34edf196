use std::future::poll_fn;
use std::task::Poll;

/// Is woken once, by itself, and ready then.
pub async fn one_wake_up() {
    let mut woken = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut woken, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
