//! The number of file descriptors that the process may have.

use super::Stop;

/// Standard input, output and error, what the run itself needs, a listener, and some in reserve.
const OTHERS: u64 = 10;

/// Makes sure that `count` connections of `each` descriptors fit, and says what to do if not.
pub fn check(count: u64, what: &str, each: u64) -> Result<(), Stop> {
    let needed = count * each + OTHERS;
    let limit = raise_to(needed);
    if needed > limit {
        return Err(Stop::usage(format!(
            "{count} {what} need {needed} file descriptors, but the limit is {limit}: use fewer \
             --{what}, or raise it with \"ulimit -n {needed}\""
        )));
    }
    Ok(())
}

/// How many connections a server may have, after the limit was raised as far as it goes.
pub fn connections_max() -> Result<usize, Stop> {
    let limit = raise_to(u64::MAX);
    match limit.saturating_sub(OTHERS) {
        0 => Err(Stop::usage(format!(
            "a limit of {limit} file descriptors leaves none for connections: raise it with \
             \"ulimit -n {}\" or more",
            OTHERS + 1
        ))),
        count => Ok(usize::try_from(count).unwrap_or(usize::MAX)),
    }
}

/// Raises the process's own limit to `needed`, as far as the system allows it; returns the limit.
#[cfg(unix)]
fn raise_to(needed: u64) -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let limit = getrlimit(Resource::Nofile);
    let current = limit.current.unwrap_or(u64::MAX);
    if current >= needed {
        return current;
    }
    let raised = limit.maximum.map_or(needed, |maximum| maximum.min(needed));
    let wanted = Rlimit {
        current: Some(raised),
        ..limit
    };
    match setrlimit(Resource::Nofile, wanted) {
        Ok(()) => raised,
        Err(_) => current,
    }
}

#[cfg(not(unix))]
fn raise_to(needed: u64) -> u64 {
    needed
}
