//! What is said about a run that went wrong.

use std::fmt;

use super::disturbance::{Disturbance, source};
use super::once::Problem;
use super::place::Place;

pub(super) struct Failure<'a> {
    pub(super) plan: &'a [Disturbance],
    /// As far as the run came.
    pub(super) places: &'a [Place],
    /// How many steps the undisturbed program has.
    pub(super) steps: usize,
    pub(super) problem: &'a Problem,
}

impl fmt::Display for Failure<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((first, more)) = self.plan.split_first() else {
            return write!(f, "left alone, {}", self.problem);
        };
        write!(f, "{first} of {}", self.steps)?;
        for next in more {
            write!(f, " and {next}")?;
        }
        write!(f, ", {}", self.problem)?;
        for (disturbance, place) in self.plan.iter().zip(self.places) {
            write!(f, "\nstep {} is {place}", disturbance.step())?;
        }
        write!(
            f,
            "\nto see this run alone: CancelEverywhere::new().only({})",
            source(self.plan)
        )
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Failed(error) => write!(f, "the program failed: {error}"),
            Problem::Panicked(text) => write!(f, "the program panicked: {text}"),
            Problem::Swallowed => f.write_str(
                "the program swallowed the panic: it came from a step, and did not come out",
            ),
            Problem::Endless(steps) => {
                write!(
                    f,
                    "the program does not come to an end within {steps} steps"
                )
            }
            Problem::Run(error) => write!(f, "the program came to no end: {error}"),
            Problem::Left(lines, tree) => {
                f.write_str("the program left something behind:")?;
                for line in lines {
                    write!(f, "\n  {line}")?;
                }
                if let Some(tree) = tree {
                    write!(f, "\nwhat lives:\n{tree}")?;
                }
                Ok(())
            }
        }
    }
}
