//! No run is watched here.

use std::task::{Context, Waker};

pub(crate) fn own_waker(cx: &Context<'_>) -> Waker {
    cx.waker().clone()
}
