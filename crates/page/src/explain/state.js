// The walk through the layer loops: the network and the sample as they stand, and the small tools that all of the page uses.

const given = JSON.parse(document.getElementById("data").textContent);
const net = opened(given);
const L = net.layers.length;
const start = { x: net.x.slice(), y: net.y.slice(), w: net.layers.map((layer) => layer.w.at.slice()) };
const first = pass(net, net.x, net.y);
let now = first;
let current = 0; // the step that is shown, counted from 0

// What shows numbers is built once and then refreshed: so the focus, the scroll position and a stroke of the brush survive.
function refreshed(element, refresh) {
  const before = element.refresh;
  element.refresh = () => (before?.(), refresh(element));
  element.setAttribute("data-live", "");
  refresh(element);
  return element;
}
function refreshAll(within = document) {
  for (const element of within.querySelectorAll("[data-live]")) element.refresh();
  document.getElementById("reset").disabled = !isChanged();
}
function changed() {
  now = pass(net, net.x, net.y);
  refreshAll();
}
const equal = (a, b) => a.every((v, k) => Object.is(v, b[k]));
const isChanged = () => !equal(net.x, start.x) || !equal(net.y, start.y) || !net.layers.every(({ w }, k) => equal(w.at, start.w[k]));
function reset() {
  net.x.set(start.x);
  net.y.set(start.y);
  net.layers.forEach(({ w }, k) => w.at.set(start.w[k]));
  changed();
}

// ---- names

const className = (k) => given.classes[k] ?? String(k);
const names = {
  outputs: now.outputs.length === given.classes.length ? className : undefined,
  // One logit of two classes is that of the second; a reference softmax has no logit of the last class.
  logits: now.logits.length === 1 && given.classes.length === 2 ? () => className(1) : className,
  targets: net.y.length === 1 && given.classes.length === 2 ? () => className(1) : className,
};
// The class that the target says, as it stands.
function targetClass() {
  if (given.target === null) return undefined;
  return net.y.length === 1 ? Number(net.y[0] >= 0.5) : net.y.indexOf(Math.max(...net.y));
}

// ---- numbers that a reader may change: where they are, what an entry is called, and what is wrong with a value

const anything = () => undefined;
const inputs = { at: net.x, name: (j) => (pictured ? `pixel in row ${rowOf(j) + 1}, column ${columnOf(j) + 1}` : `input ${j + 1}`), fault: anything };
const targets = {
  at: net.y,
  name: (k) => `target of ${names.targets(k)}`,
  fault: (v) => (given.loss.name in ofClass || given.loss.name === "binary-cross-entropy") && !(v >= 0 && v <= 1) ? `A target of ${given.loss.name} is between 0 and 1.` : undefined,
};
const weights = net.layers.map(({ w }, i) => ({
  at: w.at,
  name: (j) => {
    const [r, c] = [Math.floor(j / w.cols), j % w.cols];
    return c === w.cols - 1 ? `bias of unit ${r + 1} in layer ${i + 1}` : `weight from z${below(i + 1)} ${c + 1} to unit ${r + 1} of layer ${i + 1}`;
  },
  fault: anything,
}));

// ---- the input as a picture

const pictured = given.image !== null && given.image[0] * given.image[1] === net.x.length;
const rowOf = (j) => Math.floor(j / given.image[1]);
const columnOf = (j) => j % given.image[1];
const grid = (values) => ({ rows: given.image[0], cols: given.image[1], at: values, image: true });
const asPicture = (values) => (pictured && values.length === net.x.length ? grid(values) : vector(values));

// ---- elements, formulas, numbers

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value !== false && value !== undefined) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== undefined));
  return element;
}
function draw(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [key, value] of Object.entries(attributes)) if (value !== undefined) element.setAttribute(key, value);
  element.append(...children);
  return element;
}
function typeset(tex, display = false) {
  const span = make("span");
  katex.render(tex, span, { displayMode: display, throwOnError: false });
  return span;
}
function digits(v) {
  if (!Number.isFinite(v)) return "not finite";
  if (Number.isInteger(v) && Math.abs(v) < 1e4) return String(v + 0);
  return Math.abs(v) >= 1e-3 && Math.abs(v) < 1e4 ? v.toFixed(4) : v.toExponential(2);
}
const below = (k) => [...String(k)].map((digit) => "\u2080\u2081\u2082\u2083\u2084\u2085\u2086\u2087\u2088\u2089"[digit]).join("");
const norm = (values) => Math.sqrt(values.reduce((sum, v) => sum + v * v, 0));
const vector = (values) => ({ rows: values.length, cols: 1, at: values });
const across = (values) => ({ rows: 1, cols: values.length, at: values });
const largestOf = (values) => values.reduce((most, v) => Math.max(most, Number.isFinite(v) ? Math.abs(v) : 0), 0) || 1;
const plural = (n, word) => `${n} ${word}${n === 1 ? "" : "s"}`;

// ---- colours: those of the page's style, blended by the size of a number

let palette;
function readColours() {
  const style = getComputedStyle(document.documentElement);
  const rgb = (name) => {
    const hex = style.getPropertyValue(name).trim().slice(1);
    const six = hex.length === 3 ? [...hex].map((digit) => digit + digit).join("") : hex;
    return [0, 2, 4].map((i) => parseInt(six.slice(i, i + 2), 16));
  };
  palette = { zero: rgb("--panel"), negative: rgb("--c0"), positive: rgb("--c1"), notFinite: rgb("--c2") };
}
readColours();
function colour(v, most) {
  if (!Number.isFinite(v)) return palette.notFinite;
  const full = v < 0 ? palette.negative : palette.positive;
  const share = Math.sqrt(Math.min(Math.abs(v) / most, 1));
  return palette.zero.map((zero, k) => Math.round(zero + share * (full[k] - zero)));
}
const css = (v, most) => `rgb(${colour(v, most).join(" ")})`;
// Black or white, whichever has the larger contrast: at least 4.5 on any ground.
function inkOn(rgb) {
  const [r, g, b] = rgb.map((v) => (v / 255 <= 0.03928 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? "#000" : "#fff";
}
