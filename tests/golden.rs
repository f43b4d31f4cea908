//! The golden case of the design, section 2: every number of one small network, to four decimals.

use layerloop::Result;
use layerloop::math::{Activation, Layer, Matrix, Network, Output, STEP, check_network};

const X: [f64; 3] = [1.0, 0.0, -1.0];
const Y: [f64; 2] = [0.0, 1.0];

fn network() -> Result<Network> {
    let w_1 = Matrix::from_rows(&[[0.0, 1.0, -1.0], [2.0, 0.0, 1.0]])?;
    let w_2 = Matrix::from_rows(&[[-1.0, 0.0], [2.0, -1.0]])?;
    let layers = vec![Layer::without_bias(&w_1, Activation::Sigmoid), Layer::without_bias(&w_2, Activation::Identity)];
    Network::new(layers, Output::Softmax)
}

#[track_caller]
fn assert_four_decimals(got: &[f64], expected: &[f64]) {
    let same = got.iter().zip(expected).all(|(got, expected)| (got - expected).abs() <= 0.5e-4);
    assert!(got.len() == expected.len() && same, "{got:.4?} instead of {expected:.4?}");
}

#[test]
fn forward() -> Result<()> {
    let network = network()?;
    let forward = network.forward(&X, &Y)?;
    assert_four_decimals(&forward.t()[0], &[1.0, 1.0]);
    assert_four_decimals(&forward.z()[1], &[0.7311, 0.7311]);
    assert_four_decimals(&forward.z()[2], &[-0.7311, 0.7311]);
    assert_four_decimals(&forward.z()[3], &[0.1881, 0.8119]);
    assert_four_decimals(&[forward.loss()], &[0.2084]);
    Ok(())
}

#[test]
fn jacobians() -> Result<()> {
    let network = network()?;
    let jacobians = network.forward(&X, &Y)?.jacobians()?;
    let s = 0.1966; // sigma'(1)
    assert_four_decimals(jacobians.a[0].row(0), &[s, 0.0, -s, s, 0.0, 0.0, 0.0, 0.0]);
    assert_four_decimals(jacobians.a[0].row(1), &[0.0, 0.0, 0.0, 0.0, s, 0.0, -s, s]);
    assert_four_decimals(jacobians.b[0].entries(), &[0.0, s, -s, 0.3932, 0.0, s]);
    assert_four_decimals(jacobians.a[1].row(0), &[0.7311, 0.7311, 1.0, 0.0, 0.0, 0.0]);
    assert_four_decimals(jacobians.a[1].row(1), &[0.0, 0.0, 0.0, 0.7311, 0.7311, 1.0]);
    assert_four_decimals(jacobians.b[1].entries(), &[-1.0, 0.0, 2.0, -1.0]);
    assert_four_decimals(jacobians.c.entries(), &[0.1527, -0.1527, -0.1527, 0.1527]);
    Ok(())
}

#[test]
fn backward_by_either_road() -> Result<()> {
    let network = network()?;
    let forward = network.forward(&X, &Y)?;
    for backward in [forward.backward_by_jacobians()?, forward.backward_closed_form()?] {
        assert_four_decimals(&backward.q[3], &[0.0, -1.2317]);
        assert_four_decimals(&backward.q[2], &[0.1881, -0.1881]);
        assert_four_decimals(&backward.q[1], &[-0.5644, 0.1881]);
        assert_four_decimals(&backward.q[0], &[0.0740, -0.1110, 0.1480]);
        let (dw_1, dw_2) = (backward.p[0].columns(0..3), backward.p[1].columns(0..2));
        assert_four_decimals(dw_1.entries(), &[-0.1110, 0.0, 0.1110, 0.0370, 0.0, -0.0370]);
        assert_four_decimals(dw_2.entries(), &[0.1375, 0.1375, -0.1375, -0.1375]);
        let worst = check_network(&network, &X, &Y, &backward.gradient(), STEP)?;
        assert!(worst.iter().all(|layer| layer.relative_error < 1e-6), "{worst:?}");
    }
    Ok(())
}
