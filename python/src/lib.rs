//! The extension module of the Python package `layerloop`: it converts types, and the library does the rest.

mod arrays;
mod data;
mod diagnostics;
mod errors;
mod explain;
mod formats;
mod kept;
mod model;
mod network;
mod rules;
mod table;
mod training;

use pyo3::prelude::*;

/// The library, for the Python code of the package alone.
#[pymodule]
fn _layerloop(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<network::Network>()?;
    module.add_class::<network::Predictor>()?;
    module.add_class::<data::X>()?;
    module.add_class::<data::Data>()?;
    module.add_class::<training::Memory>()?;
    module.add_class::<table::Table>()?;
    module.add_class::<model::Model>()?;
    module.add_function(wrap_pyfunction!(training::train, module)?)?;
    module.add_function(wrap_pyfunction!(table::train_table, module)?)?;
    module.add_function(wrap_pyfunction!(table::find_lr_of_table, module)?)?;
    module.add_function(wrap_pyfunction!(explain::walk, module)?)?;
    module.add_function(wrap_pyfunction!(explain::report, module)?)?;
    module.add_function(wrap_pyfunction!(explain::report_of_table, module)?)?;
    module.add_function(wrap_pyfunction!(explain::data_of_table, module)?)?;
    module.add_function(wrap_pyfunction!(explain::attribute, module)?)?;
    module.add_function(wrap_pyfunction!(explain::gradients_agree, module)?)?;
    module.add_function(wrap_pyfunction!(formats::to_onnx, module)?)?;
    module.add_function(wrap_pyfunction!(formats::to_code, module)?)?;
    module.add_function(wrap_pyfunction!(formats::quantization_loss, module)?)?;
    module.add_function(wrap_pyfunction!(formats::to_torch, module)?)?;
    module.add_function(wrap_pyfunction!(formats::from_onnx, module)?)?;
    module.add_function(wrap_pyfunction!(formats::from_torch, module)?)?;
    module.add_function(wrap_pyfunction!(diagnostics::mistakes, module)?)?;
    module.add_function(wrap_pyfunction!(diagnostics::samples, module)?)?;
    module.add_function(wrap_pyfunction!(diagnostics::curvature, module)?)?;
    module.add_function(wrap_pyfunction!(diagnostics::find_lr, module)?)?;
    module.add_function(wrap_pyfunction!(errors::_panic, module)?)
}
