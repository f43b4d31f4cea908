// The derivation in f64, for one sample: what crates/layerloop/src/math says, so that a reader can change a number and see
// what follows. Matrices are rows one after the other: {rows, cols, at: Float64Array}.

// sigma and sigma', by the names of the text form; `n` has the numbers of a choice.
const sigmoid = (t) => (t < 0 ? Math.exp(t) / (1 + Math.exp(t)) : 1 / (1 + Math.exp(-t)));
const softplus = (t) => Math.max(t, 0) + Math.log1p(Math.exp(-Math.abs(t)));
const clamp = (t, low, high) => Math.min(Math.max(t, low), high);
const both = (value, slope) => ({ value, slope });

// Phi, the distribution function of the normal distribution: a series near 0, a continued fraction far from it.
function normal(t) {
  const density = Math.exp((-t * t) / 2) / Math.sqrt(2 * Math.PI);
  if (Math.abs(t) < 3.5) {
    let [term, sum] = [t, t];
    for (let k = 1; Math.abs(term) > 1e-18; k++) sum += term *= (t * t) / (2 * k + 1);
    return 0.5 + density * sum;
  }
  let fraction = 0;
  for (let k = 80; k > 0; k--) fraction = k / (Math.abs(t) + fraction);
  const tail = density / (Math.abs(t) + fraction);
  return t < 0 ? tail : 1 - tail;
}
const geluS = (t) => {
  const c = 2 * Math.sqrt(2 / Math.PI); // sigma(s) = (1 + tanh(s / 2)) / 2
  return [c * (t + 0.044715 * t ** 3), c * (1 + 3 * 0.044715 * t * t)];
};
const SELU = [1.0507009873554805, 1.6732632423543772];
const elu = (a) => both((t) => (t > 0 ? t : a * Math.expm1(t)), (t) => (t > 0 ? 1 : a * Math.exp(t)));
const tanhOfSoftplus = (t) => Math.tanh(softplus(t));
const hardSigmoid = (t) => clamp(t + 3, 0, 6) / 6;
const tanhSlope = (t) => 1 - Math.tanh(t) ** 2;

const SIGMA = {
  identity: () => both((t) => t, () => 1),
  sigmoid: () => both(sigmoid, (t) => sigmoid(t) * sigmoid(-t)),
  tanh: () => both(Math.tanh, tanhSlope),
  relu: () => both((t) => Math.max(t, 0), (t) => +(t > 0)),
  hardsigmoid: () => both(hardSigmoid, (t) => (t > -3 && t < 3) / 6),
  logsigmoid: () => both((t) => -softplus(-t), (t) => sigmoid(-t)),
  hardtanh: () => both((t) => clamp(t, -1, 1), (t) => +(t > -1 && t < 1)),
  relu6: () => both((t) => clamp(t, 0, 6), (t) => +(t > 0 && t < 6)),
  leakyrelu: (n) => both((t) => (t > 0 ? t : n.a * t), (t) => (t > 0 ? 1 : n.a)),
  elu: (n) => elu(n.a),
  celu: (n) => both((t) => (t > 0 ? t : n.a * Math.expm1(t / n.a)), (t) => (t > 0 ? 1 : Math.exp(t / n.a))),
  selu: () => both((t) => SELU[0] * elu(SELU[1]).value(t), (t) => SELU[0] * elu(SELU[1]).slope(t)),
  gelu: () => both((t) => t * normal(t), (t) => normal(t) + (t * Math.exp((-t * t) / 2)) / Math.sqrt(2 * Math.PI)),
  "gelu-tanh": () =>
    both(
      (t) => t * sigmoid(geluS(t)[0]),
      (t) => {
        const [s, slope] = geluS(t);
        return sigmoid(s) + t * sigmoid(s) * sigmoid(-s) * slope;
      },
    ),
  swish: () => both((t) => t * sigmoid(t), (t) => sigmoid(t) + t * sigmoid(t) * sigmoid(-t)),
  hardswish: () => both((t) => t * hardSigmoid(t), (t) => (t <= -3 ? 0 : t > 3 ? 1 : t / 3 + 0.5)),
  mish: () =>
    both((t) => t * tanhOfSoftplus(t), (t) => tanhOfSoftplus(t) + t * (1 - tanhOfSoftplus(t) ** 2) * sigmoid(t)),
  softplus: () => both(softplus, sigmoid),
  softsign: () => both((t) => t / (1 + Math.abs(t)), (t) => (1 + Math.abs(t)) ** -2),
  softshrink: (n) => both((t) => t - clamp(t, -n.lambda, n.lambda), (t) => +(Math.abs(t) > n.lambda)),
  hardshrink: (n) => both((t) => (Math.abs(t) > n.lambda ? t : 0), (t) => +(Math.abs(t) > n.lambda)),
  tanhshrink: () =>
    both(
      (t) => {
        const s = t * t;
        if (Math.abs(t) >= 0.1) return t - Math.tanh(t);
        return t * s * (1 / 3 - s * (2 / 15 - s * (17 / 315 - (s * 62) / 2835)));
      },
      (t) => Math.tanh(t) ** 2,
    ),
  logcosh: () =>
    both(
      (t) =>
        Math.abs(t) < 1
          ? 0.5 * Math.log1p(Math.sinh(t) ** 2)
          : Math.abs(t) - Math.LN2 + Math.log1p(Math.exp(-2 * Math.abs(t))),
      Math.tanh,
    ),
  trelu: (n) => both((t) => (t > n.theta ? t : 0), (t) => +(t > n.theta)),
  lisht: () => both((t) => t * Math.tanh(t), (t) => Math.tanh(t) + t * tanhSlope(t)),
};

// Output maps g_{L+1}: what the logits become.
function outputs(kind, z) {
  if (kind === "softmax" || kind === "reference-softmax") {
    const all = kind === "softmax" ? [...z] : [...z, 0];
    const most = Math.max(...all);
    const powers = all.map((z) => Math.exp(z - most));
    const sum = powers.reduce((a, b) => a + b, 0);
    return powers.map((power) => power / sum);
  }
  if (kind === "sigmoid") return z.length === 1 ? [sigmoid(-z[0]), sigmoid(z[0])] : [...z].map(sigmoid);
  return kind === "exp" ? [...z].map(Math.exp) : [...z];
}

// C_K, the Jacobian of the output map: K x number of logits.
function jacobianOfOutputs(kind, z) {
  const g = outputs(kind, z);
  const entry = (r, c) => {
    if (kind === "softmax" || kind === "reference-softmax") return g[r] * ((r === c) - g[c]);
    if (kind === "sigmoid" && z.length === 1) return (r ? 1 : -1) * g[0] * g[1];
    if (r !== c) return 0;
    return kind === "sigmoid" ? sigmoid(z[c]) * sigmoid(-z[c]) : kind === "exp" ? g[c] : 1;
  };
  return matrix(g.length, z.length, entry);
}

// Losses, as value and slope of one term in log p of a class, or in a logit z with the target y.
const magnitude = (y) => (y > -0.5 ? Math.log1p(y) : Math.log1p(-0.5) + 2 * (y + 0.5));
const ofClass = {
  "cross-entropy": () => both((y, lp) => -y * lp, (y) => -y),
  kl: () => both((y, lp) => y * (Math.log(y) - lp), (y) => -y),
  focal: (n) =>
    both(
      (y, lp) => -y * (-Math.expm1(lp)) ** n.gamma * lp,
      (y, lp) => {
        const [p, c] = [Math.exp(lp), -Math.expm1(lp)];
        return -y * c ** n.gamma * (1 - n.gamma * p * (c === 0 ? -1 : lp / c));
      },
    ),
};
const ofTerm = {
  "binary-cross-entropy": () =>
    both((y, z) => y * softplus(-z) + (1 - y) * softplus(z), (y, z) => sigmoid(z) - y),
  focal: (n) =>
    both(
      (y, z) => y * sigmoid(-z) ** n.gamma * softplus(-z) + (1 - y) * sigmoid(z) ** n.gamma * softplus(z),
      (y, z) => {
        const [p, c] = [sigmoid(z), sigmoid(-z)];
        return (
          (1 - y) * p ** n.gamma * (p + n.gamma * c * softplus(z)) - y * c ** n.gamma * (c + n.gamma * p * softplus(-z))
        );
      },
    ),
  mse: () => both((y, z) => (z - y) ** 2, (y, z) => 2 * (z - y)),
  mae: () => both((y, z) => Math.abs(z - y), (y, z) => Math.sign(z - y)),
  huber: (n) =>
    both(
      (y, z) => {
        const e = Math.abs(z - y);
        return e < n.delta ? (e * e) / 2 : n.delta * (e - n.delta / 2);
      },
      (y, z) => clamp(z - y, -n.delta, n.delta),
    ),
  "log-cosh": () => both((y, z) => SIGMA.logcosh().value(z - y), (y, z) => Math.tanh(z - y)),
  msle: () =>
    both(
      (y, z) => (magnitude(z) - magnitude(y)) ** 2,
      (y, z) => (2 * (magnitude(z) - magnitude(y))) / (1 + Math.max(z, -0.5)),
    ),
  poisson: () => both((y, z) => Math.exp(z) - y * z, (y, z) => Math.exp(z) - y),
  quantile: (n) =>
    both(
      (y, z) => Math.max(-n.tau * (z - y), (1 - n.tau) * (z - y)),
      (y, z) => (1 - n.tau) * (z > y) - n.tau * (z < y),
    ),
  hinge: () => both((y, z) => Math.max(1 - y * z, 0), (y, z) => -y * (1 - y * z > 0)),
  "squared-hinge": () =>
    both((y, z) => Math.max(1 - y * z, 0) ** 2, (y, z) => -2 * y * Math.max(1 - y * z, 0)),
};

// The loss of the logits z, its gradient q_{L+1} by them and q_{L+2} by the outputs.
function loss(choice, kind, y, z) {
  const total = (terms) => terms.reduce((a, b) => a + b, 0);
  if (kind === "softmax" || kind === "reference-softmax") {
    const all = kind === "softmax" ? [...z] : [...z, 0];
    const most = Math.max(...all);
    const logSum = Math.log(total(all.map((z) => Math.exp(z - most))));
    const logP = all.map((z) => z - most - logSum);
    const by = ofClass[choice.name](choice.numbers);
    const v = logP.map((lp, k) => (y[k] === 0 ? 0 : -by.slope(y[k], lp)));
    const sum = total(v);
    return {
      value: total(logP.map((lp, k) => (y[k] === 0 ? 0 : by.value(y[k], lp)))),
      byLogits: Float64Array.from(z, (_, j) => Math.exp(logP[j]) * sum - v[j]),
      byOutputs: Float64Array.from(v, (v, k) => (y[k] === 0 ? 0 : -v / Math.exp(logP[k]))),
    };
  }
  const by = ofTerm[choice.name](choice.numbers);
  const n = z.length;
  const byLogits = Float64Array.from(z, (z, k) => by.slope(y[k], z) / n);
  let byOutputs;
  if (kind === "sigmoid" && n === 1) {
    const one = ofClass[choice.name === "focal" ? "focal" : "cross-entropy"](choice.numbers);
    const [p, of] = [[-softplus(z[0]), -softplus(-z[0])], [1 - y[0], y[0]]];
    byOutputs = Float64Array.from(p, (lp, k) => (of[k] === 0 ? 0 : one.slope(of[k], lp) / Math.exp(lp)));
  } else {
    const c = jacobianOfOutputs(kind, z);
    byOutputs = Float64Array.from(z, (z, k) => by.slope(y[k], z) / n / c.at[k * c.cols + k]);
  }
  return { value: total([...z].map((z, k) => by.value(y[k], z))) / n, byLogits, byOutputs };
}

function matrix(rows, cols, entry) {
  const at = new Float64Array(rows * cols);
  for (let r = 0; r < rows; r++) for (let c = 0; c < cols; c++) at[r * cols + c] = entry(r, c);
  return { rows, cols, at };
}

// The forward and the backward layer loop. A layer is {activation: {name, numbers}, w}, the bias in the last column of w.
function pass({ layers, output, loss: choice }, x, y) {
  const z = [Float64Array.from(x)];
  const steps = layers.map(({ activation, w }, i) => {
    const sigma = SIGMA[activation.name](activation.numbers);
    const n = w.cols - 1;
    const t = new Float64Array(w.rows);
    for (let r = 0; r < w.rows; r++) {
      let sum = 0; // in the order of math/: the bias, times 1, comes last
      for (let c = 0; c < n; c++) sum += w.at[r * w.cols + c] * z[i][c];
      t[r] = sum + w.at[r * w.cols + n];
    }
    z.push(t.map(sigma.value));
    return { z: z[i], t, zNext: z[i + 1], sigmaPrime: t.map(sigma.slope), z1: Float64Array.of(...z[i], 1) };
  });
  const logits = z[layers.length];
  const measured = loss(choice, output, y, logits);
  let q = measured.byLogits;
  for (let i = layers.length - 1; i >= 0; i--) {
    const [step, { w }] = [steps[i], layers[i]];
    step.qNext = q;
    step.delta = step.sigmaPrime.map((slope, r) => slope * step.qNext[r]);
    q = new Float64Array(w.cols - 1);
    for (let r = 0; r < w.rows; r++) for (let c = 0; c < q.length; c++) q[c] += w.at[r * w.cols + c] * step.delta[r];
    step.q = q;
    step.a = () => blocks(step.sigmaPrime, step.z1);
    step.b = () => matrix(w.rows, w.cols - 1, (r, c) => step.sigmaPrime[r] * w.at[r * w.cols + c]);
    step.p = () => matrix(w.rows, w.cols, (r, c) => step.delta[r] * step.z1[c]);
  }
  return {
    layers: steps,
    logits,
    outputs: Float64Array.from(outputs(output, logits)),
    c: () => jacobianOfOutputs(output, logits),
    loss: measured.value,
    qLoss: measured.byOutputs,
    qLogits: measured.byLogits,
  };
}

// A_i = diag(sigma'(t_i)) [ e_1 (z^{;1})^T ... e_n (z^{;1})^T ]
function blocks(sigmaPrime, z1) {
  const n = z1.length;
  return matrix(sigmaPrime.length, sigmaPrime.length * n, (r, c) => (Math.floor(c / n) === r ? sigmaPrime[r] * z1[c % n] : 0));
}

// Numbers of f32 in base64, little endian.
function decoded(base64) {
  const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  return Float64Array.from(new Float32Array(bytes.buffer));
}

// The network and the sample, from the data of a page.
function opened(data) {
  const layers = data.layers.map(({ activation, rows, cols, w }) => ({ activation, w: { rows, cols, at: decoded(w) } }));
  return { layers, output: data.output, loss: data.loss, x: decoded(data.x), y: Float64Array.from(data.y) };
}
