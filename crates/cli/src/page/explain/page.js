// The walk through the layer loops: what each step shows, and how a reader goes from step to step and changes numbers.

const given = JSON.parse(document.getElementById("data").textContent);
const net = opened(given);
const start = { x: net.x.slice(), w: net.layers.map((layer) => layer.w.at.slice()) };
const first = pass(net, net.x, net.y);
let now = first;
let at = 0;
let eta = 0.1;
let chosen = { what: 0, row: 0, col: 0 }; // what: 0 is x, i is W_i

const L = net.layers.length;
const make = (tag, attributes = {}, ...children) => {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value !== false && value !== undefined) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== undefined));
  return element;
};
const typeset = (tex, display = false) => {
  const span = make("span");
  katex.render(tex, span, { displayMode: display, throwOnError: false });
  return span;
};
const digits = (v) => {
  if (!Number.isFinite(v)) return "not finite";
  if (Number.isInteger(v) && Math.abs(v) < 1e4) return String(v + 0);
  return Math.abs(v) >= 1e-3 && Math.abs(v) < 1e4 ? v.toFixed(4) : v.toExponential(2);
};
const below = (k) => [...String(k)].map((digit) => "\u2080\u2081\u2082\u2083\u2084\u2085\u2086\u2087\u2088\u2089"[digit]).join("");
const norm = (values) => Math.sqrt(values.reduce((sum, v) => sum + v * v, 0));
const vector = (values) => ({ rows: values.length, cols: 1, at: values });
const across = (values) => ({ rows: 1, cols: values.length, at: values });
const nameOf = (k) => given.classes[k] ?? String(k);
const wanted = () => given.target;

// ---- what the steps are, in the order of the derivation

const sum = { softmax: "\\sum_{k=1}^{K} e^{z_k}", "reference-softmax": "1 + \\sum_{k=1}^{K-1} e^{z_k}" };
const outputTex = {
  softmax: `g_j = \\frac{e^{z_j}}{${sum.softmax}}`,
  "reference-softmax": `g_j = \\frac{e^{z_j}}{${sum["reference-softmax"]}},\\quad g_K = \\frac{1}{${sum["reference-softmax"]}}`,
  sigmoid: "g_j = \\frac{1}{1 + e^{-z_j}}",
  identity: "g_j = z_j",
  exp: "g_j = e^{z_j}",
};
const jacobianTex = {
  softmax: "C_K = \\operatorname{diag}(p) - p\\,p^\\top",
  "reference-softmax": "C_K = \\bigl(\\operatorname{diag}(p) - p\\,p^\\top\\bigr)\\text{ without its last column}",
  sigmoid: "C_K = \\operatorname{diag}\\bigl(p\\,(1 - p)\\bigr)",
  identity: "C_K = I",
  exp: "C_K = \\operatorname{diag}(g)",
};
const lossTex = {
  "cross-entropy": "-\\sum_k y_k \\log p_k",
  "binary-cross-entropy": "-\\tfrac1K \\sum_k \\bigl(y_k \\log p_k + (1 - y_k) \\log(1 - p_k)\\bigr)",
  focal: "-\\sum_k y_k (1 - p_k)^\\gamma \\log p_k",
  kl: "\\sum_k y_k (\\log y_k - \\log p_k)",
  mse: "\\tfrac1K \\sum_k (z_k - y_k)^2",
  mae: "\\tfrac1K \\sum_k |z_k - y_k|",
};

// e_1 (z^{;1})^T ... e_n (z^{;1})^T
function blocksTex(i, n) {
  const block = (k) => `e_{${k}} (z_{${i}}^{;1})^\\top`;
  return n === 1 ? block(1) : `${block(1)} \\;${n === 2 ? "" : "\\cdots"}\\; ${block(n)}`;
}

function steps() {
  const list = [];
  const add = (part, step) => list.push({ part, ...step });
  const { image } = given;
  const asImage = (values) => (image && values.length === image[0] * image[1] ? image : undefined);
  add("initialisation", {
    title: "The sample",
    tex: `z_1 = x`,
    words: `One row of the data: ${net.x.length} numbers. ${given.target === null ? "" : `Its class is ${nameOf(given.target)}, so y is 1 there and 0 elsewhere.`} Click a number to change it.`,
    layer: 0,
    reach: 0,
    views: () => [
      view("z_1 = x", asImage(now.layers[0].z) ? grid(now.layers[0].z, image) : vector(now.layers[0].z), { change: 0, name: "z_1" }),
      view("y", vector(net.y), { name: "y" }),
    ],
  });
  for (let i = 1; i <= L; i++) {
    const { w } = net.layers[i - 1];
    add("initialisation", {
      title: `Weights of layer ${i}`,
      tex: `W_{${i}}:\\; ${w.rows} \\times (${w.cols - 1} + 1)`,
      words: "A row for each unit of the layer; the last column is the bias. Click an entry to change it.",
      layer: i,
      reach: 0,
      views: () => [
        ...tilesOf(`\\text{the rows of } W_{${i}} \\text{, without the bias}`, w),
        view(`W_{${i}}`, w, { change: i, name: `W_${i}` }),
      ],
    });
  }
  for (let i = 1; i <= L; i++) {
    const layer = () => now.layers[i - 1];
    const { w, activation } = net.layers[i - 1];
    const part = "forward layer loop";
    add(part, {
      title: `Preactivations of layer ${i}`,
      tex: `t_{${i}} = W_{${i}}\\, z_{${i}}^{;1}`,
      words: `z with a 1 below it, for the bias, times the weights: ${w.rows} ${w.rows === 1 ? "number" : "numbers"}.`,
      numbers: () => product(w, vector(layer().z1), vector(layer().t)),
      layer: i,
      reach: i - 0.5,
      views: () => [view(`z_{${i}}^{;1}`, vector(layer().z1), { name: `z_${i}` }), view(`t_{${i}}`, vector(layer().t), { name: `t_${i}` })],
    });
    add(part, {
      title: `What layer ${i} gives`,
      tex: `z_{${i + 1}} = \\sigma(t_{${i}}),\\qquad \\sigma = \\text{${activation.name}}`,
      words: "The activation, number by number.",
      numbers: () => assigned(`z_{${i + 1}}`, vector(layer().zNext)),
      layer: i,
      reach: i,
      views: () => [view(`t_{${i}}`, vector(layer().t), { name: `t_${i}` }), view(`z_{${i + 1}}`, vector(layer().zNext), { name: `z_${i + 1}` })],
    });
    add(part, {
      title: `Jacobian of layer ${i} by its weights`,
      tex: `A_{${i}} = \\operatorname{diag}\\bigl(\\sigma'(t_{${i}})\\bigr)\\,\\bigl[\\,${blocksTex(i, w.rows)}\\,\\bigr]`,
      words: `${w.rows} rows and ${w.rows * w.cols} columns, nearly all of them 0: row k is the same vector z in its k-th block, scaled by the k-th slope.`,
      layer: i,
      reach: i,
      views: () => [
        ...wholeOrBlocks(i, layer(), w),
        view(`\\sigma'(t_{${i}})`, vector(layer().sigmaPrime), { name: `sigma'_${i}` }),
        view(`(z_{${i}}^{;1})^\\top`, across(layer().z1), { broad: true, name: `z1_${i}` }),
      ],
    });
    add(part, {
      title: `Jacobian of layer ${i} by its input`,
      tex: `B_{${i}} = \\operatorname{diag}\\bigl(\\sigma'(t_{${i}})\\bigr)\\, W_{${i}}[:, 1{:}${w.cols - 1}]`,
      words: "The weights without the bias, each row times the slope of its unit.",
      layer: i,
      reach: i,
      views: () => [view(`B_{${i}}`, layer().b(), { broad: true, name: `B_${i}` })],
    });
  }
  add("output", {
    title: given.output === "identity" ? "The output" : "From logits to outputs",
    tex: `z_{${L + 2}} = g(z_{${L + 1}}),\\qquad ${outputTex[given.output]}`,
    words: { softmax: "Probabilities, which sum to 1.", "reference-softmax": "Probabilities; the last class has the logit 0." }[given.output] ?? "The output map, number by number.",
    numbers: () => assigned(`z_{${L + 2}}`, vector(now.outputs)),
    layer: L + 1,
    reach: L + 1,
    views: () => [view(`z_{${L + 1}}`, vector(now.logits), { name: `z_${L + 1}` }), view(`z_{${L + 2}}`, vector(now.outputs), { name: `z_${L + 2}` })],
  });
  add("output", {
    title: "Jacobian of the output map",
    tex: jacobianTex[given.output],
    words: given.output === "reference-softmax" ? "Beside it softmax's full Jacobian, with a column for the last class's logit too: that one is always 0, so its column has gone." : given.output === "softmax" ? "Here it is softmax's full Jacobian: each row and each column sums to 0. The reference softmax would leave out the last column." : "",
    layer: L + 1,
    reach: L + 1,
    views: () => [
      view("C_K", now.c(), { name: "C_K" }),
      ...(given.output === "reference-softmax" ? [view("\\text{softmax: } \\operatorname{diag}(p) - p\\,p^\\top", full(now.outputs), { name: "full" })] : []),
    ],
  });
  add("loss", {
    title: "The loss",
    tex: `z_{${L + 3}} = ${lossTex[given.loss.name] ?? `\\text{${given.loss.name}}(y, z_{${L + 2}})`}`,
    words: "How far the output is from y: what training makes small.",
    numbers: () => `z_{${L + 3}} = ${digits(now.loss)}`,
    layer: L + 1,
    reach: L + 2,
    views: () => [view("y", vector(net.y), { name: "y" }), view(`z_{${L + 2}}`, vector(now.outputs), { name: `z_${L + 2}` }), view(`z_{${L + 3}}`, vector(Float64Array.of(now.loss)), { name: "loss" })],
  });
  add("loss", {
    title: "Its gradient",
    tex: given.loss.name === "cross-entropy" ? `q_{${L + 2}} = \\Bigl[ -\\frac{y_k}{z_{${L + 2},k}} \\Bigr]_k` : `q_{${L + 2}} = \\nabla l_y(z_{${L + 2}})`,
    words: "Where the way back begins.",
    numbers: () => assigned(`q_{${L + 2}}`, vector(now.qLoss)),
    layer: L + 1,
    reach: L + 2,
    views: () => [view(`q_{${L + 2}}`, vector(now.qLoss), { name: `q_${L + 2}` })],
  });
  const back = "backward layer loop";
  add(back, {
    title: "Back through the output map",
    tex: `q_{${L + 1}} = C_K^\\top q_{${L + 2}}${given.loss.name === "cross-entropy" ? ` = z_{${L + 2}} - y` : ""}`,
    words: given.output === "reference-softmax" ? "Without the entry of the last class." : "",
    numbers: () => assigned(`q_{${L + 1}}`, vector(now.qLogits)),
    layer: L + 1,
    reach: L + 2,
    back: L + 1,
    views: () => [view(`q_{${L + 1}}`, vector(now.qLogits), { name: `q_${L + 1}` })],
  });
  for (let i = L; i >= 1; i--) {
    const layer = () => now.layers[i - 1];
    const { w } = net.layers[i - 1];
    add(back, {
      title: `Gradient of the weights of layer ${i}`,
      tex: `p_{${i}} = A_{${i}}^\\top q_{${i + 1}} = \\delta_{${i}}\\,(z_{${i}}^{;1})^\\top,\\qquad \\delta_{${i}} = \\sigma'(t_{${i}}) \\odot q_{${i + 1}}`,
      words: "In the shape of W: how fast the loss grows with each weight.",
      numbers: () => product(vector(layer().delta), across(layer().z1), layer().p()),
      layer: i,
      reach: L + 2,
      back: i + 1,
      views: () => [
        ...tilesOf(`\\text{the rows of } p_{${i}} \\text{, without the bias}`, layer().p()),
        view(`p_{${i}}`, layer().p(), { broad: true, name: `p_${i}` }),
        view(`\\delta_{${i}}`, vector(layer().delta), { name: `delta_${i}` }),
      ],
    });
    add(back, {
      title: i > 1 ? `Back through layer ${i}` : "Back to the input",
      tex: `q_{${i}} = B_{${i}}^\\top q_{${i + 1}} = W_{${i}}[:, 1{:}${w.cols - 1}]^\\top \\delta_{${i}}`,
      words: i > 1 ? "What the layer below is told." : "How fast the loss grows with each input.",
      numbers: () => assigned(`q_{${i}}`, vector(layer().q)),
      layer: i,
      reach: L + 2,
      back: i,
      views: () => [view(`q_{${i}}`, asImage(layer().q) ? grid(layer().q, image) : vector(layer().q), { name: `q_${i}` })],
    });
  }
  add("update", {
    title: "A step down the gradient",
    tex: `w_i \\leftarrow w_i - \\eta\\, p_i \\qquad i = 1, \\ldots, ${L}`,
    words: "Every weight moves against its gradient. Take the step, and see what becomes of the loss.",
    layer: 0,
    reach: L + 2,
    back: 1,
    views: () => [stepDown()],
  });
  return list;
}

// A_i itself, or, past the limit, its blocks: the size of each, and as images those that are not 0.
function wholeOrBlocks(i, { sigmaPrime, z1, a }, w) {
  if (w.rows * w.rows * w.cols <= given.largest) return [view(`A_{${i}}`, a(), { broad: true, name: `A_${i}` })];
  const size = norm(z1);
  const sizes = matrix(w.rows, w.rows, (r, c) => (r === c ? sigmaPrime[r] * size : 0));
  return [
    view(`A_{${i}} \\text{, a square for each block of } 1 \\times ${w.cols} \\text{: its norm}`, sizes, { name: `blocks_${i}` }),
    ...tilesOf(`\\text{block } k \\text{ of row } k \\text{: } \\sigma'(t_k)\\, z_{${i}}^\\top`, matrix(w.rows, w.cols, (r, c) => sigmaPrime[r] * z1[c])),
  ];
}

const full = (p) => matrix(p.length, p.length, (r, c) => p[r] * ((r === c) - p[c]));
const grid = (values, [rows, cols]) => ({ rows, cols, at: values, image: true });

// ---- numbers as typeset matrices, where they are few

const SMALL = [6, 8];
const small = (m) => m.rows <= SMALL[0] && m.cols <= SMALL[1];
function bracket(m) {
  const row = (r) => Array.from(m.at.slice(r * m.cols, (r + 1) * m.cols), digits).join(" & ");
  return `\\begin{bmatrix} ${Array.from({ length: m.rows }, (_, r) => row(r)).join(" \\\\ ")} \\end{bmatrix}`;
}
const assigned = (name, m) => (small(m) ? `${name} = ${bracket(m)}` : undefined);
const product = (a, b, m) => (small(a) && small(b) && small(m) ? `${bracket(a)} ${bracket(b)} = ${bracket(m)}` : undefined);

// ---- matrices as heat maps

const NAMES = ["--panel", "--c0", "--c1", "--c2"];
let palette;
function lookAtColours() {
  const style = getComputedStyle(document.documentElement);
  const rgb = (name) => {
    const hex = style.getPropertyValue(name).trim().slice(1);
    const six = hex.length === 3 ? [...hex].map((digit) => digit + digit).join("") : hex;
    return [0, 2, 4].map((i) => parseInt(six.slice(i, i + 2), 16));
  };
  palette = NAMES.map(rgb);
}
lookAtColours();
const largestOf = (values) => values.reduce((most, v) => Math.max(most, Number.isFinite(v) ? Math.abs(v) : 0), 0) || 1;
function colour(v, most) {
  if (!Number.isFinite(v)) return palette[3];
  const [ground, ink] = [palette[0], palette[v < 0 ? 1 : 2]];
  const share = Math.sqrt(Math.min(Math.abs(v) / most, 1));
  return ground.map((g, k) => Math.round(g + share * (ink[k] - g)));
}
function paint(canvas, m, from = 0, cols = m.cols, rows = m.rows, stride = m.cols, most = largestOf(m.at)) {
  [canvas.width, canvas.height] = [cols, rows];
  const context = canvas.getContext("2d");
  const picture = context.createImageData(cols, rows);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < cols; c++) picture.data.set([...colour(m.at[from + r * stride + c], most), 255], 4 * (r * cols + c));
  }
  context.putImageData(picture, 0, 0);
}

// Entries from which on a vector is drawn lying down.
const LONG = 64;

function view(tex, given_m, { change, broad = false, name } = {}) {
  const lies = given_m.cols === 1 && given_m.rows > LONG;
  const m = lies ? across(given_m.at) : given_m;
  broad ||= lies;
  const label = m.image ? `${m.rows} x ${m.cols} image` : lies ? `${m.cols}` : m.cols === 1 ? `${m.rows}` : `${m.rows} x ${m.cols}`;
  const caption = make("figcaption", {}, typeset(tex), ` \u2002${label}, norm ${digits(norm(m.at))}`);
  const figure = make("figure", { class: broad ? "broad" : undefined, "data-name": name }, caption);
  figure.numbers = m;
  const pick = (r, c) => {
    if (change === undefined) return;
    chosen = change === 0 ? { what: 0, row: m.image ? r * m.cols + c : lies ? c : r, col: 0 } : { what: change, row: r, col: c };
    showChange();
  };
  if (m.cols <= 10 && m.rows <= 12) {
    const most = largestOf(m.at);
    const cell = (r, c) => {
      const v = m.at[r * m.cols + c];
      const [red, green, blue] = colour(v, most);
      const text = change === undefined ? digits(v) : make("button", { title: "change it", onclick: () => pick(r, c) }, digits(v));
      const dark = (red * 3 + green * 6 + blue) / 10 < 128;
      return make("td", { style: `background: rgb(${red} ${green} ${blue}); color: ${dark ? "#fff" : "#111"}` }, text);
    };
    const rows = Array.from({ length: m.rows }, (_, r) => make("tr", {}, ...Array.from({ length: m.cols }, (_, c) => cell(r, c))));
    figure.append(make("div", { class: "wide" }, make("table", { class: "cells", "aria-label": name }, make("tbody", {}, ...rows))));
    return figure;
  }
  const canvas = make("canvas", { tabindex: 0, role: "img", "aria-label": `${name}, ${label}: a heat map; the arrow keys read its entries` });
  paint(canvas, m);
  const said = make("output", { "aria-live": "polite" }, "\u00a0");
  let size = m.image ? 10 : Math.max(1, Math.min(m.cols === 1 ? 22 : 16, Math.floor((broad ? 760 : 420) / m.cols), Math.max(3, Math.floor(400 / m.rows))));
  // A vector is not a thread.
  const [wide, high] = [m.cols === 1 ? 3 : 1, m.rows === 1 ? Math.max(1, 24 / size) : 1];
  const fit = () => Object.assign(canvas.style, { width: `${m.cols * size * wide}px`, height: `${m.rows * size * high}px` });
  fit();
  let [r, c] = [0, 0];
  const tell = () => {
    const place = m.cols === 1 ? `entry ${r + 1}` : m.rows === 1 ? `entry ${c + 1}` : `row ${r + 1}, column ${c + 1}`;
    said.textContent = `${place}: ${digits(m.at[r * m.cols + c])}`;
  };
  const under = (event) => {
    const box = canvas.getBoundingClientRect();
    r = Math.min(m.rows - 1, Math.max(0, Math.floor(((event.clientY - box.top) / box.height) * m.rows)));
    c = Math.min(m.cols - 1, Math.max(0, Math.floor(((event.clientX - box.left) / box.width) * m.cols)));
    tell();
  };
  canvas.addEventListener("pointermove", under);
  canvas.addEventListener("click", (event) => (under(event), pick(r, c)));
  canvas.addEventListener("keydown", (event) => {
    const by = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (event.key === "Enter") pick(r, c);
    if (!by) return;
    [r, c] = [clamp(r + by[0], 0, m.rows - 1), clamp(c + by[1], 0, m.cols - 1)];
    tell();
    event.preventDefault();
    event.stopPropagation();
  });
  const zoom = (factor, text, what) =>
    make("button", { type: "button", "aria-label": what, onclick: () => ((size = clamp(size * factor, 1, 64)), fit()) }, text);
  caption.append(make("span", { class: "zoom" }, zoom(0.5, "\u2212", "smaller"), zoom(2, "+", "larger")));
  figure.append(make("div", { class: "map" }, canvas), said);
  return figure;
}

// Rows of a matrix as images, where the layer reads one.
function tilesOf(tex, m) {
  const { image } = given;
  if (!image || m.cols - 1 !== image[0] * image[1]) return [];
  const most = largestOf(m.at);
  const tile = (r) => {
    const canvas = make("canvas", { role: "img", "aria-label": `unit ${r + 1}`, title: `unit ${r + 1}` });
    paint(canvas, m, r * m.cols, image[1], image[0], image[1], most);
    return canvas;
  };
  const tiles = Array.from({ length: Math.min(m.rows, 64) }, (_, r) => tile(r));
  const more = m.rows > 64 ? `, the first 64 of ${m.rows}` : "";
  return [make("figure", { class: "broad" }, make("figcaption", {}, typeset(tex), more), make("div", { class: "tiles" }, ...tiles))];
}

// ---- the network, as columns of units

const UNITS = 12;
function drawing(step) {
  const columns = [now.layers[0].z, ...now.layers.map((layer) => layer.zNext), now.outputs];
  const adjoints = [...now.layers.map((layer) => layer.q), now.qLogits, now.qLoss];
  const [wide, high] = [560, 380];
  const ns = "http://www.w3.org/2000/svg";
  const draw = (tag, attributes, text) => {
    const element = document.createElementNS(ns, tag);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text !== undefined) element.textContent = text;
    return element;
  };
  const title = `A network with ${columns.map((column) => column.length).join(", ")} units; ${step.part}, ${step.title}`;
  const svg = draw("svg", { viewBox: `0 0 ${wide} ${high}`, class: "network", role: "img", "aria-label": title });
  const x = (k) => 45 + (k * (wide - 90)) / (columns.length - 1);
  const shown = columns.map((column) => Math.min(column.length, UNITS));
  const y = (k, j) => (shown[k] === 1 ? high / 2 - 10 : 20 + (j * (high - 80)) / (shown[k] - 1));
  const { image } = given;
  const pictured = image && columns[0].length === image[0] * image[1];
  const css = (v, most) => `rgb(${colour(v, most).join(" ")})`;
  for (let k = 0; k < columns.length - 1; k++) {
    const w = net.layers[k]?.w;
    const here = step.layer === k + 1;
    const most = w ? largestOf(w.at) : 1;
    for (let a = 0; a < (pictured && k === 0 ? 1 : shown[k]); a++) {
      for (let b = 0; b < shown[k + 1]; b++) {
        if (!w && given.output === "identity" && a !== b) continue;
        const from = pictured && k === 0 ? [x(0) + 40, high / 2 - 20] : [x(k), y(k, a)];
        const v = w && !(pictured && k === 0) ? w.at[b * w.cols + a] : 0;
        const edge = { x1: from[0], y1: from[1], x2: x(k + 1), y2: y(k + 1, b), class: "edge" };
        const line = draw("line", edge);
        if (v) line.style.stroke = css(v, most);
        line.style.strokeWidth = here ? 2 : 1;
        line.style.opacity = here ? 0.95 : 0.45;
        if (w) line.append(draw("title", {}, `W_${k + 1}: ${digits(v)}`));
        svg.append(line);
      }
    }
  }
  columns.forEach((column, k) => {
    const reached = step.reach >= k;
    const [most, mostBack] = [largestOf(column), largestOf(adjoints[k])];
    if (pictured && k === 0) {
      const canvas = make("canvas");
      paint(canvas, grid(column, image));
      svg.append(draw("image", { href: canvas.toDataURL(), x: x(0) - 40, y: high / 2 - 60, width: 80, height: 80, style: "image-rendering: pixelated" }));
    } else {
      for (let j = 0; j < shown[k]; j++) {
        const unit = draw("circle", { cx: x(k), cy: y(k, j), r: 10, class: `unit${step.layer === k ? " here" : ""}` });
        if (reached) unit.style.fill = css(column[j], most);
        if (step.back !== undefined && step.back <= k + 1) {
          unit.style.stroke = css(adjoints[k][j], mostBack);
          unit.style.strokeWidth = 5;
        }
        unit.append(draw("title", {}, `z_${k + 1}, unit ${j + 1}: ${digits(column[j])}; q: ${digits(adjoints[k][j])}`));
        svg.append(unit);
      }
    }
    const more = column.length > shown[k] && !(pictured && k === 0) ? ` (${shown[k]} of ${column.length})` : "";
    svg.append(draw("text", { x: clamp(x(k), 40, wide - 40), y: high - 22 }, `z${below(k + 1)}`));
    svg.append(draw("text", { x: clamp(x(k), 40, wide - 40), y: high - 6 }, more || `${column.length}`));
  });
  return svg;
}

// ---- what comes out, now and before anything was changed

function outcome() {
  const box = make("div", { class: "outcome", role: "group", "aria-label": "what comes out" });
  const most = Math.max(largestOf(now.outputs), largestOf(first.outputs));
  const scale = given.output.endsWith("softmax") || given.output === "sigmoid" ? 1 : most;
  now.outputs.forEach((p, k) => {
    const share = (v) => `${clamp((100 * Math.abs(v)) / scale, 0, 100)}%`;
    const rail = make("span", { class: "rail" }, make("b", { style: `width: ${share(p)}` }), make("i", { style: `left: ${share(first.outputs[k])}`, title: `before: ${digits(first.outputs[k])}` }));
    box.append(make("div", { class: wanted() === k ? "wanted" : undefined }, make("span", {}, nameOf(k)), rail, make("span", {}, digits(p))));
  });
  const before = now.loss === first.loss ? "" : `, before ${digits(first.loss)}`;
  box.append(make("p", { class: "soft" }, `loss ${digits(now.loss)}${before}`));
  return box;
}

// ---- changing numbers

function changed() {
  now = pass(net, net.x, net.y);
  show();
}
function target() {
  return chosen.what === 0 ? [net.x, chosen.row] : [net.layers[chosen.what - 1].w.at, chosen.row * net.layers[chosen.what - 1].w.cols + chosen.col];
}
const change = document.getElementById("change");
function showChange() {
  const of = (k) => (k === 0 ? net.x.length : net.layers[k - 1].w.rows);
  const colsOf = (k) => (k === 0 ? 1 : net.layers[k - 1].w.cols);
  chosen.row = clamp(chosen.row, 0, of(chosen.what) - 1);
  chosen.col = clamp(chosen.col, 0, colsOf(chosen.what) - 1);
  const [values, index] = target();
  const options = Array.from({ length: L + 1 }, (_, k) => make("option", { value: k, selected: k === chosen.what }, k === 0 ? "x" : `W_${k}`));
  const number = (label, value, max, set) =>
    make("label", {}, `${label} `, make("input", { type: "number", class: "index", min: 1, max, value: value + 1, onchange: (event) => (set(Number(event.target.value) - 1), showChange()) }));
  change.replaceChildren(
    make("label", {}, "Change ", make("select", { onchange: (event) => ((chosen = { what: Number(event.target.value), row: 0, col: 0 }), showChange()) }, ...options)),
    number(chosen.what === 0 ? "entry" : "row", chosen.row, of(chosen.what), (v) => (chosen.row = v)),
    ...(chosen.what === 0 ? [] : [number("column", chosen.col, colsOf(chosen.what), (v) => (chosen.col = v))]),
    make("label", {}, "to ", make("input", { type: "number", id: "value", step: "any", value: Number(values[index].toPrecision(6)), oninput: (event) => {
      if (event.target.value === "" || !Number.isFinite(Number(event.target.value))) return;
      values[index] = Number(event.target.value);
      changed();
    } })),
    make("button", { type: "button", onclick: () => {
      net.x.set(start.x);
      net.layers.forEach((layer, k) => layer.w.at.set(start.w[k]));
      changed();
      showChange();
    } }, "Undo all changes"),
  );
}
function stepDown() {
  const rate = make("input", { type: "number", step: "any", min: 0, value: eta, oninput: (event) => (eta = Number(event.target.value)) });
  const take = make("button", { type: "button", id: "take", onclick: () => {
    const gradients = now.layers.map((layer) => layer.p().at);
    net.layers.forEach((layer, k) => layer.w.at.forEach((_, j) => (layer.w.at[j] -= eta * gradients[k][j])));
    changed();
    showChange();
  } }, "Take the step");
  const gradient = Math.hypot(...now.layers.map((layer) => norm(layer.delta) * norm(layer.z1)));
  return make("figure", { class: "broad" }, make("p", {}, make("label", {}, "learning rate \u03b7 ", rate), " ", take), make("p", { class: "soft" }, `the gradient has norm ${digits(gradient)}; loss ${digits(now.loss)}, at first ${digits(first.loss)}`));
}

// ---- going from step to step

const walk = steps();
const [slider, place, stage, sight, back, forth] = ["slider", "place", "step", "sight", "back", "forth"].map((id) => document.getElementById(id));
slider.max = walk.length - 1;
function content(step, views) {
  const numbers = step.numbers?.();
  return [
    make("p", { class: "part" }, step.part),
    make("h2", {}, step.title),
    make("div", { class: "formula" }, typeset(step.tex, true)),
    ...(numbers ? [make("div", { class: "formula numbers" }, typeset(numbers, true))] : []),
    make("p", {}, step.words),
    make("div", { class: "views" }, ...views),
  ];
}
function show() {
  const step = walk[at];
  slider.value = at;
  slider.setAttribute("aria-valuetext", `${step.part}: ${step.title}`);
  place.textContent = `${at + 1} of ${walk.length}`;
  back.disabled = at === 0;
  forth.disabled = at === walk.length - 1;
  stage.replaceChildren(...content(step, step.views()));
  sight.replaceChildren(drawing(step), outcome());
}
function go(to) {
  at = clamp(to, 0, walk.length - 1);
  show();
}
slider.addEventListener("input", () => go(Number(slider.value)));
back.addEventListener("click", () => go(at - 1));
forth.addEventListener("click", () => go(at + 1));
document.addEventListener("keydown", (event) => {
  if (event.target.closest("input, select, textarea") || event.altKey || event.ctrlKey || event.metaKey) return;
  if (event.key === "ArrowRight") go(at + 1);
  else if (event.key === "ArrowLeft") go(at - 1);
  else if (event.key === "Home") go(0);
  else if (event.key === "End") go(walk.length - 1);
  else return;
  event.preventDefault();
});

// On paper all steps stand one below the other.
const all = document.getElementById("all");
addEventListener("beforeprint", () => {
  lookAtColours();
  all.replaceChildren(drawing(walk[walk.length - 1]), outcome(), ...walk.slice(0, -1).map((step) => make("section", { class: "step" }, ...content(step, step.views()))));
});
addEventListener("afterprint", () => {
  all.replaceChildren();
  lookAtColours();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  lookAtColours();
  show();
});

showChange();
show();
window.layerloop = { net, pass: () => now, walk, go, show, set: (values) => (net.x.set(values), changed()) };
