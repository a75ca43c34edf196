//! The models. Each says in its first line what can't happen.

mod afar;
mod canceller;
mod handshake;
mod idle;
mod inbox;
mod link;
mod main_waker;
mod remote;
mod task;
mod word;

pub(crate) use afar::{Count, Mark};
pub(crate) use canceller::Request;
pub(crate) use handshake::Bell;
pub(crate) use idle::Seats;
pub(crate) use inbox::Door;
pub(crate) use main_waker::MainBell;
pub(crate) use remote::Shelf;
pub(crate) use word::Waits;
