//! A network, and what predicts with it.

use std::mem;
use std::path::PathBuf;
use std::process;
use std::sync::{Arc, Mutex, PoisonError};

use layerloop::data::Inputs;
use layerloop::network::{self, Scratch};
use layerloop_formats::code::Language;
use numpy::{PyArray1, PyArray2, PyArrayMethods as _};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::arrays::{Rows, check_finite, contiguous, csr, vector};
use crate::errors::{detached, guarded, python};
use crate::formats;

/// A feedforward network: layers and their weights.
#[pyclass(frozen, module = "layerloop._layerloop")]
pub(crate) struct Network(Mutex<Arc<network::Network>>);

impl Network {
    pub(crate) fn of(network: network::Network) -> Self {
        Self(Mutex::new(Arc::new(network)))
    }

    pub(crate) fn get(&self) -> Arc<network::Network> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn set(&self, network: network::Network) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(network);
    }
}

#[pymethods]
impl Network {
    #[new]
    #[pyo3(signature = (spec, seed = 0))]
    fn new(py: Python<'_>, spec: &str, seed: u64) -> PyResult<Self> {
        detached(py, || network::Network::new(&spec.parse()?, seed)).map(Self::of)
    }

    /// The layers as text.
    #[getter]
    fn spec(&self) -> String {
        self.get().spec().to_string()
    }

    /// Number of inputs.
    #[getter]
    fn inputs(&self) -> usize {
        self.get().spec().inputs
    }

    /// Number of classes, or of other outputs.
    #[getter]
    fn outputs(&self) -> usize {
        self.get().classes()
    }

    /// The output map.
    #[getter]
    fn output(&self) -> String {
        layerloop::names::text(self.get().spec().output)
    }

    /// Number of parameters.
    #[getter]
    fn parameters(&self) -> usize {
        self.get().spec().parameters()
    }

    /// The parameters by name: weights are n_out x n_in.
    fn tensors<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let tensors = PyDict::new(py);
        for tensor in self.get().tensors() {
            let flat = PyArray1::from_vec(py, tensor.values);
            tensors.set_item(tensor.name, flat.reshape(tensor.shape)?)?;
        }
        Ok(tensors)
    }

    /// Sets the values of one tensor, given as a flat array.
    fn set_tensor(&self, name: &str, values: &Bound<'_, PyArray1<f32>>) -> PyResult<()> {
        let mut network = (*self.get()).clone();
        network.set_tensor(name, &vector(values)?).map_err(|error| python(&error))?;
        self.set(network);
        Ok(())
    }

    /// SHA-256 of the parameters: equal for equal bits.
    fn sha256(&self) -> String {
        self.get().sha256()
    }

    /// The outputs of each row of a matrix of float32, float64 or uint8.
    fn __call__<'py>(&self, py: Python<'py>, x: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        Predictor::of(self.get(), 1).outputs(py, x)
    }

    /// A network of its own with the same parameters.
    fn copy(&self) -> Self {
        Self::of((*self.get()).clone())
    }

    /// As an ONNX file: its bytes, or nothing where `path` names a file. `layerloop.Model.to_onnx` says more.
    #[pyo3(signature = (path = None, *, output = "probabilities", opset = 18))]
    fn to_onnx<'py>(
        &self,
        py: Python<'py>,
        path: Option<PathBuf>,
        output: Option<&str>,
        opset: i64,
    ) -> PyResult<Option<Bound<'py, PyBytes>>> {
        formats::to_onnx(py, &formats::model_of(&self.get()), path.as_deref(), output, opset)
    }

    /// As a file of C99: its text, or nothing where `path` names a file.
    #[pyo3(signature = (path = None, *, quantize = None))]
    fn to_c(&self, py: Python<'_>, path: Option<PathBuf>, quantize: Option<&str>) -> PyResult<Option<String>> {
        formats::to_code(py, &formats::model_of(&self.get()), Language::C, path.as_deref(), quantize)
    }

    /// As a file of Rust: its text, or nothing where `path` names a file.
    #[pyo3(signature = (path = None, *, quantize = None))]
    fn to_rust(&self, py: Python<'_>, path: Option<PathBuf>, quantize: Option<&str>) -> PyResult<Option<String>> {
        formats::to_code(py, &formats::model_of(&self.get()), Language::Rust, path.as_deref(), quantize)
    }

    /// As a JavaScript module: its text, or nothing where `path` names a file.
    #[pyo3(signature = (path = None, *, quantize = None))]
    fn to_js(&self, py: Python<'_>, path: Option<PathBuf>, quantize: Option<&str>) -> PyResult<Option<String>> {
        formats::to_code(py, &formats::model_of(&self.get()), Language::JavaScript, path.as_deref(), quantize)
    }

    /// As the `state_dict` of an `nn.Sequential` of PyTorch: arrays by name.
    fn to_torch_state_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        formats::to_torch(py, &formats::model_of(&self.get()))
    }

    fn __str__(&self) -> String {
        self.get().to_string()
    }

    fn __repr__(&self) -> String {
        format!("Network({:?})", self.spec())
    }
}

/// The team of threads that predicts, and memory for single rows; of one process.
struct Working {
    predictor: Arc<network::Predictor>,
    scratches: Vec<Scratch>,
    process: u32,
}

/// Predictions of a network that does not change.
///
/// The lock is held for moments only, and with the interpreter's: a fork never finds it taken. After a fork the child makes a predictor of
/// its own, and leaves that of its parent as it is, for the threads of that are not there.
#[pyclass(frozen, module = "layerloop._layerloop")]
pub(crate) struct Predictor {
    network: Arc<network::Network>,
    threads: usize,
    working: Mutex<Option<Working>>,
}

impl Predictor {
    pub(crate) fn of(network: Arc<network::Network>, threads: usize) -> Self {
        Self { network, threads, working: Mutex::new(None) }
    }

    /// The predictor of this process, and a scratch if one is left.
    fn take(&self, scratch: bool) -> layerloop::Result<(Arc<network::Predictor>, Option<Scratch>)> {
        let mut working = self.working.lock().unwrap_or_else(PoisonError::into_inner);
        let process = process::id();
        if working.as_ref().is_none_or(|working| working.process != process) {
            mem::forget(working.take());
            let predictor = Arc::new(network::Predictor::new(Arc::clone(&self.network), self.threads)?);
            *working = Some(Working { predictor, scratches: Vec::new(), process });
        }
        let Some(working) = &mut *working else { return Err(layerloop::Error::config("predictor", "there is none")) };
        let predictor = Arc::clone(&working.predictor);
        if !scratch {
            return Ok((predictor, None));
        }
        let scratch = working.scratches.pop().map_or_else(|| predictor.scratch(), Ok)?;
        Ok((predictor, Some(scratch)))
    }

    fn give_back(&self, scratch: Scratch) {
        let mut working = self.working.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(working) = working.as_mut().filter(|working| working.process == process::id()) {
            working.scratches.push(scratch);
        }
    }

    fn one(&self, row: &[f32]) -> layerloop::Result<Vec<f32>> {
        check_finite(row)?;
        let (predictor, scratch) = self.take(true)?;
        let Some(mut scratch) = scratch else { return Ok(Vec::new()) };
        let outputs = predictor.row(row, &mut scratch).map(<[f32]>::to_vec);
        self.give_back(scratch);
        outputs
    }

    /// The outputs of all rows, with as few copies as can be.
    pub(crate) fn of_rows(&self, py: Python<'_>, rows: &[f32]) -> PyResult<Vec<f32>> {
        if rows.len() == self.network.spec().inputs {
            return guarded(|| self.one(rows).map_err(|error| python(&error)));
        }
        let (predictor, _) = self.take(false).map_err(|error| python(&error))?;
        let count = rows.len() / self.network.spec().inputs.max(1);
        detached(py, || {
            check_finite(rows)?;
            let mut outputs = vec![0.0; count * self.network.classes()];
            predictor.probabilities_into(rows, &mut outputs).map(|()| outputs)
        })
    }

    fn of_inputs(&self, py: Python<'_>, inputs: &Inputs) -> PyResult<Vec<f32>> {
        let (predictor, _) = self.take(false).map_err(|error| python(&error))?;
        detached(py, || predictor.probabilities(inputs))
    }
}

/// In a child of the process that made it, its threads cannot be waited for.
impl Drop for Predictor {
    fn drop(&mut self) {
        let working = self.working.get_mut().unwrap_or_else(PoisonError::into_inner);
        if working.as_ref().is_some_and(|working| working.process != process::id()) {
            mem::forget(working.take());
        }
    }
}

#[pymethods]
impl Predictor {
    #[new]
    fn new(network: &Network, threads: usize) -> Self {
        Self::of(network.get(), threads)
    }

    /// The outputs of each row of a matrix: float64 of float64, else float32.
    fn outputs<'py>(&self, py: Python<'py>, x: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let rows = Rows::of(x)?;
        let (count, width) = rows.shape();
        if width != self.network.spec().inputs {
            let expected = self.network.spec().inputs;
            return Err(python(&layerloop::Error::shape("inputs of a row", expected, width)));
        }
        match &rows {
            Rows::Single(x) => {
                let outputs = self.of_rows(py, contiguous(x.as_slice())?)?;
                matrix(py, outputs, count).map(Bound::into_any)
            }
            Rows::Double(x) => {
                let x = contiguous(x.as_slice())?;
                let single: Vec<f32> = py.detach(|| x.iter().map(|&value| value as f32).collect());
                let outputs = self.of_rows(py, &single)?;
                matrix(py, outputs.into_iter().map(f64::from).collect(), count).map(Bound::into_any)
            }
            Rows::Bytes(_) => {
                let outputs = self.of_inputs(py, &rows.inputs(py)?)?;
                matrix(py, outputs, count).map(Bound::into_any)
            }
        }
    }

    /// The outputs of sparse rows.
    fn outputs_of_sparse<'py>(
        &self,
        py: Python<'py>,
        width: usize,
        starts: &Bound<'py, PyArray1<i64>>,
        columns: &Bound<'py, PyArray1<u32>>,
        values: &Bound<'py, PyArray1<f32>>,
    ) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let rows = starts.len()?.saturating_sub(1);
        let outputs = self.of_inputs(py, &csr(width, starts, columns, values)?)?;
        matrix(py, outputs, rows)
    }
}

/// A vector as a matrix of so many rows.
pub(crate) fn matrix<T: numpy::Element>(
    py: Python<'_>,
    values: Vec<T>,
    rows: usize,
) -> PyResult<Bound<'_, PyArray2<T>>> {
    let width = values.len().checked_div(rows).unwrap_or(0);
    PyArray1::from_vec(py, values).reshape([rows, width])
}
