//! What is done to a program, and where.

use std::fmt;

/// What is done to a program at one of its steps, which are counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Disturbance {
    /// The scope around the program is cancelled.
    Cancel(usize),
    /// The program's future is dropped as soon as the poll in which the step is has returned.
    Drop(usize),
    /// A panic comes from the step, which the program must let through.
    Panic(usize),
}

impl Disturbance {
    /// The step at which it comes.
    #[must_use]
    pub fn step(self) -> usize {
        match self {
            Disturbance::Cancel(step) | Disturbance::Drop(step) | Disturbance::Panic(step) => step,
        }
    }
}

impl fmt::Display for Disturbance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Disturbance::Cancel(step) => write!(f, "cancelled at step {step}"),
            Disturbance::Drop(step) => write!(f, "dropped at step {step}"),
            Disturbance::Panic(step) => write!(f, "made to panic at step {step}"),
        }
    }
}

/// How to write `plan` in a program.
pub(super) fn source(plan: &[Disturbance]) -> String {
    let each: Vec<String> = plan
        .iter()
        .map(|disturbance| format!("Disturbance::{disturbance:?}"))
        .collect();
    format!("[{}]", each.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_shown_as_it_is_written() {
        let plan = [Disturbance::Cancel(3), Disturbance::Panic(7)];
        assert_eq!(
            source(&plan),
            "[Disturbance::Cancel(3), Disturbance::Panic(7)]"
        );
        assert_eq!(plan[1].to_string(), "made to panic at step 7");
        assert_eq!(plan[1].step(), 7);
    }
}
