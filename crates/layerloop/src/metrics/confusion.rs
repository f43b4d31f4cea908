//! What follows from how often class r was predicted as class c.

use super::predictions::Predictions;
use crate::names::is_same;
use crate::{Error, Result};

/// How the scores of several classes become one, as scikit-learn's `average`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Average {
    /// Every class that occurs counts the same.
    Macro,
    /// Every row counts the same: true positives, false ones, missed ones are summed over the classes.
    Micro,
    /// Every class counts as often as it is true.
    Weighted,
}

impl std::fmt::Display for Average {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Macro => "macro",
            Self::Micro => "micro",
            Self::Weighted => "weighted",
        })
    }
}

impl std::str::FromStr for Average {
    type Err = Error;
    fn from_str(name: &str) -> Result<Self> {
        [Self::Macro, Self::Micro, Self::Weighted]
            .into_iter()
            .find(|average| is_same(&average.to_string(), name))
            .ok_or_else(|| Error::config("average", format!("`{name}`; expected macro, micro or weighted")))
    }
}

/// Weights of the rows of class r that were predicted as class c: K x K.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Confusion(Vec<Vec<f64>>);

/// Of one class: weights of the rows rightly predicted as it, of all rows predicted as it, of all rows that are of it.
#[derive(Clone, Copy)]
pub(super) struct Counts {
    right: f64,
    taken: f64,
    support: f64,
}

/// part / whole, 0 where there is no whole.
fn share(part: f64, whole: f64) -> f64 {
    if whole == 0.0 { 0.0 } else { part / whole }
}

impl Counts {
    pub(super) fn precision(self) -> f64 {
        share(self.right, self.taken)
    }

    pub(super) fn recall(self) -> f64 {
        share(self.right, self.support)
    }

    pub(super) fn f1(self) -> f64 {
        share(2.0 * self.right, self.taken + self.support)
    }
}

impl Confusion {
    pub(super) fn of(predictions: &Predictions, classes: usize) -> Self {
        let mut counts = vec![vec![0.0; classes]; classes];
        predictions.class_rows().for_each(|(p, label, weight)| counts[label][predictions.class_of(p)] += weight);
        Self(counts)
    }

    pub(super) fn classes(&self) -> Vec<Counts> {
        let class = |k: usize| Counts {
            right: self.0[k][k],
            taken: self.0.iter().map(|row| row[k]).sum(),
            support: self.0[k].iter().sum(),
        };
        (0..self.0.len()).map(class).collect()
    }

    fn averaged(&self, average: Average, score: impl Fn(Counts) -> f64) -> f64 {
        let classes = self.classes();
        match average {
            Average::Macro => {
                let present: Vec<_> = classes.iter().filter(|c| c.taken + c.support > 0.0).collect();
                present.iter().map(|c| score(**c)).sum::<f64>() / present.len() as f64
            }
            Average::Weighted => {
                let all: f64 = classes.iter().map(|c| c.support).sum();
                classes.iter().map(|c| c.support * score(*c)).sum::<f64>() / all
            }
            Average::Micro => {
                let sum = |f: fn(&Counts) -> f64| classes.iter().map(f).sum();
                score(Counts { right: sum(|c| c.right), taken: sum(|c| c.taken), support: sum(|c| c.support) })
            }
        }
    }

    pub(super) fn precision(&self, average: Average) -> f64 {
        self.averaged(average, Counts::precision)
    }

    pub(super) fn recall(&self, average: Average) -> f64 {
        self.averaged(average, Counts::recall)
    }

    pub(super) fn f1(&self, average: Average) -> f64 {
        self.averaged(average, Counts::f1)
    }

    /// The mean recall of the classes that are there.
    pub(super) fn balanced_accuracy(&self) -> f64 {
        let there: Vec<f64> = self.classes().iter().filter(|c| c.support > 0.0).map(|c| c.recall()).collect();
        there.iter().sum::<f64>() / there.len() as f64
    }

    /// (s c - sum_k t_k p_k) / sqrt((s^2 - sum_k p_k^2) (s^2 - sum_k t_k^2)): Gorodkin 2004; 0 where a factor is 0.
    pub(super) fn matthews(&self) -> f64 {
        let classes = self.classes();
        let sum = |f: fn(&Counts) -> f64| classes.iter().map(f).sum::<f64>();
        let (all, right) = (sum(|c| c.support), sum(|c| c.right));
        let covariance = right * all - sum(|c| c.taken * c.support);
        let spreads = (all * all - sum(|c| c.taken * c.taken)) * (all * all - sum(|c| c.support * c.support));
        share(covariance, spreads.max(0.0).sqrt()) // a factor that is 0 may be rounded to below it
    }

    /// 1 - observed / expected disagreement: Cohen 1960; refused where no disagreement is to be expected.
    pub(super) fn kappa(&self) -> Result<f64> {
        let classes = self.classes();
        let all: f64 = classes.iter().map(|c| c.support).sum();
        let observed = all - classes.iter().map(|c| c.right).sum::<f64>();
        let expected = all - classes.iter().map(|c| c.support * c.taken).sum::<f64>() / all;
        // `expected` is 0 then, but it may be rounded.
        if classes.iter().any(|c| c.support == all && c.taken == all) {
            let reason = "`kappa` is 0 / 0: every row is of one class and was predicted as it";
            return Err(Error::config("metric", reason));
        }
        Ok(1.0 - observed / expected)
    }
}
