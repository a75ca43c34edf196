//! Values on the command line, each with a message that says what would be right.

use std::ffi::OsString;
use std::fmt::Display;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use super::Stop;

/// Where the server listens and the client connects to.
pub const DEFAULT_ADDRESS: &str = "127.0.0.1:12345";

const SECONDS_MAX: f64 = 86_400.0;

/// The value of `option`, a number in `range` (of `unit`).
pub fn number<N>(
    parser: &mut lexopt::Parser,
    option: &str,
    unit: &str,
    range: RangeInclusive<N>,
) -> Result<N, Stop>
where
    N: FromStr + PartialOrd + Display,
{
    let value = parser.value()?;
    value
        .to_str()
        .and_then(|text| text.parse().ok())
        .filter(|number| range.contains(number))
        .ok_or_else(|| {
            let (least, most) = (range.start(), range.end());
            Stop::usage(format!(
                "--{option} takes a number of {unit} from {least} to {most}, not {value:?}"
            ))
        })
}

/// The value of `option`, a time in seconds.
pub fn seconds(parser: &mut lexopt::Parser, option: &str) -> Result<Duration, Stop> {
    let value = parser.value()?;
    let range = 0.0..=SECONDS_MAX;
    value
        .to_str()
        .and_then(|text| text.parse().ok())
        .filter(|seconds| range.contains(seconds))
        .map(Duration::from_secs_f64)
        .ok_or_else(|| {
            Stop::usage(format!(
                "--{option} takes a number of seconds from 0 to {SECONDS_MAX}, not {value:?}"
            ))
        })
}

/// An address such as `127.0.0.1:12345` or `localhost:12345`.
pub fn address(value: OsString) -> Result<String, Stop> {
    match value.to_str() {
        Some(text) if is_address(text) => Ok(text.to_owned()),
        _ => Err(Stop::usage(format!(
            "{value:?} is not an address: write HOST:PORT, as 127.0.0.1:12345 or [::1]:12345"
        ))),
    }
}

/// Whether `text` can be an address. Whether there is a host of that name, only the system can tell.
fn is_address(text: &str) -> bool {
    if text.parse::<SocketAddr>().is_ok() {
        return true;
    }
    let Some((host, port)) = text.rsplit_once(':') else {
        return false;
    };
    let is_name = host
        .chars()
        .all(|c| c.is_alphanumeric() || matches!(c, '-' | '.' | '_'));
    let is_number = host.chars().all(|c| c.is_ascii_digit() || c == '.');
    is_name && !is_number && port.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::is_address;

    #[test]
    fn addresses_are_told_from_other_things() {
        for address in [
            "127.0.0.1:0",
            "[::1]:80",
            "localhost:12345",
            "a-b.example:1",
        ] {
            assert!(is_address(address), "{address}");
        }
        for other in [
            "",
            ":",
            ":80",
            "localhost",
            "12345",
            "1.2.3:80",
            "1.2.3.999:80",
            "::1:80",
            "a b:80",
            "x:65536",
            "x:-1",
        ] {
            assert!(!is_address(other), "{other}");
        }
    }
}
