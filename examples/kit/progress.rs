//! Showing how far the work has come.

use std::env;
use std::io::{self, IsTerminal};
use std::time::Duration;

use nestling::{current_time, interval};

use super::load::Tally;
use super::output::{raw, say};

const REDRAW: Duration = Duration::from_millis(100);
const WIDTH: u64 = 30;
/// Without a terminal, a line each time that this much more is done.
const PERCENT_PER_LINE: u64 = 10;

/// Shows `tally` until it is cancelled: as a bar on a terminal, elsewhere as a few plain lines.
pub async fn show(tally: &Tally) -> ! {
    let start = current_time();
    let terminal =
        io::stdout().is_terminal() && env::var_os("TERM").is_none_or(|term| term != "dumb");
    let _bar = terminal.then(|| Bar);
    let mut ticks = interval(REDRAW);
    let mut said = 0;
    loop {
        ticks.tick().await;
        let seconds = (current_time() - start).as_secs_f64().max(0.001);
        let (done, all) = (tally.messages(), tally.messages_wanted());
        let percent = done * 100 / all;
        let rate = done as f64 / seconds;
        if terminal {
            let full = (done * WIDTH / all) as usize;
            let bar = format!("{}{}", "#".repeat(full), ".".repeat(WIDTH as usize - full));
            raw(&format!(
                "\r[{bar}] {percent:3} %  {done}/{all} messages, {rate:.0}/s"
            ));
        } else if percent >= said + PERCENT_PER_LINE {
            said = percent;
            say!("{percent:3} %  {done}/{all} messages, {rate:.0}/s");
        }
    }
}

/// A line that is drawn over and over; it goes when it is dropped, however that comes about.
struct Bar;

impl Drop for Bar {
    fn drop(&mut self) {
        raw("\r\x1b[2K");
    }
}
