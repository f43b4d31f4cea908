//! Errors of the library as Python's.

use std::any::Any;
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};

use layerloop::Error;
use layerloop::data::Batches;
use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use serde::de::DeserializeOwned;

/// `OSError` with its number and file where the system refused, else `ValueError` with the library's sentence.
pub(crate) fn python(error: &Error) -> PyErr {
    let Error::Io { path, cause } = error else { return PyValueError::new_err(error.to_string()) };
    match cause.raw_os_error() {
        Some(number) => {
            let said = cause.to_string();
            let said = said.split(" (os error").next().unwrap_or_default().to_owned();
            PyOSError::new_err((number, said, path.display().to_string()))
        }
        None => PyOSError::new_err(error.to_string()),
    }
}

/// The error of another library as `ValueError`.
pub(crate) fn or_value_error<T>(result: Result<T, impl Display>) -> PyResult<T> {
    result.map_err(|error| PyValueError::new_err(error.to_string()))
}

/// What the package's own Python code hands over as JSON.
pub(crate) fn of_json<T: DeserializeOwned>(text: &str) -> PyResult<T> {
    or_value_error(serde_json::from_str(text))
}

/// What `f` gives; a panic, which is a bug of the library, as `RuntimeError`.
pub(crate) fn guarded<T>(f: impl FnOnce() -> PyResult<T>) -> PyResult<T> {
    catch_unwind(AssertUnwindSafe(f)).unwrap_or_else(|panic| Err(of_panic(&*panic)))
}

fn of_panic(panic: &(dyn Any + Send)) -> PyErr {
    let said = panic.downcast_ref::<&str>().map(ToString::to_string);
    let said = said.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    PyRuntimeError::new_err(format!("internal error of layerloop, which is a bug: {said}"))
}

/// As [`guarded`], of something that may fail as the library does, without the interpreter's lock.
pub(crate) fn detached<T: Send>(py: Python<'_>, f: impl FnOnce() -> Result<T, Error> + Send) -> PyResult<T> {
    guarded(|| py.detach(f).map_err(|error| python(&error)))
}

/// For the tests of the package: what a panic becomes, here that of batches of no rows.
#[pyfunction]
pub(crate) fn _panic() -> PyResult<usize> {
    guarded(|| Ok(Batches::new(1, 0, 0).per_epoch()))
}
