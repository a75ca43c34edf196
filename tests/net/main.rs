//! The network: names, connections and servers.

mod lookup;
mod serve;
mod support;
mod tcp;
