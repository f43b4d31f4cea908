//! A network, and what predicts with it.

use std::mem;
use std::process;
use std::sync::{Arc, Mutex, PoisonError};

use layerloop::data::Inputs;
use layerloop::network::{self, Scratch};
use numpy::{PyArray1, PyArray2, PyArrayMethods as _};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::arrays::{Rows, check_finite, vector};
use crate::data::X;
use crate::errors::{detached, guarded, or_value_error, python};
use crate::formats;
use crate::model::Model;

/// A feedforward network: layers and their weights.
#[pyclass(frozen, subclass, module = "layerloop._layerloop")]
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
    /// Of a text with weights by the seed, or a copy of a network.
    #[new]
    #[pyo3(signature = (spec, seed = 0))]
    fn new(py: Python<'_>, spec: &Bound<'_, PyAny>, seed: u64) -> PyResult<Self> {
        if let Ok(network) = spec.cast::<Self>() {
            return Ok(Self::of((*network.get().get()).clone()));
        }
        let spec: String = spec.extract()?;
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

    /// A model of this network alone: classes are numbered from 0, the numbers that it predicts are y1, y2, ...
    fn model(&self) -> Model {
        Model::of(formats::model_of(&self.get()))
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
                let outputs = self.of_rows(py, or_value_error(x.as_slice())?)?;
                matrix(py, outputs, count).map(Bound::into_any)
            }
            Rows::Double(x) => {
                let x = or_value_error(x.as_slice())?;
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

    /// The outputs of each of these rows.
    fn outputs_of<'py>(&self, py: Python<'py>, x: &X) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let outputs = self.of_inputs(py, x.inputs())?;
        matrix(py, outputs, x.rows())
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
