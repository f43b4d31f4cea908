//! User-defined layers and activations.

use super::{Activation as BuiltIn, Unit};
use crate::differences::compare;
use crate::names::{self, Custom, Registry, is_same};
use crate::rng::Stream;
use crate::{Error, Result};

/// sigma of a layer z' = sigma(z), component by component.
///
/// # Example
/// ```
/// use layerloop::custom::{Activation, register_activation};
/// use layerloop::network::{Network, Spec};
///
/// /// sin t
/// struct Sine;
/// impl Activation for Sine {
///     fn value(&self, t: f32) -> f32 {
///         t.sin()
///     }
///     fn derivative(&self, t: f32) -> f32 {
///         t.cos()
///     }
/// }
/// register_activation("sine", Sine)?;
/// let spec: Spec = "4 -> 8 sine -> 3".parse()?;
/// assert_eq!(spec.to_string(), "4 -> 8 sine -> 3 -> softmax");
/// Network::new(&spec, 0)?;
///
/// struct Wrong;
/// impl Activation for Wrong {
///     fn value(&self, t: f32) -> f32 {
///         t * t
///     }
///     fn derivative(&self, t: f32) -> f32 {
///         t
///     }
/// }
/// assert!(register_activation("wrong", Wrong).unwrap_err().to_string().contains("differences say"));
/// # Ok::<(), layerloop::Error>(())
/// ```
pub trait Activation: Send + Sync {
    /// sigma(t)
    fn value(&self, t: f32) -> f32;

    /// sigma'(t); at a kink that of one of its sides.
    fn derivative(&self, t: f32) -> f32;
}

/// A layer z' = f(w, z) that treats each row by itself.
pub trait Layer: Send + Sync {
    /// Number of values of z' for `inputs` values of z; `None` if it cannot read so many.
    fn outputs(&self, inputs: usize) -> Option<usize>;

    /// Number of parameters w.
    fn parameters(&self, inputs: usize) -> usize {
        _ = inputs;
        0
    }

    /// The initial parameters; `uniform` draws from [0, 1).
    fn start(&self, inputs: usize, uniform: &mut dyn FnMut() -> f32) -> Vec<f32> {
        (0..self.parameters(inputs)).map(|_| uniform() - 0.5).collect()
    }

    /// out = f(w, z), for one row.
    fn forward(&self, w: &[f32], z: &[f32], out: &mut [f32]);

    /// out = (df/dz)^T q, where q is the gradient of f(w, z).
    fn input_gradient(&self, w: &[f32], z: &[f32], q: &[f32], out: &mut [f32]);

    /// out += (df/dw)^T q
    fn weight_gradient(&self, w: &[f32], z: &[f32], q: &[f32], out: &mut [f32]) {
        _ = (w, z, q, out);
    }
}

static LAYERS: Registry<dyn Layer> = Registry::new("layer");

/// Whether a layer or activation has this name.
pub(crate) fn is_registered(name: &str) -> bool {
    LAYERS.find(name).is_some()
}

/// The layer or activation of this name, with the numbers behind it.
pub(crate) fn read(text: &str) -> Result<Custom<dyn Layer>> {
    LAYERS.read(text)
}

/// Gives a layer a name in the text form of networks.
///
/// # Errors
/// [`Error::Config`] if the name is taken or not a name, or if [`check_layer`] finds a derivative wrong.
pub fn register_layer(name: &str, layer: impl Layer + 'static) -> Result<Custom<dyn Layer>> {
    check_layer(&layer).map_err(|e| Error::config("layer", format!("`{name}`: {e}")))?;
    LAYERS.add(name, Box::new(layer), is_built_in(name))
}

/// As [`register_layer`], for layers that differ by numbers: each with its name and its default value. In the text form they
/// are written as those of a built-in one, `power=3` or `power(p=3)`.
///
/// # Errors
/// As [`register_layer`], for the layer with the default values. A text with other values gets the error of `build`, or of
/// [`check_layer`].
///
/// # Example
/// ```
/// use layerloop::Error;
/// use layerloop::custom::{Activation, register_activation_with};
/// use layerloop::network::Spec;
///
/// /// t |t|^(p - 1)
/// struct Power(f32);
/// impl Activation for Power {
///     fn value(&self, t: f32) -> f32 {
///         t * t.abs().powf(self.0 - 1.0)
///     }
///     fn derivative(&self, t: f32) -> f32 {
///         self.0 * t.abs().powf(self.0 - 1.0)
///     }
/// }
/// register_activation_with("power", [("p", 2.0)], |[p]| match p {
///     1.0.. => Ok(Power(p)),
///     _ => Err(Error::config("p", format!("{p}; it is at least 1"))),
/// })?;
/// let spec: Spec = "4 -> 8 power=1.5 -> 8 power(p=2) -> 3".parse()?;
/// assert_eq!(spec.to_string(), "4 -> 8 power=1.5 -> 8 power -> 3 -> softmax");
/// let error = "4 -> 8 power=0.5 -> 3".parse::<Spec>().unwrap_err();
/// assert!(error.to_string().ends_with("character 8: layer: `power=0.5`: p: 0.5; it is at least 1"));
/// # Ok::<(), layerloop::Error>(())
/// ```
pub fn register_layer_with<L: Layer + 'static, const N: usize>(
    name: &str,
    numbers: [(&'static str, f32); N],
    build: impl Fn([f32; N]) -> Result<L> + Send + Sync + 'static,
) -> Result<Custom<dyn Layer>> {
    LAYERS.add_with(name, numbers, is_built_in(name), move |values| {
        let layer = build(values)?;
        check_layer(&layer)?;
        Ok(Box::new(layer))
    })
}

/// Gives activations that differ by numbers a name, as [`register_layer_with`].
///
/// # Errors
/// As [`register_layer_with`].
pub fn register_activation_with<A: Activation + 'static, const N: usize>(
    name: &str,
    numbers: [(&'static str, f32); N],
    build: impl Fn([f32; N]) -> Result<A> + Send + Sync + 'static,
) -> Result<Custom<dyn Layer>> {
    register_layer_with(name, numbers, move |values| build(values).map(Elementwise))
}

/// Whether the text form of networks has this word.
fn is_built_in(name: &str) -> bool {
    let words = ["skip", "parallel", "init", "no-bias", "join", "softmax", "reference-softmax"];
    words.iter().any(|word| is_same(word, name))
        || names::find::<Unit>(name).is_some()
        || names::find::<BuiltIn>(name).is_some()
}

/// Gives an activation a name in the text form of networks.
///
/// # Errors
/// As [`register_layer`].
pub fn register_activation(name: &str, activation: impl Activation + 'static) -> Result<Custom<dyn Layer>> {
    register_layer(name, Elementwise(activation))
}

/// An activation as a layer.
struct Elementwise<A>(A);

impl<A: Activation> Layer for Elementwise<A> {
    fn outputs(&self, inputs: usize) -> Option<usize> {
        Some(inputs)
    }

    fn forward(&self, _: &[f32], z: &[f32], out: &mut [f32]) {
        out.iter_mut().zip(z).for_each(|(out, &z)| *out = self.0.value(z));
    }

    fn input_gradient(&self, _: &[f32], z: &[f32], q: &[f32], out: &mut [f32]) {
        out.iter_mut().zip(z.iter().zip(q)).for_each(|(out, (&z, q))| *out = q * self.0.derivative(z));
    }
}

/// Rows that are compared.
const ROWS: u64 = 20;

/// Compares the derivatives of a layer with central differences of q . f(w, z), at twenty random w, z and q, z up to 4 in size.
///
/// ```text
/// dg/dx ~ (g(x + h) - g(x - h)) / 2h,   h = 0.01
/// ```
/// Where the two halves of the difference disagree there may be a kink: the derivative then has to be between them.
///
/// # Errors
/// [`Error::Config`] with the place, the derivative and the difference; or if the layer reads no width from 1 to 16.
pub fn check_layer(layer: &dyn Layer) -> Result<()> {
    let widths = [5, 6, 4, 8, 3, 2, 7, 16, 12, 1];
    let Some((inputs, outputs)) = widths.iter().find_map(|&n| Some((n, layer.outputs(n)?))) else {
        return Err(Error::config("outputs", format!("it reads none of the widths {widths:?}")));
    };
    for row in 0..ROWS {
        let mut stream = Stream::new(0, "custom", row);
        let w = layer.start(inputs, &mut || stream.uniform());
        if w.len() != layer.parameters(inputs) {
            return Err(Error::shape("its first parameters", layer.parameters(inputs), w.len()));
        }
        let mut draw =
            |n: usize, size: f32| -> Vec<f32> { (0..n).map(|_| size * (2.0 * stream.uniform() - 1.0)).collect() };
        let (z, q) = (draw(inputs, 4.0), draw(outputs, 1.0));
        let value = |w: &[f32], z: &[f32]| {
            let mut out = vec![0.0; outputs];
            layer.forward(w, z, &mut out);
            out.iter().zip(&q).map(|(z, q)| f64::from(z * q)).sum::<f64>()
        };
        let (mut by_z, mut by_w) = (vec![0.0; inputs], vec![0.0; w.len()]);
        layer.input_gradient(&w, &z, &q, &mut by_z);
        layer.weight_gradient(&w, &z, &q, &mut by_w);
        compare("input", &by_z, &z, |z| value(&w, z))?;
        compare("parameter", &by_w, &w, |w| value(w, &z))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Dataset, Inputs};
    use crate::network::{Network, Predictor, Spec};
    use crate::train::{FitOptions, fit, loss_and_gradient};

    struct Cube;

    impl Activation for Cube {
        fn value(&self, t: f32) -> f32 {
            t * t * t / 8.0
        }

        fn derivative(&self, t: f32) -> f32 {
            3.0 * t * t / 8.0
        }
    }

    /// z'_i = |w_i z_i - z_{i-1}|, as many as there are: with parameters, neighbours and kinks.
    struct Neighbours;

    impl Neighbours {
        fn sign(w: &[f32], z: &[f32], i: usize) -> f32 {
            (w[i] * z[i] - if i > 0 { z[i - 1] } else { 0.0 }).signum()
        }
    }

    impl Layer for Neighbours {
        fn outputs(&self, inputs: usize) -> Option<usize> {
            (inputs != 3).then_some(inputs)
        }

        fn parameters(&self, inputs: usize) -> usize {
            inputs
        }

        fn forward(&self, w: &[f32], z: &[f32], out: &mut [f32]) {
            for i in 0..z.len() {
                out[i] = (w[i] * z[i] - if i > 0 { z[i - 1] } else { 0.0 }).abs();
            }
        }

        fn input_gradient(&self, w: &[f32], z: &[f32], q: &[f32], out: &mut [f32]) {
            for i in 0..z.len() {
                let above = if i + 1 < z.len() { q[i + 1] * Self::sign(w, z, i + 1) } else { 0.0 };
                out[i] = w[i] * q[i] * Self::sign(w, z, i) - above;
            }
        }

        fn weight_gradient(&self, w: &[f32], z: &[f32], q: &[f32], out: &mut [f32]) {
            for i in 0..z.len() {
                out[i] += z[i] * q[i] * Self::sign(w, z, i);
            }
        }
    }

    /// z' = factor z + shift
    struct Times([f32; 2]);

    impl Layer for Times {
        fn outputs(&self, inputs: usize) -> Option<usize> {
            Some(inputs)
        }

        fn forward(&self, _: &[f32], z: &[f32], out: &mut [f32]) {
            out.iter_mut().zip(z).for_each(|(out, z)| *out = self.0[0] * z + self.0[1]);
        }

        fn input_gradient(&self, _: &[f32], _: &[f32], q: &[f32], out: &mut [f32]) {
            out.iter_mut().zip(q).for_each(|(out, q)| *out = self.0[0] * q);
        }
    }

    /// The registry was locked while a layer was built: one that is built of others waited for ever.
    #[test]
    fn a_layer_with_numbers_may_be_built_of_registered_ones() {
        register_layer_with("test-inner", [("by", 2.0)], |[by]| Ok(Times([by, 0.0]))).unwrap();
        register_layer_with("test-outer", [("by", 3.0)], |[by]| {
            let inner: Spec = format!("2 -> test-inner={by}").parse()?;
            register_layer_with(&format!("test-made-{by}"), [("shift", 1.0)], move |[shift]| Ok(Times([by, shift])))?;
            assert_eq!(inner.to_string(), format!("2 -> test-inner={by} -> softmax"));
            Ok(Times([by, 1.0]))
        })
        .unwrap();
        assert!("2 -> test-outer=5".parse::<Spec>().is_ok());
    }

    #[test]
    fn numbers_are_read_and_written_as_those_of_built_in_layers() {
        let numbers = [("factor", 2.0), ("shift", 0.0)];
        register_layer_with("test-times", numbers, |[factor, shift]| {
            if factor == 0.0 { Err(Error::config("factor", "0; it is not 0")) } else { Ok(Times([factor, shift])) }
        })
        .unwrap();
        let written = |text: &str| text.parse::<Spec>().map(|spec| spec.to_string());
        for (typed, text) in [
            ("test-times", "2 -> test-times -> softmax"),
            ("test-times(shift=0, factor=2)", "2 -> test-times -> softmax"),
            ("test-times( Factor = 3 )", "2 -> test-times(factor=3) -> softmax"),
            ("test-times(shift=-1, factor=0.5) 2", "2 -> test-times(factor=0.5, shift=-1) -> 2 -> softmax"),
        ] {
            assert_eq!(written(&format!("2 -> {typed}")).unwrap(), text);
            assert_eq!(written(text).unwrap(), text);
        }
        for (typed, reason) in [
            ("test-times=3", "`test-times` takes factor=2, shift=0"),
            ("test-times(width=3)", "`test-times` has no `width`; `test-times` takes factor=2, shift=0"),
            ("test-times(shift=a)", "shift is not a finite number"),
            ("test-times(shift=inf)", "shift is not a finite number"),
            ("test-times(factor=0)", "`test-times(factor=0)`: factor: 0; it is not 0"),
        ] {
            let said = written(&format!("2 -> {typed}")).unwrap_err().to_string();
            assert!(said.contains("character 6") && said.contains(reason), "{said}");
        }
        let output = |text: &str| {
            let network = Network::new(&text.parse().unwrap(), 0).unwrap();
            Predictor::new(network, 1).unwrap().probabilities(&vec![1.0, 2.0].into()).unwrap()
        };
        assert_eq!(output("2 -> test-times(factor=0.5, shift=-1) -> identity"), [-0.5, 0.0]);
        assert_eq!(output("2 -> test-times -> identity"), [2.0, 4.0]);
    }

    struct Off(f32);

    impl Activation for Off {
        fn value(&self, t: f32) -> f32 {
            t.max(0.0)
        }

        fn derivative(&self, t: f32) -> f32 {
            if t > 0.0 { self.0 } else { 0.0 }
        }
    }

    #[test]
    fn user_defined_layers_learn_with_the_same_bits_whatever_the_threads_and_come_back_from_a_file() {
        register_activation("test-cube", Cube).unwrap();
        register_layer("test-neighbours", Neighbours).unwrap();
        register_layer_with("test-scale", [("by", 1.0)], |[by]| Ok(Times([by, 0.0]))).unwrap();
        let text = "5 -> 40 tanh test-neighbours test-scale=0.5 -> skip(40 test-cube dropout=0.1) -> 3";
        let values: Vec<f32> = crate::data::for_tests::values(350);
        let labels: Vec<u32> = (0..70).map(|i| i * 7 % 3).collect();
        let data = Dataset::new("test", Inputs::Floats(values.into()), 5, labels, ["a", "b", "c"]).unwrap();
        let train = |threads| {
            let mut network = Network::new(&text.parse().unwrap(), 3).unwrap();
            let options = FitOptions {
                epochs: 30,
                batch: 33,
                learning_rate: 0.01,
                threads: Some(threads),
                ..FitOptions::default()
            };
            let report = fit(&mut network, &data, &options).unwrap();
            assert!(report.epochs[29].train_loss < report.epochs[0].train_loss);
            network
        };
        let network = train(1);
        assert_eq!(network.sha256(), train(3).sha256());
        assert_eq!(network.spec().to_string(), format!("{text} -> softmax"));
        let (_, gradient) = loss_and_gradient(&network, &data, 1).unwrap();
        assert_eq!(gradient.len(), network.spec().parameters());
        let largest = gradient.iter().fold(0.0_f32, |largest, g| largest.max(g.abs()));
        let values = network.parameters.values.values().to_vec();
        let places: Vec<usize> =
            (0..network.parameters.layers.len()).flat_map(|i| network.parameters.canonical_indices(i)).collect();
        let mut wrong = 0;
        for (&place, &g) in places.iter().zip(&gradient) {
            let loss = |step: f32| {
                let mut moved = network.clone();
                moved.parameters.values.values_mut()[place] = values[place] + step;
                loss_and_gradient(&moved, &data, 1).unwrap().0
            };
            let slope = (loss(1e-3) - loss(-1e-3)) / 2e-3;
            wrong += usize::from((slope - f64::from(g)).abs() > 5e-3 * f64::from(largest));
        }
        assert!(wrong * 50 < places.len(), "{wrong} of {}: more than kinks explain", places.len());

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.safetensors");
        crate::model_file::Model::new(network.clone(), &data, serde_json::Value::Null).save(&path).unwrap();
        assert_eq!(crate::model_file::Model::load(&path).unwrap().network.sha256(), network.sha256());
        // The same length, so that the file is whole.
        let bytes = std::fs::read(&path).unwrap();
        let at = bytes.windows(9).position(|part| part == b"test-cube").unwrap();
        std::fs::write(&path, [&bytes[..at], b"your-cube", &bytes[at + 9..]].concat()).unwrap();
        let said = crate::model_file::Model::load(&path).unwrap_err().to_string();
        assert!(said.contains("`your-cube`") && said.contains("register"), "{said}");
    }

    #[test]
    fn wrong_derivatives_and_taken_names_are_refused() {
        let said = register_activation("test-off", Off(1.2)).unwrap_err().to_string();
        assert!(said.contains("`test-off`: its derivative: of input") && said.contains("differences say"), "{said}");
        register_activation("test-right", Off(1.0)).unwrap();
        let again = register_activation("test-right", Off(1.0)).unwrap_err().to_string();
        assert!(again.contains("registered already"), "{again}");
        for (name, reason) in
            [("relu", "built-in"), ("dropout", "built-in"), ("8up", "a name is made of"), ("Up", "a name")]
        {
            let said = register_activation(name, Off(1.0)).unwrap_err().to_string();
            assert!(said.contains(reason), "{said}");
        }
        let said = Network::new(&"5 -> test-right 3 -> 3".parse().unwrap(), 0);
        assert!(said.is_ok());
    }
}
