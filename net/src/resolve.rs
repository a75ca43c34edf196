//! From an [`Address`](crate::Address) to addresses the system understands.
//!
//! The system's resolver blocks, so a name is looked up in a thread. A lookup cannot be interrupted: if
//! the task is cut off, the thread is left to itself, and what it finds is dropped.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};

use nestling_runtime::to_thread::{self, Limiter};

use crate::address::Target;
use crate::error::{Error, Operation, Reason};
use crate::proceed;

/// How many names are looked up at a time. A limit of their own, since a resolver without an answer takes
/// half a minute to give up, and files should not have to wait for that.
const LOOKUPS_MAX: usize = 40;

thread_local! {
    static LOOKUPS: Limiter = Limiter::new(LOOKUPS_MAX);
}

/// The addresses of `target`, at least one; a checkpoint in any case.
pub(crate) async fn resolve(
    operation: Operation,
    target: &Target,
) -> Result<Vec<SocketAddr>, Error> {
    proceed().await;
    let found = match target {
        Target::Addresses(addresses) => Ok(addresses.clone()),
        Target::Name { host, port } => look_up(host.clone(), *port).await,
        Target::Invalid { problem, .. } => {
            Err(io::Error::new(io::ErrorKind::InvalidInput, problem.clone()))
        }
    };
    match found {
        Ok(addresses) if addresses.is_empty() => Err(Reason::NoAddress.into()),
        found => found,
    }
    .map_err(|error| Error::of_target(operation, target, error))
}

async fn look_up(host: String, port: u16) -> io::Result<Vec<SocketAddr>> {
    let call = LOOKUPS.with(|lookups| to_thread::with().limiter(lookups));
    call.name("nestling-lookup")
        .abandon_on_cancel()
        .run_sync(move || {
            let found = (host.as_str(), port).to_socket_addrs();
            found.map(Iterator::collect)
        })
        .await?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Address;

    #[test]
    fn numbers_need_no_thread_and_names_are_looked_up() {
        nestling_runtime::run(async {
            let numeric = resolve(Operation::Connect, &"127.0.0.1:80".target())
                .await
                .unwrap();
            assert_eq!(numeric, [SocketAddr::from(([127, 0, 0, 1], 80))]);
            let named = resolve(Operation::Connect, &"localhost:80".target())
                .await
                .unwrap();
            assert!(
                named
                    .iter()
                    .all(|address| address.ip().is_loopback() && address.port() == 80)
            );
        });
    }

    #[test]
    fn an_empty_list_is_an_error() {
        let error = nestling_runtime::run(async {
            resolve(Operation::Connect, &[].target()).await.unwrap_err()
        });
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert_eq!(
            error.to_string(),
            "connect to an empty list of addresses: there is nothing to try"
        );
    }
}
