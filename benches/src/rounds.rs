use std::collections::BTreeMap;

use crate::Error;
use crate::peers::Peer;

/// What one run of one peer yields, by name.
pub(crate) type Figures = BTreeMap<&'static str, f64>;

/// The runs of one peer, one for each round, or why there are none.
pub(crate) type Runs = Result<Vec<Figures>, String>;

/// Runs the peers in turn, round by round; each round begins with another of them, so
/// that none always follows the same one. A peer that fails sits out the rest.
pub(crate) fn run(
    rounds: usize,
    peers: &[&'static Peer],
    mut measure: impl FnMut(&'static Peer) -> Result<Figures, Error>,
) -> Vec<(&'static Peer, Runs)> {
    let mut all: Vec<(&Peer, Runs)> = peers.iter().map(|peer| (*peer, Ok(Vec::new()))).collect();
    for round in 0..rounds {
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
