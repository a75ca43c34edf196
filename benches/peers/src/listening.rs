use std::net::SocketAddr;

use lexopt::prelude::*;

use crate::Error;

/// The bytes of buffer for each connection, from `--buffer BYTES`.
pub fn buffer_len() -> Result<usize, Error> {
    let mut parser = lexopt::Parser::from_env();
    let mut bytes = 1024;
    while let Some(argument) = parser.next()? {
        match argument {
            Long("buffer") => bytes = parser.value()?.parse()?,
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(bytes)
}

/// Tells the driver, which reads this program's standard output, where to connect
/// and which process to watch.
pub fn announce(address: SocketAddr) {
    println!("listening {address} pid {}", std::process::id());
}
