//! Numbers as inputs of a network: what stands for a missing one, and how all are brought to about 1.

use layerloop_kernels::named_enum;
use serde::{Deserialize, Serialize};

use crate::names::serialised::serde_as_text;

named_enum! {
    /// How numbers of any size are brought to about 1, by statistics of the training rows.
    pub enum Scaling: "scaling" {
        /// (x - mean) / deviation
        Standard = "standard",
        /// r / sqrt(1 + (r / 3)^2), r = (x - median) / (third quartile - first quartile)
        ///
        /// Source: Holzmueller, Grinsztajn and Steinwart 2024.
        Robust = "robust",
        /// the quantile of the normal distribution with as large a share below it as x has among the training rows
        Quantile = "quantile",
        /// x
        Unscaled = "none",
    }
}

serde_as_text!(Scaling);

/// Quantiles that [`Scaling::Quantile`] keeps, at most.
const QUANTILES: usize = 1000;
/// Shares below this, and above 1 minus it, are taken for it: a finite quantile of the normal distribution.
const LEAST_SHARE: f64 = 1e-7;

/// A scaling, fitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Scale {
    /// (x - centre) * factor
    Linear { centre: f64, factor: f64 },
    /// r / sqrt(1 + (r / 3)^2), r = (x - centre) * factor
    Clipped { centre: f64, factor: f64 },
    /// The normal quantile of the share of training rows below x, between these quantiles of theirs.
    Normal { quantiles: Vec<f64> },
}

/// A column of numbers, fitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Numbers {
    /// What stands for a missing value: the median.
    pub(super) fill: f64,
    pub(super) scale: Scale,
    /// Whether a second input says that a value is missing: if one was, among the training rows.
    pub(super) indicator: bool,
}

impl Numbers {
    /// Of the training rows' values, NaN where one is missing; `None` if all are.
    pub(super) fn fit(values: &[f64], scaling: Scaling) -> Option<Self> {
        let mut sorted: Vec<f64> = values.iter().copied().filter(|x| !x.is_nan()).collect();
        if sorted.is_empty() {
            return None;
        }
        sorted.sort_by(f64::total_cmp);
        let fill = quantile(&sorted, 0.5);
        let scale = match scaling {
            Scaling::Unscaled => Scale::Linear { centre: 0.0, factor: 1.0 },
            Scaling::Standard => {
                let filled = || values.iter().map(|x| if x.is_nan() { fill } else { *x });
                let n = values.len() as f64;
                let mean = filled().sum::<f64>() / n;
                let variance = filled().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n;
                Scale::Linear { centre: mean, factor: factor(variance.sqrt()).unwrap_or(1.0) }
            }
            Scaling::Robust => {
                let range = sorted[sorted.len() - 1] - sorted[0];
                let quartiles = quantile(&sorted, 0.75) - quantile(&sorted, 0.25);
                let factor = factor(quartiles).or_else(|| factor(range / 2.0)).unwrap_or(0.0);
                Scale::Clipped { centre: fill, factor }
            }
            Scaling::Quantile => {
                let count = QUANTILES.min(sorted.len()).max(2);
                let at = |i: usize| quantile(&sorted, i as f64 / (count - 1) as f64);
                Scale::Normal { quantiles: (0..count).map(at).collect() }
            }
        };
        Some(Self { fill, scale, indicator: sorted.len() < values.len() })
    }

    /// Whether what was read from a file can be used: the reason why not.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.fill.is_finite() { self.scale.check() } else { Err("a median that is not a finite number".into()) }
    }

    /// Number of inputs.
    pub(super) fn width(&self) -> usize {
        1 + usize::from(self.indicator)
    }

    /// The inputs for a value, which may be NaN: missing.
    pub(super) fn apply(&self, x: f64, inputs: &mut [f32]) {
        inputs[0] = self.scale.apply(if x.is_nan() { self.fill } else { x }) as f32;
        if self.indicator {
            inputs[1] = f32::from(u8::from(x.is_nan()));
        }
    }
}

impl Scale {
    /// Whether what was read from a file can be used: the reason why not.
    pub(super) fn check(&self) -> Result<(), String> {
        let finite = match self {
            Self::Linear { centre, factor } | Self::Clipped { centre, factor } => {
                centre.is_finite() && factor.is_finite()
            }
            Self::Normal { quantiles } => {
                quantiles.len() > 1 && quantiles.iter().all(|q| q.is_finite()) && quantiles.is_sorted()
            }
        };
        if finite { Ok(()) } else { Err("a scaling with a value that is not a finite number".into()) }
    }

    /// In words.
    pub(super) fn described(&self) -> &'static str {
        match self {
            Self::Linear { .. } => "scaled",
            Self::Clipped { .. } => "scaled and clipped smoothly",
            Self::Normal { .. } => "quantile of the normal distribution",
        }
    }

    pub(super) fn apply(&self, x: f64) -> f64 {
        match self {
            Self::Linear { centre, factor } => (x - centre) * factor,
            Self::Clipped { centre, factor } => {
                let r = ((x - centre) * factor).clamp(-1e100, 1e100); // whose square is finite
                r / (1.0 + (r / 3.0) * (r / 3.0)).sqrt()
            }
            Self::Normal { quantiles } => {
                normal_quantile(share_below(quantiles, x).clamp(LEAST_SHARE, 1.0 - LEAST_SHARE))
            }
        }
    }
}

/// 1 / size, unless that is not a finite number.
fn factor(size: f64) -> Option<f64> {
    let factor = 1.0 / size;
    factor.is_finite().then_some(factor)
}

/// The quantile of sorted values, between the two next to it in proportion.
pub(super) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (sorted[above] - sorted[below]) * (place - below as f64)
}

/// The share of values below x, given evenly spaced quantiles; half way through those that equal x.
fn share_below(quantiles: &[f64], x: f64) -> f64 {
    let last = (quantiles.len() - 1) as f64;
    let [from, to] = [quantiles.partition_point(|q| *q < x), quantiles.partition_point(|q| *q <= x)];
    if from < to {
        return (from + to - 1) as f64 / 2.0 / last;
    }
    if from == 0 || from == quantiles.len() {
        return if from == 0 { 0.0 } else { 1.0 };
    }
    let [low, high] = [quantiles[from - 1], quantiles[from]];
    ((from - 1) as f64 + (x - low) / (high - low)) / last
}

/// The edges of `count` bins, each of which has equally many values that the scaling `quantile` gave.
pub(crate) fn normal_edges(count: usize) -> impl Iterator<Item = f32> {
    let share = move |t: usize| (t as f64 / count as f64).clamp(LEAST_SHARE, 1.0 - LEAST_SHARE);
    (0..=count).map(move |t| normal_quantile(share(t)) as f32)
}

/// P. J. Acklam's approximation of the quantiles z of the normal distribution, P(N(0, 1) < z) = p, to a relative error of 1.2e-9: the coefficients of
/// four polynomials, that of the highest power first. With q = p - 1/2 and r = q^2
///
/// ```text
/// z = q N_0(r) / N_1(r)    0.02425 <= p <= 1 - 0.02425
/// z = N_2(t) / N_3(t)      p < 0.02425, t = sqrt(-2 ln p); for p > 1 - 0.02425 minus that of 1 - p
/// ```
///
/// # Source
/// The coefficients are those of P. J. Acklam, 2003.
pub const NORMAL_QUANTILE: [[f64; 6]; 4] = [
    [
        -3.969_683_028_665_376e1,
        2.209_460_984_245_205e2,
        -2.759_285_104_469_687e2,
        1.383_577_518_672_69e2,
        -3.066_479_806_614_716e1,
        2.506_628_277_459_239,
    ],
    [
        -5.447_609_879_822_406e1,
        1.615_858_368_580_409e2,
        -1.556_989_798_598_866e2,
        6.680_131_188_771_972e1,
        -1.328_068_155_288_572e1,
        1.0,
    ],
    [
        -7.784_894_002_430_293e-3,
        -3.223_964_580_411_365e-1,
        -2.400_758_277_161_838,
        -2.549_732_539_343_734,
        4.374_664_141_464_968,
        2.938_163_982_698_783,
    ],
    [0.0, 7.784_695_709_041_462e-3, 3.224_671_290_700_398e-1, 2.445_134_137_142_996, 3.754_408_661_907_416, 1.0],
];

/// z with P(N(0, 1) < z) = p, to a relative error of 1e-9 for p in (0, 1): [`NORMAL_QUANTILE`], refined by one step of Halley's method.
fn normal_quantile(p: f64) -> f64 {
    const TAIL: f64 = 0.02425;
    let polynomial = |i: usize, x: f64| NORMAL_QUANTILE[i].iter().fold(0.0, |sum, c| sum * x + c);
    let tail = |p: f64| {
        let t = libm::sqrt(-2.0 * libm::log(p));
        polynomial(2, t) / polynomial(3, t)
    };
    let z = if p < TAIL {
        tail(p)
    } else if p > 1.0 - TAIL {
        -tail(1.0 - p)
    } else {
        let q = p - 0.5;
        let r = q * q;
        polynomial(0, r) * q / polynomial(1, r)
    };
    let error = 0.5 * libm::erfc(-z / std::f64::consts::SQRT_2) - p;
    let step = error * libm::sqrt(2.0 * std::f64::consts::PI) * libm::exp(z * z / 2.0);
    z - step / (1.0 + z * step / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scaled(values: &[f64], scaling: Scaling, x: f64) -> f32 {
        let fitted = Numbers::fit(values, scaling).unwrap();
        let mut inputs = [0.0; 2];
        fitted.apply(x, &mut inputs);
        inputs[0]
    }

    #[test]
    fn each_scaling_is_its_equation() {
        let values = [1.0, 2.0, 3.0, 4.0, 10.0];
        assert_eq!(scaled(&values, Scaling::Standard, 4.0), 0.0);
        assert_eq!(scaled(&values, Scaling::Standard, 10.0), (6.0_f64 / 10.0_f64.sqrt()) as f32);
        assert_eq!(scaled(&values, Scaling::Robust, 3.0), 0.0);
        let r: f64 = (10.0 - 3.0) / 2.0;
        assert!((f64::from(scaled(&values, Scaling::Robust, 10.0)) - r / (1.0 + r * r / 9.0).sqrt()).abs() < 1e-6);
        assert!((scaled(&values, Scaling::Robust, 1e300) - 3.0).abs() < 1e-6);
        assert_eq!(scaled(&values, Scaling::Quantile, 3.0), 0.0);
        assert!((scaled(&values, Scaling::Quantile, 2.0) + 0.674_489_75).abs() < 1e-6);
        assert!(scaled(&values, Scaling::Quantile, -1e9).is_finite());
        assert_eq!(scaled(&values, Scaling::Unscaled, 7.0), 7.0);
    }

    #[test]
    fn columns_without_spread_stay_finite() {
        for scaling in [Scaling::Standard, Scaling::Robust, Scaling::Quantile] {
            for x in [5.0, 6.0, f64::NAN] {
                assert!(scaled(&[5.0; 4], scaling, x).is_finite(), "{scaling:?} {x}");
            }
        }
        // Quartiles that are equal: the range instead.
        let mostly = [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 4.0];
        assert!((scaled(&mostly, Scaling::Robust, 4.0) - (2.0 / (1.0_f64 + 4.0 / 9.0).sqrt()) as f32).abs() < 1e-6);
    }

    #[test]
    fn a_missing_number_is_the_median_and_is_marked() {
        let fitted = Numbers::fit(&[1.0, f64::NAN, 3.0, 100.0], Scaling::Unscaled).unwrap();
        let mut inputs = [9.0; 2];
        fitted.apply(f64::NAN, &mut inputs);
        assert_eq!(inputs, [3.0, 1.0]);
        fitted.apply(2.0, &mut inputs);
        assert_eq!(inputs, [2.0, 0.0]);
        assert_eq!(Numbers::fit(&[1.0], Scaling::Standard).unwrap().width(), 1);
        assert_eq!(Numbers::fit(&[f64::NAN], Scaling::Standard), None);
    }

    #[test]
    fn quantiles_of_the_normal_distribution() {
        // Values of R's qnorm.
        for (p, z) in
            [(0.5, 0.0), (0.975, 1.959_963_984_540_054), (0.01, -2.326_347_874_040_841), (1e-7, -5.199_337_582_192_792)]
        {
            assert!((normal_quantile(p) - z).abs() < 1e-8, "{p}: {}", normal_quantile(p));
        }
    }
}
