// Going from step to step: buttons, slider, arrow keys, the play button, and the step in the address. And the page on paper.

const walk = allSteps();
const last = walk.length - 1;
const part = Object.fromEntries(["back", "play", "forth", "speed", "slider", "place", "said", "reset", "step", "sight", "legend", "all"].map((id) => [id, document.getElementById(id)]));

// ---- one step

const symbol = (name) => [make("dt", {}, typeset(SYMBOLS[name][0])), make("dd", {}, SYMBOLS[name][1])];
const textOf = (text) => (typeof text === "function" ? text() : text);

// The views of a step, and the signs between them where all of them are small.
function viewsOf(step) {
  const list = step.views();
  const views = list.filter((view) => typeof view !== "string");
  const small = views.every((view) => view.querySelector("table.cells"));
  const shown = small ? list.map((view) => (typeof view === "string" ? make("span", { class: "sign", "aria-hidden": "true" }, view) : view)) : views;
  return make("div", { class: "views" }, ...shown);
}
function content(step) {
  return [
    make("p", { class: "part" }, step.part),
    make("h2", { tabindex: -1 }, step.title),
    refreshed(make("div", { class: "formula" }), (box) => (typeof step.tex === "string" && box.firstChild) || box.replaceChildren(typeset(textOf(step.tex), true))),
    refreshed(make("p", { class: "words" }), (box) => (box.textContent = textOf(step.words))),
    viewsOf(step),
    make("dl", { class: "symbols", "aria-label": "the symbols of this step" }, ...step.symbols.map((name) => make("div", {}, ...symbol(name)))),
  ];
}
function show() {
  const step = walk[current];
  const focused = part.step.contains(document.activeElement);
  close();
  part.slider.value = current;
  part.slider.setAttribute("aria-valuetext", `${current + 1} of ${walk.length}: ${step.title}`);
  part.place.textContent = `${current + 1} of ${walk.length}`;
  part.said.textContent = `${current + 1} of ${walk.length}, ${step.part}: ${step.title}`;
  part.back.disabled = current === 0;
  part.forth.disabled = current === last;
  part.step.replaceChildren(...content(step));
  refreshAll(document.querySelector("aside"));
  markScrollable();
  if (focused) part.step.querySelector("h2").focus({ preventScroll: true });
}

// What is wider than its place can be scrolled with the keyboard too.
function markScrollable() {
  for (const box of part.step.querySelectorAll(".formula, .wide, .map")) {
    const scrolls = box.scrollWidth > box.clientWidth || (box.className === "map" && box.scrollHeight > box.clientHeight);
    scrolls ? box.setAttribute("tabindex", 0) : box.removeAttribute("tabindex");
  }
}
addEventListener("resize", markScrollable);

// ---- from step to step

// Each step has an address. What the reader goes to is a new entry of the browser's history; playing and sliding is none.
function go(to, entry = "push") {
  const next = clamp(to, 0, last);
  if (next === current) return;
  current = next;
  show();
  history[`${entry}State`](null, "", `#step=${current + 1}`);
}
function stepOfAddress() {
  const match = /^#step=(\d+)$/.exec(location.hash);
  return match ? clamp(Number(match[1]) - 1, 0, last) : 0;
}
addEventListener("popstate", () => {
  pause();
  current = stepOfAddress();
  show();
});
function goByHand(to, entry) {
  pause();
  go(to, entry);
}
part.back.addEventListener("click", () => goByHand(current - 1));
part.forth.addEventListener("click", () => goByHand(current + 1));
part.slider.addEventListener("input", () => goByHand(Number(part.slider.value), "replace"));

// The arrow keys work wherever the focus is; while a number is typed they belong to its text.
const KEYS = { ArrowLeft: () => current - 1, ArrowRight: () => current + 1, Home: () => 0, End: () => last };
const isTyped = (element) => element.matches("input:not([type='range']), textarea");
addEventListener("keydown", (event) => {
  const to = KEYS[event.key];
  if (!to || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || isTyped(event.target)) return;
  goByHand(to());
  event.preventDefault();
}, true);

// ---- playing

const PACE = 2000; // milliseconds a step, at speed 1
let playing;
function setPlaying(timer) {
  playing = timer;
  part.play.textContent = timer ? "\u23f8\ufe0e Pause" : "\u25b6\ufe0e Play";
}
function pause() {
  clearInterval(playing);
  if (playing) setPlaying(undefined);
}
function play() {
  pause();
  if (current === last) go(0, "replace");
  setPlaying(setInterval(() => (current < last ? go(current + 1, "replace") : pause()), PACE / Number(part.speed.value)));
}
part.play.addEventListener("click", () => (playing ? pause() : play()));
part.speed.addEventListener("change", () => playing && play());
part.reset.addEventListener("click", () => (close(), reset()));

// ---- the left side: the picture, the network, what comes out

const drawing = make("div", { class: "drawing" });
if (pictured) part.sight.append(make("div", { class: "picture" }, view("z_1 = x", () => grid(net.x), { name: "x", edit: { of: inputs, index: (r, c) => r * given.image[1] + c }, paint: true, small: true }), brushTools()));
part.sight.append(drawing);
part.sight.after(outcome());
const redraw = () => drawing.replaceChildren(network(Math.max(180, Math.floor(drawing.clientWidth)), pictured ? 310 : 290));
new ResizeObserver(() => drawing.clientWidth && drawing.firstChild?.getAttribute("width") !== String(Math.max(180, Math.floor(drawing.clientWidth))) && redraw()).observe(drawing);
part.legend.querySelector("dl").append(...Object.keys(SYMBOLS).map((name) => make("div", {}, ...symbol(name))));

// ---- on paper: every object once, with its formula, small

const onPaper = new Set();
const FEW = { rows: 6, cols: 9, entries: 12 }; // up to which a matrix, and a vector, is printed as numbers
function printed(figure) {
  const { tex, read, name } = figure.seen ?? {};
  if (name ? onPaper.has(name) : !figure.classList.contains("pictures")) return [];
  onPaper.add(name);
  if (!name) return [figure];
  const upright = read();
  const m = upright.cols === 1 ? across(upright.at) : upright; // a vector lies, to save height
  const few = m.rows === 1 ? m.cols <= FEW.entries : m.rows <= FEW.rows && m.cols <= FEW.cols;
  const label = m === upright || m.cols === 1 ? tex : `(${tex})^\\top`;
  if (few && !m.image) {
    const row = (r) => Array.from(m.at.slice(r * m.cols, (r + 1) * m.cols), digits).join(" & ");
    const lines = Array.from({ length: m.rows }, (_, r) => row(r)).join(" \\\\ ");
    return [make("div", { class: "object", "data-object": name }, typeset(`${label} =`), make("span", { class: "few" }, typeset(`\\begin{bmatrix} ${lines} \\end{bmatrix}`)))];
  }
  const canvas = make("canvas");
  paintMap(canvas, m);
  // In millimetres: a picture or a square has 20, a wide matrix up to 120.
  const size = Math.min(20 / m.rows, 120 / m.cols, 4);
  Object.assign(canvas.style, { width: `${m.cols * size}mm`, height: `${Math.max(m.rows * size, 4)}mm` });
  return [make("div", { class: "object", "data-object": name }, typeset(label), make("span", { class: "soft" }, ` ${figure.seen.size}, norm ${digits(norm(m.at))}`), canvas)];
}
function printedStep(step) {
  const objects = step.views().filter((view) => typeof view !== "string").flatMap(printed);
  return make("section", { class: "row" }, make("h3", {}, step.title), make("div", { class: "objects" }, typeset(`\\displaystyle ${textOf(step.tex)}`), ...objects));
}
function printAll() {
  close();
  onPaper.clear();
  document.documentElement.dataset.paper = "";
  readColours();
  part.all.replaceChildren(
    make("div", { class: "summary" }, network(420, 220, last), outcome()),
    ...walk.slice(0, -1).flatMap((step, k) => [...(step.part === walk[k - 1]?.part ? [] : [make("h2", {}, step.part)]), printedStep(step)]),
    make("h2", {}, "symbols"),
    make("dl", { class: "symbols" }, ...Object.keys(SYMBOLS).map((name) => make("div", {}, ...symbol(name)))),
  );
}
addEventListener("beforeprint", printAll);
addEventListener("afterprint", () => {
  part.all.replaceChildren();
  delete document.documentElement.dataset.paper;
  readColours();
  refreshAll();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => (readColours(), refreshAll()));

part.slider.max = last;
current = stepOfAddress();
setPlaying(undefined);
redraw();
show();
refreshAll();
window.layerloop = { net, pass: () => now, walk, go, show };
