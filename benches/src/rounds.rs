use std::collections::BTreeMap;

use crate::Error;
use crate::options::Options;

/// What one run of one peer yields, by name.
pub(crate) type Figures = BTreeMap<&'static str, f64>;

/// The runs of one peer, one for each round, or why there are none.
pub(crate) type Runs = Result<Vec<Figures>, String>;

/// Runs the peers in turn, round by round; each round begins with another of them, so
/// that none always follows the same one. A peer that fails sits out the rest.
pub(crate) fn run<'p>(
    options: &Options,
    peers: &[&'p str],
    mut measure: impl FnMut(&'p str) -> Result<Figures, Error>,
) -> Vec<(&'p str, Runs)> {
    let mut all: Vec<(&str, Runs)> = peers.iter().map(|peer| (*peer, Ok(Vec::new()))).collect();
    for round in 0..options.rounds {
        for turn in 0..peers.len() {
            let (peer, runs) = &mut all[(round + turn) % peers.len()];
            let Ok(done) = runs else { continue };
            match measure(peer) {
                Ok(figures) => done.push(figures),
                Err(error) => *runs = Err(error.to_string()),
            }
        }
    }
    all
}
