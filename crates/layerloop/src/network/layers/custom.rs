//! A user-defined layer, row by row.

use layerloop_kernels::{Block, Rows};

use crate::names::Custom;
use crate::network::Network;
use crate::network::custom::Layer;
use crate::network::forward::Pass;
use crate::network::program::{Op, Value};

/// Its parameters, which are contiguous.
fn parameters<'a>(network: &'a Network, op: &Op) -> &'a [f32] {
    op.parameter.map_or(&[], |i| &network.parameters.layer(i)[..network.program.parameters[i].outputs])
}

/// z' = f(w, z)
pub(in crate::network) fn forward(pass: Pass, op: &Op, layer: Custom<dyn Layer>, block: &mut Block) {
    let [from, to] = [op.from[0], op.to[0]].map(|value| pass.network.program.values[value]);
    let w = parameters(pass.network, op);
    let ([out], [z]) = block.write([pass.places.z(to)], [pass.places.z(from)]);
    let out = out.values.chunks_exact_mut(out.stride);
    for (out, z) in out.zip(z.values.chunks_exact(z.stride)) {
        layer.forward(w, &z[..from.width], &mut out[..to.width]);
    }
}

/// q = (df/dz)^T q'
pub(in crate::network) fn backward(pass: Pass, op: &Op, layer: Custom<dyn Layer>, block: &mut Block) {
    let [from, to] = [op.from[0], op.to[0]].map(|value| pass.network.program.values[value]);
    let w = parameters(pass.network, op);
    let ([out], [z, q]) = block.write([pass.places.delta(from)], [pass.places.z(from), pass.places.delta(to)]);
    let rows = z.values.chunks_exact(z.stride).zip(q.values.chunks_exact(q.stride));
    for (out, (z, q)) in out.values.chunks_exact_mut(out.stride).zip(rows) {
        layer.input_gradient(w, &z[..from.width], &q[..to.width], &mut out[..from.width]);
    }
}

/// p = sum over the rows of (df/dw)^T q', in the order of the rows.
pub(crate) fn weight_gradient(
    layer: Custom<dyn Layer>,
    w: &[f32],
    [(z, from), (q, to)]: [(Rows, Value); 2],
    p: &mut [f32],
) {
    p.fill(0.0);
    let rows = z.values.chunks_exact(z.stride).zip(q.values.chunks_exact(q.stride));
    let count = layer.parameters(from.width);
    for (z, q) in rows {
        layer.weight_gradient(&w[..count], &z[..from.width], &q[..to.width], &mut p[..count]);
    }
}
