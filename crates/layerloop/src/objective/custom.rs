//! User-defined losses.

use crate::differences::compare;
use crate::names::{Custom, Kind, Registry, find};
use crate::rng::Stream;
use crate::{Error, Result};

/// l(z, t): how far the logits z of a row are from its targets t.
///
/// # Shapes
/// `z`: the network's logits; `t`: as many, and one more for a reference class. Labels come as rows of a single 1.
pub trait Loss: Send + Sync {
    /// l(z, t)
    fn value(&self, z: &[f32], t: &[f32]) -> f32;

    /// out = dl/dz
    fn gradient(&self, z: &[f32], t: &[f32], out: &mut [f32]);
}

static LOSSES: Registry<dyn Loss> = Registry::new("loss");

impl Kind for dyn Loss {
    fn find(name: &str) -> Option<Custom<Self>> {
        LOSSES.find(name)
    }
}

/// Gives a loss a name in the options of a run.
///
/// # Errors
/// [`Error::Config`] if the name is taken or not a name, or if [`check_loss`] finds a derivative wrong.
///
/// # Example
/// ```
/// use layerloop::custom::{Loss, register_loss};
/// use layerloop::train::Objective;
///
/// /// The fourth power of the error.
/// struct Fourth;
/// impl Loss for Fourth {
///     fn value(&self, z: &[f32], t: &[f32]) -> f32 {
///         z.iter().zip(t).map(|(z, t)| (z - t).powi(4)).sum()
///     }
///     fn gradient(&self, z: &[f32], t: &[f32], out: &mut [f32]) {
///         for ((out, z), t) in out.iter_mut().zip(z).zip(t) {
///             *out = 4.0 * (z - t).powi(3);
///         }
///     }
/// }
/// register_loss("fourth", Fourth)?;
/// let objective = Objective { loss: Some("fourth".parse()?), ..Objective::default() };
/// # Ok::<(), layerloop::Error>(())
/// ```
pub fn register_loss(name: &str, loss: impl Loss + 'static) -> Result<Custom<dyn Loss>> {
    check_loss(&loss).map_err(|e| Error::config("loss", format!("`{name}`: {e}")))?;
    LOSSES.add(name, Box::new(loss), find::<super::Loss>(name).is_some())
}

/// Compares the gradient of a loss with central differences at random logits, for one and for three of them, and targets of a
/// single 1 and of any numbers from 0 to 1.
///
/// # Errors
/// [`Error::Config`] with the place, the derivative and the difference, or for a value that is not finite.
pub fn check_loss(loss: &dyn Loss) -> Result<()> {
    for (case, width) in (0..20).map(|case| (case, if case % 2 == 0 { 3 } else { 1 })) {
        let mut stream = Stream::new(1, "custom", case);
        let z: Vec<f32> = (0..width).map(|_| 4.0 * stream.uniform() - 2.0).collect();
        let one = stream.below(width);
        let single = case % 4 < 2;
        let t: Vec<f32> =
            (0..width).map(|i| if single { f32::from(u8::from(i == one)) } else { stream.uniform() }).collect();
        let mut gradient = vec![0.0; width];
        loss.gradient(&z, &t, &mut gradient);
        let value = loss.value(&z, &t);
        if !value.is_finite() {
            let reason = format!("is {value} of logits {z:?} and targets {t:?}; it is a finite number");
            return Err(Error::config("its value", reason));
        }
        compare("logit", &gradient, &z, |z| loss.value(z, &t).into())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Dataset, Inputs};
    use crate::network::Network;
    use crate::train::{FitOptions, Objective, fit, loss_and_gradient_of};

    /// Half of the squared error; `factor` is 1 where the gradient is right.
    struct Square {
        factor: f32,
    }

    impl Loss for Square {
        fn value(&self, z: &[f32], t: &[f32]) -> f32 {
            z.iter().zip(t).map(|(z, t)| (z - t) * (z - t)).sum::<f32>() / z.len() as f32
        }

        fn gradient(&self, z: &[f32], t: &[f32], out: &mut [f32]) {
            let n = z.len() as f32;
            out.iter_mut().zip(z.iter().zip(t)).for_each(|(out, (z, t))| *out = self.factor * 2.0 * (z - t) / n);
        }
    }

    #[test]
    fn a_user_defined_loss_is_as_good_as_a_built_in_one() {
        let said = register_loss("test-half", Square { factor: 0.5 }).unwrap_err().to_string();
        assert!(said.contains("`test-half`: its derivative: of logit") && said.contains("differences say"), "{said}");
        assert!(register_loss("mse", Square { factor: 1.0 }).unwrap_err().to_string().contains("built-in"));
        let square = register_loss("test-square", Square { factor: 1.0 }).unwrap();
        let x: Vec<f32> = (0..210).map(|i| ((i * 37 + 11) % 97) as f32 / 97.0).collect();
        let y: Vec<f32> = x.chunks_exact(3).flat_map(|x| [x[0] * x[1], x[2]]).collect();
        let data = Dataset::regression("demo", Inputs::Floats(x.into()), 3, y, ["a", "b"]).unwrap();
        let data = data.with_weights((0..70).map(|row| (row % 3) as f32).collect::<Vec<f32>>()).unwrap();
        let network = Network::new(&"3 -> 8 tanh -> 2 -> identity".parse().unwrap(), 0).unwrap();
        let own = Objective { loss: Some(square.into()), ..Objective::default() };
        let (loss, gradient) = loss_and_gradient_of(&own, &network, &data, 1).unwrap();
        let (built_in, same) = loss_and_gradient_of(&Objective::default(), &network, &data, 1).unwrap();
        assert!((loss - built_in).abs() < 1e-6 && gradient.iter().zip(&same).all(|(a, b)| (a - b).abs() < 1e-6));
        let train = |threads| {
            let options =
                FitOptions { objective: own.clone(), epochs: 3, threads: Some(threads), ..FitOptions::default() };
            let mut network = network.clone();
            fit(&mut network, &data, &options).unwrap();
            network.sha256()
        };
        assert_eq!(train(1), train(3));
        let labels = Dataset::new("demo", Inputs::Floats(vec![0.5; 6].into()), 3, vec![0, 1], ["a", "b"]).unwrap();
        assert!(loss_and_gradient_of(&own, &network, &labels, 1).is_ok(), "labels are rows of a single 1");
    }
}
