// The steps of the walk, in the order of the derivation: their formulas, their words, the symbols in them, and what they show.

const SYMBOLS = {
  x: ["x", "the input: one row of the data"],
  y: ["y", "the target: what the output should be; 1 for the right class and 0 for the others"],
  z: ["z_i", "activations: the numbers that layer i takes; the first are the input, the last are the output"],
  z1: ["z_i^{;1}", "z with a 1 below it: the 1 is multiplied by the bias"],
  W: ["W_i", "weights of layer i: a row for each unit; the bias is in the last column"],
  t: ["t_i", "preactivations: the weighted sums of layer i, before its activation function"],
  sigma: ["\\sigma,\\ \\sigma'", "the activation function and its derivative (slope)"],
  A: ["A_i", "Jacobian by the weights: how each output of layer i changes with each of its weights"],
  B: ["B_i", "Jacobian by the input: how each output of layer i changes with each of its inputs"],
  C: ["C_K", "Jacobian of the output map: how each output changes with each logit"],
  g: ["g", "the output map and its values: the probabilities, where there are classes"],
  l: ["l_y", "the loss: how far the output is from the target"],
  q: ["q_i", "gradient by the activations: how fast the loss grows with each entry of z"],
  delta: ["\\delta_i", "gradient by the preactivations: how fast the loss grows with each entry of t"],
  p: ["p_i", "gradient by the weights: how fast the loss grows with each weight"],
  eta: ["\\eta", "learning rate: how far a step goes"],
};

// exp(z_j) and not e^{z_j}: an index of an exponent is too small to read.
const sumOfReference = "1 + \\sum_{k=1}^{K-1} \\exp z_k";
const outputTex = {
  softmax: "g_j = \\frac{\\exp z_j}{\\sum_{k=1}^{K} \\exp z_k}",
  "reference-softmax": `g_j = \\frac{\\exp z_j}{${sumOfReference}},\\quad g_K = \\frac{1}{${sumOfReference}}`,
  sigmoid: "g_j = \\frac{1}{1 + \\exp(-z_j)}",
  identity: "g_j = z_j",
  exp: "g_j = \\exp z_j",
};
const jacobianTex = {
  softmax: "C_K = \\operatorname{diag}(g) - g\\,g^\\top",
  "reference-softmax": "C_K = \\bigl(\\operatorname{diag}(g) - g\\,g^\\top\\bigr)\\text{ without its last column}",
  sigmoid: "C_K = \\operatorname{diag}\\bigl(g\\,(1 - g)\\bigr)",
  identity: "C_K = I",
  exp: "C_K = \\operatorname{diag}(g)",
};
const lossTex = {
  "cross-entropy": "-\\sum_k y_k \\log g_k",
  "binary-cross-entropy": "-\\tfrac1K \\sum_k \\bigl(y_k \\log g_k + (1 - y_k) \\log(1 - g_k)\\bigr)",
  focal: "-\\sum_k y_k (1 - g_k)^\\gamma \\log g_k",
  kl: "\\sum_k y_k (\\log y_k - \\log g_k)",
  mse: "\\tfrac1K \\sum_k (z_k - y_k)^2",
  mae: "\\tfrac1K \\sum_k |z_k - y_k|",
};
const outputWords = {
  softmax: "Probabilities, which sum to 1.",
  "reference-softmax": "Probabilities; the last class has the logit 0.",
};
const jacobianWords = {
  softmax: "Here it is softmax's full Jacobian: each row and each column sums to 0. The reference softmax would leave out the last column.",
  "reference-softmax": "Beside it is softmax's full Jacobian, with a column for the last class's logit too: that logit is always 0, so its column is left out.",
};

// e_1 (z^{;1})^T ... e_n (z^{;1})^T
function blocksTex(i, n) {
  const block = (k) => `e_{${k}} (z_{${i}}^{;1})^\\top`;
  return n === 1 ? block(1) : `${block(1)} \\;${n === 2 ? "" : "\\cdots"}\\; ${block(n)}`;
}

// ---- the objects of the derivation as views

const logitsOr = (k) => (k === L + 1 ? { rowName: names.logits } : {});
const xView = () => view("z_1 = x", () => asPicture(now.layers[0].z), { name: "z_1", edit: { of: inputs, index: (r, c) => (pictured ? r * given.image[1] + c : r) }, paint: pictured });
const yView = () => view("y", () => vector(net.y), { name: "y", edit: { of: targets, index: (r) => r }, rowName: names.targets });
function zView(i) {
  if (i === L + 2) return view(`z_{${i}}`, () => vector(now.outputs), { name: `z_${i}`, rowName: names.outputs });
  return view(`z_{${i}}`, () => vector(now.layers[i - 2].zNext), { name: `z_${i}`, ...logitsOr(i) });
}
function z1View(i) {
  const edit = i === 1 ? { of: inputs, index: (r) => (r < net.x.length ? r : undefined) } : undefined;
  return view(`z_{${i}}^{;1}`, () => vector(now.layers[i - 1].z1), { name: `z_${i}`, edit });
}
function wView(i) {
  const { w } = net.layers[i - 1];
  return view(`W_{${i}}`, () => w, { name: `W_${i}`, edit: { of: weights[i - 1], index: (r, c) => r * w.cols + c }, columnName: (c) => (c === w.cols - 1 ? "bias" : String(c + 1)) });
}
const tView = (i) => view(`t_{${i}}`, () => vector(now.layers[i - 1].t), { name: `t_${i}`, ...logitsOr(i + 1) });
function qView(i) {
  if (i === L + 2) return view(`q_{${i}}`, () => vector(now.qLoss), { name: `q_${i}`, rowName: now.qLoss.length === given.classes.length ? className : undefined });
  if (i === L + 1) return view(`q_{${i}}`, () => vector(now.qLogits), { name: `q_${i}`, rowName: names.logits });
  const values = () => now.layers[i - 1].q;
  return view(`q_{${i}}`, () => (i === 1 ? asPicture(values()) : vector(values())), { name: `q_${i}` });
}
const lossView = () => view(`z_{${L + 3}}`, () => vector(Float64Array.of(now.loss)), { name: "loss" });
const full = (p) => matrix(p.length, p.length, (r, c) => p[r] * ((r === c) - p[c]));

// A_i itself, or, past the limit, its blocks: the norm of each, and as images those that are not 0.
function aViews(i, w) {
  const layer = () => now.layers[i - 1];
  if (w.rows * w.rows * w.cols <= given.largest) return [view(`A_{${i}}`, () => layer().a(), { broad: true, name: `A_${i}` })];
  const norms = () => matrix(w.rows, w.rows, (r, c) => (r === c ? layer().sigmaPrime[r] * norm(layer().z1) : 0));
  const rows = () => matrix(w.rows, w.cols, (r, c) => layer().sigmaPrime[r] * layer().z1[c]);
  return [
    view(`A_{${i}} \\text{, a square for each block of } 1 \\times ${w.cols} \\text{: its norm}`, norms, { name: `blocks_${i}` }),
    ...tilesOf(`\\text{block } k \\text{ of row } k \\text{: } \\sigma'(t_k)\\, z_{${i}}^\\top`, rows, i),
  ];
}

// ---- the steps

function initialisation(add) {
  add("initialisation", {
    title: "The sample",
    tex: "z_1 = x",
    words: () => {
      const what = targetClass() === undefined ? "" : ` Its class is ${className(targetClass())}.`;
      return `One row of the data: ${plural(net.x.length, "number")}.${what} Click a number and type${pictured ? ", or drag over the picture to paint" : ""}: everything follows.`;
    },
    symbols: ["x", "z", "y"],
    layer: 0, reach: 0,
    views: () => [xView(), yView()],
  });
  net.layers.forEach(({ w }, k) =>
    add("initialisation", {
      title: `Weights of layer ${k + 1}`,
      tex: `W_{${k + 1}}:\\; ${w.rows} \\times (${w.cols - 1} + 1)`,
      words: "A row for each unit of the layer; the last column is the bias. Click an entry and type to change it.",
      symbols: ["W"],
      layer: k + 1, reach: 0,
      views: () => [...tilesOf(`\\text{the rows of } W_{${k + 1}} \\text{, without the bias}`, () => w, k + 1), wView(k + 1)],
    }));
}

function forward(add, i) {
  const { w, activation } = net.layers[i - 1];
  const part = "forward layer loop";
  add(part, {
    title: `Preactivations of layer ${i}`,
    tex: `t_{${i}} = W_{${i}}\\, z_{${i}}^{;1}`,
    words: `The weights times z, with a 1 below it for the bias: ${plural(w.rows, "number")}.`,
    symbols: ["W", "z1", "t"],
    layer: i, reach: i - 0.5,
    views: () => (isTable(w) && isTable(vector(now.layers[i - 1].z1)) ? [wView(i), "\u00d7", z1View(i), "=", tView(i)] : [z1View(i), tView(i)]),
  });
  add(part, {
    title: `Output of layer ${i}`,
    tex: `z_{${i + 1}} = \\sigma(t_{${i}}),\\qquad \\sigma = \\text{${activation.name}}`,
    words: "The activation function, number by number.",
    symbols: ["t", "sigma", "z"],
    layer: i, reach: i,
    views: () => [tView(i), "\u2192", zView(i + 1)],
  });
  add(part, {
    title: `Jacobian of layer ${i} with respect to its weights`,
    tex: `A_{${i}} = \\operatorname{diag}\\bigl(\\sigma'(t_{${i}})\\bigr)\\,\\bigl[\\,${blocksTex(i, w.rows)}\\,\\bigr]`,
    words: `${plural(w.rows, "row")} and ${w.rows * w.cols} columns, nearly all of them 0: row k has the same vector z in its k-th block, times the k-th slope.`,
    symbols: ["A", "sigma", "z1"],
    layer: i, reach: i,
    views: () => [
      ...aViews(i, w),
      view(`\\sigma'(t_{${i}})`, () => vector(now.layers[i - 1].sigmaPrime), { name: `sigma'_${i}` }),
      view(`(z_{${i}}^{;1})^\\top`, () => across(now.layers[i - 1].z1), { broad: true, name: `z1_${i}` }),
    ],
  });
  add(part, {
    title: `Jacobian of layer ${i} with respect to its input`,
    tex: `B_{${i}} = \\operatorname{diag}\\bigl(\\sigma'(t_{${i}})\\bigr)\\, W_{${i}}[:, 1{:}${w.cols - 1}]`,
    words: "The weights without the bias, each row times the slope of its unit.",
    symbols: ["B", "sigma", "W"],
    layer: i, reach: i,
    views: () => [view(`B_{${i}}`, () => now.layers[i - 1].b(), { broad: true, name: `B_${i}` })],
  });
}

function outputAndLoss(add) {
  const reference = given.output === "reference-softmax";
  add("output", {
    title: given.output === "identity" ? "The output" : "From logits to outputs",
    tex: `z_{${L + 2}} = g(z_{${L + 1}}),\\qquad ${outputTex[given.output]}`,
    words: outputWords[given.output] ?? "The output map, number by number.",
    symbols: ["z", "g"],
    layer: L + 1, reach: L + 1,
    views: () => [zView(L + 1), "\u2192", zView(L + 2)],
  });
  add("output", {
    title: "Jacobian of the output map",
    tex: jacobianTex[given.output],
    words: jacobianWords[given.output] ?? "",
    symbols: ["C", "g"],
    layer: L + 1, reach: L + 1,
    views: () => [
      view("C_K", () => now.c(), { name: "C_K", rowName: names.outputs, columnName: names.logits }),
      ...(reference ? [view("\\text{softmax: } \\operatorname{diag}(g) - g\\,g^\\top", () => full(now.outputs), { name: "full" })] : []),
    ],
  });
  add("loss", {
    title: "The loss",
    tex: `z_{${L + 3}} = l_y(z_{${L + 2}}) = ${lossTex[given.loss.name] ?? `\\text{${given.loss.name}}(y, z_{${L + 2}})`}`,
    words: "How far the output is from the target: what training makes small. Click a number of y to change the target.",
    symbols: ["l", "y", "g"],
    layer: L + 1, reach: L + 2,
    views: () => [yView(), zView(L + 2), "\u2192", lossView()],
  });
  add("loss", {
    title: "The gradient of the loss",
    tex: given.loss.name === "cross-entropy" ? `q_{${L + 2}} = \\Bigl[ -\\frac{y_k}{z_{${L + 2},k}} \\Bigr]_k` : `q_{${L + 2}} = \\nabla l_y(z_{${L + 2}})`,
    words: "The backward layer loop starts with it.",
    symbols: ["q", "y"],
    layer: L + 1, reach: L + 2,
    views: () => [qView(L + 2)],
  });
}

function backward(add) {
  const part = "backward layer loop";
  const simplified = () => (net.y.reduce((sum, v) => sum + v, 0) === 1 ? ` = z_{${L + 2}} - y` : ` = z_{${L + 2}} \\textstyle\\sum_k y_k - y`);
  add(part, {
    title: "Back through the output map",
    tex: () => `q_{${L + 1}} = C_K^\\top q_{${L + 2}}${given.loss.name === "cross-entropy" ? simplified() : ""}`,
    words: given.output === "reference-softmax" ? "Without the entry of the last class, whose logit is always 0." : "How fast the loss grows with each logit.",
    symbols: ["q", "C"],
    layer: L + 1, reach: L + 2, back: L + 1,
    views: () => [qView(L + 1)],
  });
  for (let i = L; i >= 1; i--) {
    const { w } = net.layers[i - 1];
    const p = () => now.layers[i - 1].p();
    add(part, {
      title: `Gradient of the weights of layer ${i}`,
      tex: `p_{${i}} = A_{${i}}^\\top q_{${i + 1}} = \\delta_{${i}}\\,(z_{${i}}^{;1})^\\top,\\qquad \\delta_{${i}} = \\sigma'(t_{${i}}) \\odot q_{${i + 1}}`,
      words: "In the shape of W: how fast the loss grows with each weight.",
      symbols: ["p", "A", "q", "delta"],
      layer: i, reach: L + 2, back: i + 1,
      views: () => [
        ...tilesOf(`\\text{the rows of } p_{${i}} \\text{, without the bias}`, p, i),
        view(`p_{${i}}`, p, { broad: true, name: `p_${i}` }),
        view(`\\delta_{${i}}`, () => vector(now.layers[i - 1].delta), { name: `delta_${i}` }),
      ],
    });
    add(part, {
      title: i > 1 ? `Back through layer ${i}` : "Back to the input",
      tex: `q_{${i}} = B_{${i}}^\\top q_{${i + 1}} = W_{${i}}[:, 1{:}${w.cols - 1}]^\\top \\delta_{${i}}`,
      words: i > 1 ? "The gradient that the layer below goes on with." : "How fast the loss grows with each input.",
      symbols: ["q", "B", "delta"],
      layer: i, reach: L + 2, back: i,
      views: () => [qView(i)],
    });
  }
}

function allSteps() {
  const list = [];
  const add = (part, step) => list.push({ part, ...step });
  initialisation(add);
  for (let i = 1; i <= L; i++) forward(add, i);
  outputAndLoss(add);
  backward(add);
  add("update", {
    title: "A step down the gradient",
    tex: `W_i \\leftarrow W_i - \\eta\\, p_i \\qquad i = 1, \\ldots, ${L}`,
    words: "Every weight moves against its gradient. Take the step and see how the loss changes.",
    symbols: ["W", "p", "eta"],
    layer: 0, reach: L + 2, back: 1,
    views: () => [stepDown()],
  });
  return list;
}
