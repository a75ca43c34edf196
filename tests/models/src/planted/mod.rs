//! Copies of the runtime's files with one bug each, chosen when they are made.

pub(crate) mod afar;
pub(crate) mod canceller;
pub(crate) mod handshake;
pub(crate) mod idle;
pub(crate) mod inbox;
pub(crate) mod main_waker;
pub(crate) mod remote;
pub(crate) mod word;
