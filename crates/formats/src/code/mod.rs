//! A model as one file of code without dependencies, its weights inside: `predict(input, output)` in C, Rust or JavaScript.
//!
//! `plan` turns the network into calls of a few functions, the same for each language; `helpers.*` has these functions, and only those
//! that are called are written. Activations are not among them: their operations are recorded from the kernels
//! ([`layerloop_kernels::formula`]), so that they have the same bits.

mod formula;
mod int8;
mod plan;
mod write;

use layerloop::Result;
use layerloop::model_file::Model;
use layerloop_kernels::named_enum;

pub use self::int8::{Loss, quantised};
use self::plan::Plan;

named_enum! {
    /// A programming language.
    pub enum Language: "language" {
        /// C99, without malloc
        C = "c",
        /// Rust that needs nothing but core
        Rust = "rust" | "rs",
        /// a JavaScript module
        JavaScript = "js" | "javascript",
    }
}

/// The file.
///
/// Inputs are numbers as `predict` of the command takes them: they are scaled and standardised inside. Of a model of a table, each
/// column is one number: a missing one is NaN, a name is its place in the list that the file's first comment has. Outputs are the
/// probabilities of the classes, or numbers. With `int8`, the weights of dense layers are bytes: [`quantised`] has the model that the
/// code then computes.
///
/// # Errors
/// [`Error::Config`](layerloop::Error::Config) for user-defined layers, which code cannot have.
///
/// # Numerics
/// The operations are those of the kernels in their order. Rust and JavaScript compute a fused multiply-add in f64, and C takes
/// `fmaf` where the target has an instruction for it: the same bits. Where C has none, a product and a sum are rounded apart, within
/// 1e-5 of the largest sum of absolute products. Numbers that are scaled by quantiles are within 2e-9 of `predict`'s in f64, e^y - 1 of a
/// target within 1e-15 of it.
///
/// # Example
/// ```
/// use layerloop::data::Dataset;
/// use layerloop::model_file::Model;
/// use layerloop::network::Network;
/// use layerloop_formats::code::{Language, generate};
/// let data = Dataset::new("demo", vec![0.0, 1.0].into(), 1, vec![0, 1], ["no", "yes"])?;
/// let model = Model::new(Network::new(&"1 -> 3 tanh -> 2".parse()?, 7)?, &data, serde_json::Value::Null);
/// let c = generate(&model, Language::C, false)?;
/// assert!(c.contains("void predict(const float *input, float *output) {") && c.contains("fmaf only where the target has"));
/// # Ok::<(), layerloop::Error>(())
/// ```
pub fn generate(model: &Model, language: Language, int8: bool) -> Result<String> {
    let plan = Plan::of(model, int8)?;
    Ok(write::file(&plan, language))
}
