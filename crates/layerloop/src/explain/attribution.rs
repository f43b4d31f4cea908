//! Why did it say that: what each input of a row had to do with one output.

use layerloop_kernels::named_enum;

use crate::data::{Inputs, onecold};
use crate::network::{InputGradients, Network, Of, Predictor, Scratch};
use crate::{Error, Result, names};

named_enum! {
    /// How the output f at the input x is attributed; x' is the baseline, mostly 0.
    pub enum Attribution: "attribution" {
        /// a_i = |df/dx_i|
        ///
        /// Source: Simonyan, Vedaldi and Zisserman 2014.
        Saliency = "saliency" | "gradient",
        /// a_i = x_i df/dx_i
        ///
        /// Source: Shrikumar et al. 2016.
        InputTimesGradient = "input-times-gradient",
        /// a_i = (x_i - x'_i) times the mean of df/dx_i on the way from x' to x
        ///
        /// Complete: sum_i a_i = f(x) - f(x'). The mean is taken at the middles of `steps` equal pieces of the way, and of twice
        /// as many until the sum is within a thousandth, 64 times as many at most. Source: Sundararajan, Taly and Yan 2017.
        IntegratedGradients = "integrated-gradients" | "ig" {
            /// Pieces of the way, at first.
            steps: usize = 64, "from 1 to 65536" if (1..=65_536).contains(&steps),
        },
        /// a_i = f(x) - f(x with i at x'_i); of an image, the mean over all squares that cover i
        ///
        /// Source: Zeiler and Fergus 2014.
        Occlusion = "occlusion" {
            /// Side of the squares, in pixels.
            side: usize = 4, "from 1 to 1024" if (1..=1024).contains(&side),
        },
    }
}

/// How near to 1 the sum of integrated gradients has to be, as a part of f(x) - f(x').
const COMPLETE: f32 = 1e-3;

/// Rows of a batch.
const ROWS: usize = 256;

/// What each input of a row had to do with an output.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct Attributed {
    /// The output, by its index.
    pub output: usize,
    /// f(x)
    pub value: f32,
    /// f(x')
    pub baseline: f32,
    /// a_i
    pub values: Vec<f32>,
    /// sum_i a_i - (f(x) - f(x')): near 0, where the attribution is complete.
    pub gap: f32,
}

/// Makes attributions for a network: built once, used for any number of rows.
///
/// # Example
/// ```
/// use layerloop::explain::{Attribution, Attributor};
/// use layerloop::network::Network;
/// let network = Network::new(&"4 -> 8 tanh -> 3".parse()?, 0)?;
/// let mut attributor = Attributor::new(&network, None, 1)?;
/// let why = attributor.attribute(&[0.5, -1.0, 0.0, 2.0], None, Attribution::IntegratedGradients { steps: 64 })?;
/// assert!(why.gap.abs() < 1e-3 && why.values[2] == 0.0); // complete; where x is the baseline, it has no part
/// # Ok::<(), layerloop::Error>(())
/// ```
#[derive(Debug)]
pub struct Attributor {
    gradients: InputGradients,
    predictor: Predictor,
    scratch: Scratch,
    outputs: usize,
    image: Option<(usize, usize)>,
    baseline: Vec<f32>,
}

impl Attributor {
    /// For rows that are images of some height and width, or not.
    ///
    /// # Errors
    /// [`Error::Config`] for a network whose inputs are row numbers of a table; [`Error::Shape`] if the image has another size.
    pub fn new(network: &Network, image: Option<(usize, usize)>, threads: usize) -> Result<Self> {
        let inputs = network.spec().inputs;
        if let Some((height, width)) = image
            && height.checked_mul(width) != Some(inputs)
        {
            return Err(Error::shape("pixels of an image", inputs, format!("{height} x {width}")));
        }
        let (gradients, predictor) = (InputGradients::new(network, threads)?, Predictor::new(network, threads)?);
        let scratch = predictor.scratch()?;
        Ok(Self { gradients, predictor, scratch, outputs: network.classes(), image, baseline: vec![0.0; inputs] })
    }

    /// With another x' than 0.
    ///
    /// # Errors
    /// [`Error::Shape`] unless it has one number for each input; [`Error::Data`] for one that is not finite.
    pub fn with_baseline(self, baseline: Vec<f32>) -> Result<Self> {
        if baseline.len() != self.baseline.len() {
            return Err(Error::shape("numbers of the baseline", self.baseline.len(), baseline.len()));
        }
        if let Some(i) = baseline.iter().position(|x| !x.is_finite()) {
            return Err(Error::data("the baseline", format!("input {i} is {}, not a finite number", baseline[i])));
        }
        Ok(Self { baseline, ..self })
    }

    /// What each of the inputs `x` had to do with `output`; if none is named, with the largest one.
    ///
    /// # Errors
    /// [`Error::Shape`] for a row of another width; [`Error::Config`] for an output that is not there, or numbers out of their
    /// range; [`Error::Data`] for an input that is not finite.
    pub fn attribute(&mut self, x: &[f32], output: Option<usize>, by: Attribution) -> Result<Attributed> {
        names::check(by)?;
        if let Some(i) = x.iter().position(|x| !x.is_finite()) {
            return Err(Error::data("the row", format!("input {i} is {}, not a finite number", x[i])));
        }
        let outputs = self.predictor.row(x, &mut self.scratch)?;
        let output = output.unwrap_or_else(|| onecold(outputs));
        let Some(&value) = outputs.get(output) else {
            return Err(Error::config("output", format!("{output}; there are {}, counted from 0", self.outputs)));
        };
        let baseline = self.predictor.row(&self.baseline, &mut self.scratch)?[output];
        let gap = |values: &[f32]| values.iter().sum::<f32>() - (value - baseline);
        let values = match by {
            Attribution::Saliency => self.gradient(x, output)?.iter().map(|g| g.abs()).collect(),
            Attribution::InputTimesGradient => self.gradient(x, output)?.iter().zip(x).map(|(g, x)| g * x).collect(),
            Attribution::Occlusion { side } => self.occluded(x, output, value, side)?,
            Attribution::IntegratedGradients { steps } => {
                let enough = COMPLETE * (value - baseline).abs();
                let mut values = self.integrated(x, output, steps)?;
                let mut pieces = steps;
                while gap(&values).abs() > enough && pieces < 64 * steps {
                    pieces *= 2;
                    values = self.integrated(x, output, pieces)?;
                }
                values
            }
        };
        Ok(Attributed { output, value, baseline, gap: gap(&values), values })
    }

    /// df/dx
    fn gradient(&mut self, x: &[f32], output: usize) -> Result<Vec<f32>> {
        let unit = self.unit(output);
        self.gradients.of(&Inputs::Floats(x.into()), Of::Outputs(&unit))
    }

    fn unit(&self, output: usize) -> Vec<f32> {
        (0..self.outputs).map(|k| if k == output { 1.0 } else { 0.0 }).collect()
    }

    /// (x - x') times the mean of df/dx at x' + s (x - x'), s = 1/2m, 3/2m, ...
    fn integrated(&mut self, x: &[f32], output: usize, steps: usize) -> Result<Vec<f32>> {
        let (unit, width) = (self.unit(output), x.len());
        let mut sums = vec![0.0_f64; width];
        for from in (0..steps).step_by(ROWS) {
            let middles = (from..steps.min(from + ROWS)).map(|k| (k as f32 + 0.5) / steps as f32);
            let baseline = &self.baseline;
            let rows = middles.flat_map(|s| x.iter().zip(baseline).map(move |(x, base)| base + s * (x - base)));
            let slopes = self.gradients.of(&Inputs::Floats(rows.collect()), Of::Outputs(&unit))?;
            for row in slopes.chunks_exact(width) {
                sums.iter_mut().zip(row).for_each(|(sum, slope)| *sum += f64::from(*slope));
            }
        }
        let part = |(sum, (x, base)): (&f64, (&f32, &f32))| (f64::from(x - base) * sum / steps as f64) as f32;
        Ok(sums.iter().zip(x.iter().zip(&self.baseline)).map(part).collect())
    }

    /// The mean of f(x) - f(x with a part of it at the baseline), over the parts that an input belongs to.
    fn occluded(&mut self, x: &[f32], output: usize, value: f32, side: usize) -> Result<Vec<f32>> {
        let parts = self.parts(side);
        let (mut sums, mut counts) = (vec![0.0_f32; x.len()], vec![0.0_f32; x.len()]);
        for parts in parts.chunks(ROWS) {
            let mut rows = Vec::with_capacity(parts.len() * x.len());
            for part in parts {
                let start = rows.len();
                rows.extend_from_slice(x);
                part.iter().for_each(|&i| rows[start + i] = self.baseline[i]);
            }
            let outputs = self.predictor.probabilities(&Inputs::Floats(rows.into()))?;
            for (part, outputs) in parts.iter().zip(outputs.chunks_exact(self.outputs)) {
                for &i in part {
                    sums[i] += value - outputs[output];
                    counts[i] += 1.0;
                }
            }
        }
        Ok(sums.iter().zip(&counts).map(|(sum, count)| sum / count).collect())
    }

    /// The inputs that are hidden together: the squares of an image, or each by itself.
    fn parts(&self, side: usize) -> Vec<Vec<usize>> {
        let Some((height, width)) = self.image else { return (0..self.baseline.len()).map(|i| vec![i]).collect() };
        let (rows, columns) = (side.min(height), side.min(width));
        let corners = (0..=height - rows).flat_map(|r| (0..=width - columns).map(move |c| (r, c)));
        corners
            .map(|(r, c)| (0..rows * columns).map(|k| (r + k / columns) * width + c + k % columns).collect())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const X: [f32; 6] = [0.5, -1.0, 0.0, 2.0, 0.3, -0.7];

    fn network(text: &str) -> Network {
        Network::new(&text.parse().unwrap(), 4).unwrap()
    }

    #[test]
    fn of_a_linear_output_all_say_its_weights() {
        let network = network("6 -> 2 -> identity");
        let w = network.weight(0);
        let mut attributor = Attributor::new(&network, None, 1).unwrap();
        let mut of = |by| attributor.attribute(&X, Some(1), by).unwrap();
        for (i, x) in X.iter().enumerate() {
            let near = |a: f32, b: f32| assert!((a - b).abs() < 1e-6, "{a} {b}");
            near(of(Attribution::Saliency).values[i], w[6 + i].abs());
            near(of(Attribution::InputTimesGradient).values[i], x * w[6 + i]);
            near(of(Attribution::IntegratedGradients { steps: 1 }).values[i], x * w[6 + i]);
            near(of(Attribution::Occlusion { side: 1 }).values[i], x * w[6 + i]);
        }
        assert!(of(Attribution::InputTimesGradient).gap.abs() < 1e-6);
    }

    #[test]
    fn integrated_gradients_are_complete_from_any_baseline() {
        for text in
            ["6 -> 30 relu -> 20 relu -> 3", "6 -> 9 sigmoid -> 2 -> reference-softmax", "6 -> 8 gelu -> 1 -> sigmoid"]
        {
            let network = network(text);
            let baseline = vec![0.25; 6];
            let mut attributor = Attributor::new(&network, None, 2).unwrap().with_baseline(baseline.clone()).unwrap();
            let why = attributor.attribute(&X, None, Attribution::IntegratedGradients { steps: 16 }).unwrap();
            let said = Predictor::new(&network, 1).unwrap();
            let mut scratch = said.scratch().unwrap();
            let mut output = |x: &[f32]| said.row(x, &mut scratch).unwrap()[why.output];
            let moved = output(&X) - output(&baseline);
            assert!((why.values.iter().sum::<f32>() - moved).abs() <= 1e-3 * moved.abs() + 1e-6, "{text}: {why:?}");
        }
    }

    #[test]
    fn squares_cover_an_image_and_a_pixel_has_the_mean_of_its_squares() {
        let network = network("6 -> 2 -> identity");
        let w = network.weight(0);
        let mut attributor = Attributor::new(&network, Some((2, 3)), 1).unwrap();
        let squares = attributor.parts(2);
        assert_eq!(squares, [vec![0, 1, 3, 4], vec![1, 2, 4, 5]]);
        let why = attributor.attribute(&X, Some(0), Attribution::Occlusion { side: 2 }).unwrap();
        let of = |square: &[usize]| square.iter().map(|&i| w[i] * X[i]).sum::<f32>();
        let near = |a: f32, b: f32| assert!((a - b).abs() < 1e-6, "{a} {b}");
        near(why.values[0], of(&squares[0]));
        near(why.values[4], (of(&squares[0]) + of(&squares[1])) / 2.0);
        assert_eq!(attributor.parts(9), [(0..6).collect::<Vec<_>>()]);
    }

    #[test]
    fn what_cannot_be_attributed_is_named() {
        let network = network("6 -> 2");
        let mut attributor = Attributor::new(&network, None, 1).unwrap();
        let mut said = |x: &[f32], output, by| attributor.attribute(x, output, by).unwrap_err().to_string();
        assert_eq!(said(&X, Some(2), Attribution::Saliency), "output: 2; there are 2, counted from 0");
        assert_eq!(said(&X[1..], None, Attribution::Saliency), "inputs of a row: expected 6, got 5");
        let nan = [f32::NAN, 0.0, 0.0, 0.0, 0.0, 0.0];
        assert_eq!(said(&nan, None, Attribution::Saliency), "the row: input 0 is NaN, not a finite number");
        assert!(said(&X, None, Attribution::Occlusion { side: 0 }).contains("side"));
        assert!(Attributor::new(&network, Some((3, 3)), 1).is_err());
    }
}
