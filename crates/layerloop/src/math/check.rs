//! The gradient check: a computed derivative against central differences.

use super::matrix::{Matrix, same_size};
use super::network::Network;
use crate::Result;

/// A good step for functions of about 1: near the cube root of f64's precision, where rounding and curvature balance.
pub const STEP: f64 = 1e-5;

/// Derivatives below this are compared absolutely: the rounding of a central difference, about 1e-16 / [`STEP`] times
/// the function, must stay below 1e-6 of what it is compared with.
const FLOOR: f64 = 1e-4;

/// The place where a given derivative is furthest from the measured one.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Deviation {
    /// `|given - measured| / max(|given|, |measured|, 1e-4)`; infinite if either is not a number.
    pub relative_error: f64,
    /// The parameter, counted from 0 within what was checked; for a Jacobian its entry, row by row.
    pub index: usize,
    /// The derivative that was given.
    pub given: f64,
    /// The derivative that was measured.
    pub measured: f64,
}

/// Checks a gradient of `f` at the point `at` by central differences.
///
/// ```text
/// df/dw_j ~ (f(w + h e_j) - f(w - h e_j)) / 2h
/// ```
///
/// # Errors
///
/// [`Error::Shape`](crate::Error::Shape) unless `gradient` is as long as `at`.
///
/// # Numerics
///
/// With [`STEP`] a right gradient deviates by less than 1e-6, or 1e-5 for a deep composition; a wrong one by about 1.
/// Where `f` has a kink within `h`, as relu does, the check means nothing.
///
/// # Source
///
/// Goodfellow et al. 2016, section 11.5.
///
/// # Example
///
/// ```
/// # use layerloop::math::{STEP, check_gradient};
/// let f = |w: &[f64]| w[0] * w[0] * w[1];
/// assert!(check_gradient(f, &[3.0, 2.0], &[12.0, 9.0], STEP)?.relative_error < 1e-6);
///
/// let wrong = check_gradient(f, &[3.0, 2.0], &[12.0, 6.0], STEP)?;
/// assert_eq!((wrong.index, wrong.given, wrong.measured.round()), (1, 6.0, 9.0));
/// assert_eq!(format!("{:.4}", wrong.relative_error), "0.3333");
/// # Ok::<(), layerloop::Error>(())
/// ```
#[doc(alias = "finite differences")]
pub fn check_gradient(mut f: impl FnMut(&[f64]) -> f64, at: &[f64], gradient: &[f64], h: f64) -> Result<Deviation> {
    same_size("length of the gradient", at.len(), gradient.len())?;
    check_jacobian(|w| vec![f(w)], at, &Matrix::new(1, at.len(), gradient.to_vec())?, h)
}

/// Checks a Jacobian of `f` at the point `at`: [`check_gradient`] for a function with several values.
///
/// # Errors
///
/// [`Error::Shape`](crate::Error::Shape) unless `jacobian` has one row a value of `f` and one column an entry of `at`.
pub fn check_jacobian(
    mut f: impl FnMut(&[f64]) -> Vec<f64>,
    at: &[f64],
    jacobian: &Matrix,
    h: f64,
) -> Result<Deviation> {
    same_size("rows of the Jacobian", f(at).len(), jacobian.rows())?;
    same_size("columns of the Jacobian", at.len(), jacobian.cols())?;
    let columns = central_differences(f, at, h);
    let measured = Matrix::from_fn(jacobian.rows(), at.len(), |r, c| columns[c].get(r).copied().unwrap_or(f64::NAN));
    Ok(worst(jacobian.entries(), measured.entries()))
}

/// Checks a gradient of a network's loss, however computed, and gives the worst place of each layer.
///
/// # Shapes
///
/// `gradient` is ordered as [`Network::parameters`]; in the answer, `index` counts within the layer's `W_i`, row by row.
///
/// # Errors
///
/// [`Error::Shape`](crate::Error::Shape) if `x`, `y` or `gradient` has not the length that the network asks for.
///
/// # Example
///
/// ```
/// # use layerloop::math::{Activation, Layer, Matrix, Network, Output, STEP, check_network};
/// let layer = Layer::new(Matrix::from_rows(&[[0.5, -1.0, 0.1]])?, Activation::Identity)?;
/// let network = Network::new(vec![layer], Output::ReferenceSoftmax)?;
/// let (x, y) = ([1.0, 2.0], [0.0, 1.0]);
/// let gradient = network.forward(&x, &y)?.backward_closed_form()?.gradient();
/// assert!(check_network(&network, &x, &y, &gradient, STEP)?[0].relative_error < 1e-6);
/// # Ok::<(), layerloop::Error>(())
/// ```
pub fn check_network(network: &Network, x: &[f64], y: &[f64], gradient: &[f64], h: f64) -> Result<Vec<Deviation>> {
    same_size("length of the gradient", network.parameter_count(), gradient.len())?;
    network.loss(x, y)?; // From here on all shapes are right, and a loss cannot fail.
    let mut moved = network.clone();
    let loss = |w: &[f64]| vec![moved.set_parameters(w).and_then(|()| moved.loss(x, y)).unwrap_or(f64::NAN)];
    let measured = central_differences(loss, &network.parameters(), h).concat();
    let mut start = 0;
    let layer_by_layer = network.layers().iter().map(|layer| {
        let own = start..start + layer.w().entries().len();
        start = own.end;
        worst(&gradient[own.clone()], &measured[own])
    });
    Ok(layer_by_layer.collect())
}

/// The columns of the Jacobian of `f`, measured.
fn central_differences(mut f: impl FnMut(&[f64]) -> Vec<f64>, at: &[f64], h: f64) -> Vec<Vec<f64>> {
    let mut w = at.to_vec();
    let column = |j| {
        let (above, below) = (at[j] + h, at[j] - h);
        w[j] = above;
        let f_above = f(&w);
        w[j] = below;
        let f_below = f(&w);
        w[j] = at[j];
        f_above.iter().zip(&f_below).map(|(a, b)| (a - b) / (above - below)).collect()
    };
    (0..at.len()).map(column).collect()
}

/// The largest deviation; none at all where there is nothing to compare.
fn worst(given: &[f64], measured: &[f64]) -> Deviation {
    let each = given.iter().zip(measured).enumerate().map(|(index, (&given, &measured))| {
        let error = (given - measured).abs() / given.abs().max(measured.abs()).max(FLOOR);
        let relative_error = if error.is_nan() { f64::INFINITY } else { error };
        Deviation { relative_error, index, given, measured }
    });
    each.max_by(|a, b| a.relative_error.total_cmp(&b.relative_error)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::{Activation, Layer, Output, numbers};

    fn network() -> Network {
        let layer = |n_in: usize, n_out: usize, activation| {
            let w = Matrix::new(n_out, n_in + 1, numbers(n_out, n_out * (n_in + 1))).unwrap();
            Layer::new(w, activation).unwrap()
        };
        let layers = vec![layer(20, 60, Activation::Tanh), layer(60, 4, Activation::Identity)];
        Network::new(layers, Output::ReferenceSoftmax).unwrap()
    }

    #[test]
    fn a_wrong_entry_is_found_in_its_layer() {
        let (network, x, y) = (network(), numbers(1, 20), [0.0, 0.0, 0.0, 0.0, 1.0]);
        let mut gradient = network.forward(&x, &y).unwrap().backward_closed_form().unwrap().gradient();
        let first = network.layers()[0].w().entries().len();
        gradient[first + 7] += 0.01;
        let found = check_network(&network, &x, &y, &gradient, STEP).unwrap();
        assert!(found[0].relative_error < 1e-6, "{found:?}");
        assert!(found[1].relative_error > 1e-3 && found[1].index == 7, "{found:?}");
        assert!((found[1].given - found[1].measured - 0.01).abs() < 1e-8, "{found:?}");
    }

    #[test]
    fn what_is_not_a_number_is_never_right() {
        let deviation = |f: f64, given| check_gradient(|_| f, &[0.0], &[given], STEP).unwrap().relative_error;
        assert_eq!(deviation(f64::NAN, 0.0), f64::INFINITY);
        assert_eq!(deviation(0.0, f64::INFINITY), f64::INFINITY);
        assert_eq!(deviation(0.0, f64::NAN), f64::INFINITY);
        assert_eq!(deviation(1.0, 0.0), 0.0);
    }

    #[test]
    fn a_gradient_of_the_wrong_length_is_refused() {
        assert!(check_gradient(|w| w[0], &[1.0], &[1.0, 0.0], STEP).is_err());
        assert!(check_jacobian(<[f64]>::to_vec, &[1.0], &Matrix::from_fn(2, 1, |_, _| 1.0), STEP).is_err());
        assert!(check_network(&network(), &[0.0; 20], &[0.0; 5], &[0.0], STEP).is_err());
    }
}
