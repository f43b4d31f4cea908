//! Conversions from and to arrays of the crate `ndarray`, behind the feature of that name.

use ndarray::{Array2, ArrayD, ArrayView2, IxDyn};

use crate::data::Inputs;
use crate::network::{Predictor, Tensor};
use crate::{Error, Result};

/// One row a sample; row-major values are moved, others copied.
impl From<Array2<f32>> for Inputs {
    fn from(rows: Array2<f32>) -> Self {
        let count = rows.len();
        if !rows.is_standard_layout() {
            return rows.view().into();
        }
        // A part of a larger array has the values of all of it.
        let (values, offset) = rows.into_raw_vec_and_offset();
        let first = offset.unwrap_or(0);
        if values.len() == count { values.into() } else { values[first..first + count].into() }
    }
}

/// One row a sample, copied row by row.
impl From<ArrayView2<'_, f32>> for Inputs {
    fn from(rows: ArrayView2<f32>) -> Self {
        rows.iter().copied().collect::<Vec<f32>>().into()
    }
}

impl Tensor {
    /// For [`Network::from_tensors`](crate::network::Network::from_tensors): the shape and the values of an array.
    ///
    /// # Example
    /// ```
    /// use layerloop::network::{Network, Tensor};
    /// use ndarray::array;
    /// let tensors = [
    ///     Tensor::from_array("layers.0.weight", array![[3.0, -2.0]].into_dyn()),
    ///     Tensor::from_array("layers.0.bias", array![0.5].into_dyn()),
    /// ];
    /// let network = Network::from_tensors(&"2 -> 1 -> identity".parse()?, tensors)?;
    /// let weight = network.tensor("layers.0.weight").expect("a dense layer has one");
    /// assert_eq!(weight.to_array(), array![[3.0, -2.0]].into_dyn());
    /// # Ok::<(), layerloop::Error>(())
    /// ```
    #[must_use]
    pub fn from_array(name: impl Into<String>, array: ArrayD<f32>) -> Self {
        Self::new(name, array.shape(), array.iter().copied().collect::<Vec<f32>>())
    }

    /// The values in their shape.
    ///
    /// # Panics
    /// If they differ.
    #[must_use]
    pub fn to_array(&self) -> ArrayD<f32> {
        #[expect(clippy::expect_used, reason = "documented")]
        ArrayD::from_shape_vec(IxDyn(&self.shape), self.values.clone()).expect("as many values as the shape has")
    }
}

impl Predictor {
    /// As [`Self::probabilities`], for arrays: rows x classes.
    ///
    /// # Errors
    /// [`Error::Shape`] if `rows` has another number of columns than the network has inputs.
    ///
    /// # Example
    /// ```
    /// use layerloop::network::{Network, Predictor};
    /// use ndarray::array;
    /// let predictor = Predictor::new(Network::new(&"2 -> 3".parse()?, 0)?, 1)?;
    /// let p = predictor.probabilities_of(array![[0.0, 0.0], [1.0, -1.0]].view())?;
    /// assert_eq!(p.shape(), [2, 3]);
    /// assert_eq!(p.row(0).to_vec(), [1.0 / 3.0; 3]);
    /// # Ok::<(), layerloop::Error>(())
    /// ```
    pub fn probabilities_of(&self, rows: ArrayView2<f32>) -> Result<Array2<f32>> {
        let inputs = self.network().spec().inputs;
        if rows.ncols() != inputs {
            return Err(Error::shape("columns of the array", inputs, rows.ncols()));
        }
        let shape = (rows.nrows(), self.network().classes());
        let probabilities = self.probabilities(&rows.into())?;
        Array2::from_shape_vec(shape, probabilities)
            .map_err(|error| Error::shape("probabilities", format!("{shape:?}"), error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Axis, Slice, array};

    #[test]
    fn whatever_the_layout_the_rows_stay_rows() {
        let rows = array![[1.0_f32, 2.0, 3.0], [4.0, 5.0, 6.0]];
        let values = |inputs: Inputs| match inputs {
            Inputs::Floats(values) => values.to_vec(),
            other => panic!("{other:?}"),
        };
        assert_eq!(values(rows.clone().into()), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!(values(rows.clone().reversed_axes().into()), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
        let part = |axis: usize, part: Slice| {
            let mut rows = rows.clone();
            rows.slice_axis_inplace(Axis(axis), part);
            values(rows.into())
        };
        assert_eq!(part(0, (1..).into()), [4.0, 5.0, 6.0]);
        assert_eq!(part(0, (..1).into()), [1.0, 2.0, 3.0]);
        assert_eq!(part(1, (1..).into()), [2.0, 3.0, 5.0, 6.0]);
    }
}
