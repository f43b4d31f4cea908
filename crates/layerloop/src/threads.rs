//! How many threads work together, and with which instruction set.

use layerloop_kernels::{Isa, Team};

use crate::{Error, Result};

/// Threads of a team, at most: each has a stack, and a block of rows in every workspace.
const MOST: usize = 1024;

/// Refuses a number of threads that no team can have.
pub(crate) fn check(threads: usize) -> Result<()> {
    if (1..=MOST).contains(&threads) {
        return Ok(());
    }
    Err(Error::config("threads", format!("{threads}; between 1 and {MOST} are possible")))
}

/// A team of `threads` threads with the instruction set that the environment names, or the widest one.
///
/// # Errors
/// [`Error::Config`] for 0 or more than 1024 threads, or if `LAYERLOOP_ISA` names an instruction set that this processor lacks.
pub(crate) fn team(threads: usize) -> Result<Team> {
    check(threads)?;
    Ok(Team::new(threads, isa()?))
}

/// The instruction set that the environment names, or the widest one.
///
/// # Errors
/// [`Error::Config`] for one that this processor lacks.
pub(crate) fn isa() -> Result<Isa> {
    Isa::chosen().map_err(|error| Error::config("LAYERLOOP_ISA", error.to_string()))
}

#[cfg(test)]
mod tests {
    use crate::data::{Dataset, Inputs};
    use crate::evaluate::evaluate;
    use crate::network::{InputGradients, Network, Predictor};
    use crate::train::{Objective, loss_and_gradient, samples};

    /// 10,000 threads were started as far as the system gave them, 2^64 - 1 overflowed, and 0 became 1.
    #[test]
    fn a_number_of_threads_that_no_team_can_have_is_refused_everywhere() {
        let network = Network::new(&"2 -> 3 tanh -> 2".parse().unwrap(), 0).unwrap();
        let data = Dataset::new("test", Inputs::Floats(vec![0.5; 4].into()), 2, vec![0, 1], ["a", "b"]).unwrap();
        for threads in [0, 1025, 10_000, usize::MAX] {
            let refused = [
                Predictor::new(&network, threads).map(drop),
                InputGradients::new(&network, threads).map(drop),
                InputGradients::by_first_layer(&network, threads).map(drop),
                evaluate(&network, &data, threads).map(drop),
                samples(&network, &data, &Objective::default(), threads).map(drop),
                loss_and_gradient(&network, &data, threads).map(drop),
                crate::explain::Hessian::of(&network, &data, &Objective::default(), threads).map(drop),
            ];
            for refused in refused {
                let said = refused.unwrap_err().to_string();
                assert_eq!(said, format!("threads: {threads}; between 1 and 1024 are possible"));
            }
        }
    }
}
