// The network as columns of units, beside the picture that it reads; the weights of a selected unit; and what comes out.

const UNITS = 12; // that are drawn of a layer
const ROWS = 10; // of the outputs that are listed
const EDGES = 40; // up to which each edge can be reached with the Tab key
let selected; // {layer, unit}: whose weights are shown

const columnsNow = () => [now.layers[0].z, ...now.layers.map((layer) => layer.zNext), now.outputs];
const drawnOf = (n) => Math.min(n, UNITS);
const edgesDrawn = net.layers.reduce((sum, { w }) => sum + drawnOf(w.cols - 1) * drawnOf(w.rows), 0);
const everyEdge = !pictured && edgesDrawn <= EDGES;
const short = (text) => (text.length > 10 ? `${text.slice(0, 9)}\u2026` : text);

// Where column k and its unit j are. The picture stands to the left of the drawing, so its column is the left border.
function layout(wide, high) {
  const widths = columnsNow().map((column) => column.length);
  const labels = names.outputs ? Math.max(...given.classes.slice(0, UNITS).map((name) => short(name).length)) * 7.5 + 14 : 16;
  const [left, right] = [pictured ? 0 : 26, 14 + labels];
  return {
    widths,
    apart: (wide - left - right) / (widths.length - 1),
    x: (k) => left + (k * (wide - left - right)) / (widths.length - 1),
    y: (k, j) => (pictured && k === 0) || drawnOf(widths[k]) === 1 ? (high - 40) / 2 : 16 + (j * (high - 72)) / (drawnOf(widths[k]) - 1),
  };
}

function network(wide, high, step) {
  const at = layout(wide, high);
  const svg = draw("svg", { viewBox: `0 0 ${wide} ${high}`, width: wide, height: high, class: "network", role: "group", "aria-label": `a network with ${at.widths.join(", ")} units` });
  const edges = net.layers.flatMap((_, k) => edgesOf(k, at, svg));
  const fixed = outputEdges(at);
  const units = at.widths.flatMap((n, k) => (pictured && k === 0 ? [] : Array.from({ length: drawnOf(n) }, (_, j) => unitOf(k, j, at))));
  svg.append(...fixed, ...edges.map((edge) => edge.element), ...units.map((unit) => unit.element), ...labelsOf(at, high));
  return refreshed(svg, () => {
    const seen = walk[step ?? current];
    const [columns, adjoints] = [columnsNow(), [...now.layers.map((layer) => layer.q), now.qLogits, now.qLoss]];
    for (const edge of edges) edge.refresh(seen);
    for (const unit of units) unit.refresh(seen, columns, adjoints);
  });
}

// The edges of W_{k+1}; from a picture one line stands for all of its pixels.
function edgesOf(k, at, svg) {
  const { w } = net.layers[k];
  const whole = pictured && k === 0;
  const pairs = Array.from({ length: drawnOf(w.rows) }, (_, b) => Array.from({ length: whole ? 1 : drawnOf(w.cols - 1) }, (_, a) => [a, b])).flat();
  return pairs.map(([a, b]) => {
    const ends = { x1: at.x(k), y1: at.y(k, a), x2: at.x(k + 1), y2: at.y(k + 1, b) };
    const j = b * w.cols + a;
    const line = draw("line", { ...ends, class: "edge" });
    const element = draw("g", {}, line);
    const isSelected = () => selected?.layer === k + 1 && selected.unit === b;
    const click = () => (everyEdge || (isSelected() && !whole) ? editNumber(spot) : select(k + 1, b));
    const spot = {
      of: weights[k],
      j,
      box: () => {
        const box = svg.getBoundingClientRect();
        // Not in the middle, where edges cross.
        return new DOMRect(box.left + ends.x1 + (ends.x2 - ends.x1) * 0.3, box.top + ends.y1 + (ends.y2 - ends.y1) * 0.3, 0, 0);
      },
      focus: () => element.focus(),
      beside: () => undefined,
    };
    const title = draw("title");
    element.append(draw("line", { ...ends, class: "reach" }), title);
    element.addEventListener("click", click);
    if (everyEdge) {
      for (const [key, value] of [["tabindex", 0], ["role", "button"]]) element.setAttribute(key, value);
      pressable(element, click);
    }
    const refresh = (step) => {
      const here = step.layer === k + 1 || isSelected();
      const name = whole ? `all weights of unit ${b + 1}` : `${weights[k].name(j)}: ${digits(w.at[j])}`;
      title.textContent = name;
      Object.assign(line.style, { stroke: whole || w.at[j] === 0 ? "" : css(w.at[j], largestOf(w.at)), strokeWidth: isSelected() ? 3 : here ? 2 : 1, opacity: here ? 0.95 : 0.45 });
    };
    return { element, refresh };
  });
}
// The output map has no weights.
function outputEdges(at) {
  const k = at.widths.length - 2;
  const pairs = Array.from({ length: drawnOf(at.widths[k]) }, (_, a) => Array.from({ length: drawnOf(at.widths[k + 1]) }, (_, b) => [a, b])).flat();
  return pairs
    .filter(([a, b]) => given.output.endsWith("softmax") || a === b || at.widths[k] === 1)
    .map(([a, b]) => draw("line", { x1: at.x(k), y1: at.y(k, a), x2: at.x(k + 1), y2: at.y(k + 1, b), class: "edge faint" }));
}

// An input unit is edited, a unit of a layer is selected, an output is only looked at.
function unitOf(k, j, at) {
  const circle = draw("circle", { cx: at.x(k), cy: at.y(k, j), r: 10, class: "unit" });
  const ring = draw("circle", { cx: at.x(k), cy: at.y(k, j), r: 7.5, class: "ring" });
  const title = draw("title");
  const element = draw("g", {}, circle, ring, title);
  const spot = { of: inputs, j, box: () => circle.getBoundingClientRect(), focus: () => element.focus(), beside: (by) => units[j + by] };
  const click = k === 0 ? () => editNumber(spot) : k <= L ? () => select(k, j) : undefined;
  const units = k === 0 ? inputSpots : [];
  units[j] = spot;
  if (click) {
    for (const [key, value] of [["tabindex", 0], ["role", "button"]]) element.setAttribute(key, value);
    element.addEventListener("click", click);
    pressable(element, click);
  }
  const refresh = (step, columns, adjoints) => {
    const [v, q] = [columns[k][j], adjoints[k][j]];
    const backward = step.back !== undefined && step.back <= k + 1;
    const chosen = selected?.layer === k && selected.unit === j;
    const name = k === 0 ? inputs.name(j) : k === L + 1 && names.outputs ? className(j) : `unit ${j + 1} of layer ${k}`;
    title.textContent = `${name}: z ${digits(v)}, q ${digits(q)}${k > 0 && click ? "; click to see its weights" : ""}`;
    circle.setAttribute("class", `unit${step.layer === k ? " here" : ""}${chosen ? " chosen" : ""}`);
    circle.style.fill = step.reach >= k ? css(v, largestOf(columns[k])) : "";
    ring.style.stroke = backward ? css(q, largestOf(adjoints[k])) : "";
  };
  return { element, refresh };
}
const inputSpots = [];
function pressable(element, click) {
  element.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    click();
  });
}
function labelsOf(at, high) {
  const columns = at.widths.flatMap((n, k) => {
    if (pictured && k === 0) return [];
    const count = n > UNITS && at.apart > 70 ? `${UNITS} of ${n}` : `${n}`;
    return [draw("text", { x: at.x(k), y: high - 24 }, `z${below(k + 1)}`), draw("text", { x: at.x(k), y: high - 8 }, count)];
  });
  const k = at.widths.length - 1;
  const classes = names.outputs ? given.classes.slice(0, UNITS).map((name, j) => draw("text", { x: at.x(k) + 16, y: at.y(k, j) + 4.5, class: "class" }, short(name))) : [];
  return [...columns, ...classes];
}

// ---- the weights of one unit

function select(layer, unit) {
  selected = { layer: clamp(layer, 1, L), unit: clamp(unit, 0, net.layers[clamp(layer, 1, L) - 1].w.rows - 1) };
  showUnit();
  refreshAll(document.querySelector("aside"));
  document.getElementById("unit").scrollIntoView({ block: "nearest" });
}
function showUnit() {
  const box = document.getElementById("unit");
  if (!selected) return box.replaceChildren();
  const { layer, unit } = selected;
  const { w } = net.layers[layer - 1];
  const from = unit * w.cols;
  const row = () => w.at.subarray(from, from + w.cols - 1);
  const edit = { of: weights[layer - 1], index: (r, c) => from + (layer === 1 && pictured ? r * given.image[1] + c : r) };
  const bias = { of: weights[layer - 1], index: () => from + w.cols - 1 };
  const step = (by, label, text) => make("button", { type: "button", "aria-label": label, disabled: unit + by < 0 || unit + by >= w.rows, onclick: () => (select(layer, unit + by), document.querySelector("#unit button:not(:disabled)").focus()) }, text);
  box.replaceChildren(
    make("p", { class: "heading" }, step(-1, "the unit before", "\u2039"), step(1, "the next unit", "\u203a"), make("b", {}, ` Unit ${unit + 1} of layer ${layer} `), make("button", { type: "button", onclick: () => {
      selected = undefined;
      showUnit();
      refreshAll(document.querySelector("aside"));
    } }, "Close")),
    view(`\\text{its weights}`, () => (layer === 1 ? asPicture(row()) : vector(row())), { name: `weights of unit ${unit + 1}`, edit, small: true }),
    view(`\\text{its bias}`, () => vector(w.at.subarray(from + w.cols - 1, from + w.cols)), { name: `bias of unit ${unit + 1}`, edit: bias }),
  );
}

// ---- what comes out, now and before anything was changed

function outcome() {
  return refreshed(make("div", { class: "outcome", role: "group", "aria-label": "what comes out" }), (box) => box.replaceChildren(...outcomeRows()));
}
function outcomeRows() {
  const scale = given.output.endsWith("softmax") || given.output === "sigmoid" ? 1 : Math.max(largestOf(now.outputs), largestOf(first.outputs));
  const share = (v) => `${clamp((100 * Math.abs(v)) / scale, 0, 100)}%`;
  const right = targetClass();
  const order = Array.from(now.outputs.keys());
  const kept = order.length <= ROWS ? order : [...order].sort((a, b) => now.outputs[b] - now.outputs[a]).filter((k, rank) => rank < ROWS - 1 || k === right);
  const rows = kept.map((k) => {
    const rail = make("span", { class: "rail" }, make("b", { style: `width: ${share(now.outputs[k])}` }), make("i", { style: `left: ${share(first.outputs[k])}`, title: `before: ${digits(first.outputs[k])}` }));
    return make("div", { class: right === k ? "wanted" : undefined }, make("span", { class: "class", title: className(k) }, `${className(k)}${right === k ? " \u2190 y" : ""}`), rail, make("span", { class: "number" }, digits(now.outputs[k])));
  });
  const before = now.loss === first.loss ? "" : `, before ${digits(first.loss)}`;
  const left = order.length > kept.length ? `, and ${order.length - kept.length} more classes` : "";
  return [...rows, make("p", { class: "soft" }, `loss ${digits(now.loss)}${before}${left}`)];
}
