// Changing numbers where they stand: one field that is put over the number, and a brush for pictures.

// A spot is {of, j, box, focus, beside}: the entry j of the numbers `of`; its box on the screen; what gets the focus afterwards;
// and the spot that Tab goes on to, by 1 or -1.
const field = make("input", { class: "editor", type: "text", inputmode: "decimal", autocomplete: "off", spellcheck: "false", "aria-describedby": "why" });
const why = make("p", { class: "why", id: "why", role: "alert" });
let editing;

function faultOf(text, of) {
  const typed = text.trim().replace("\u2212", "-");
  if (typed === "") return "A number is missing, for example 0.25 or -1e-3.";
  if (/^[+-]?\d*,\d+$/.test(typed)) return `\u201c${typed}\u201d is not a number: write ${typed.replace(",", ".")}.`;
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(typed)) return `\u201c${typed}\u201d is not a number: write for example 0.25 or -1e-3.`;
  if (!Number.isFinite(Number(typed))) return `${typed} is not finite: the largest number is about 1.8e308.`;
  return of.fault(Number(typed));
}
function editNumber(spot) {
  close();
  pause();
  editing = { ...spot, before: spot.of.at[spot.j] };
  field.value = String(Number(editing.before.toPrecision(6)));
  field.setAttribute("aria-label", spot.of.name(spot.j));
  field.removeAttribute("aria-invalid");
  why.textContent = "";
  document.querySelector("main").append(field, why);
  place();
  field.focus();
  field.select();
}
function place() {
  if (!editing) return;
  const box = editing.box();
  const width = Math.max(box.width, 92);
  const left = clamp(box.left + box.width / 2 - width / 2, 4, Math.max(4, document.documentElement.clientWidth - width - 4));
  const top = box.top + box.height / 2 - field.offsetHeight / 2;
  Object.assign(field.style, { left: `${left + scrollX}px`, top: `${top + scrollY}px`, width: `${width}px` });
  Object.assign(why.style, { left: `${Math.min(left, document.documentElement.clientWidth - 290) + scrollX}px`, top: `${top + field.offsetHeight + 4 + scrollY}px` });
}
function set(value) {
  editing.of.at[editing.j] = value;
  changed();
}
// What was typed stays if it is a number; otherwise the old number comes back.
function close() {
  if (!editing) return;
  const { before, of } = editing;
  if (faultOf(field.value, of)) set(before);
  editing = undefined;
  field.remove();
  why.remove();
}
field.addEventListener("input", () => {
  const fault = faultOf(field.value, editing.of);
  why.textContent = fault ?? "";
  fault ? field.setAttribute("aria-invalid", "true") : field.removeAttribute("aria-invalid");
  set(fault ? editing.before : Number(field.value.trim().replace("\u2212", "-")));
});
field.addEventListener("keydown", (event) => {
  const { focus, beside, before, of } = editing;
  const fault = faultOf(field.value, of);
  if (event.key === "Escape") {
    set(before);
    field.value = String(before);
    close();
    focus();
  } else if ((event.key === "Enter" || event.key === "Tab") && fault) {
    why.textContent = fault;
    field.setAttribute("aria-invalid", "true");
    event.preventDefault();
  } else if (event.key === "Enter") {
    close();
    focus();
    event.preventDefault();
  } else if (event.key === "Tab") {
    const next = beside(event.shiftKey ? -1 : 1);
    close();
    focus(); // from here the browser goes on where no number follows
    if (next) {
      event.preventDefault();
      editNumber(next);
    }
  }
});
field.addEventListener("blur", close);
addEventListener("resize", place);
addEventListener("scroll", place, true);

// ---- the brush

const [lowest, highest] = start.x.reduce(([low, high], v) => [Math.min(low, v), Math.max(high, v)], [0, 0]);
const brush = { value: highest || 1, size: 1, erases: false };

function dab(row, column) {
  const reach = brush.size / 2;
  for (let r = Math.ceil(row - reach); r <= row + reach; r++) {
    for (let c = Math.ceil(column - reach); c <= column + reach; c++) {
      const inside = r >= 0 && c >= 0 && r < given.image[0] && c < given.image[1] && Math.hypot(r - row, c - column) <= Math.max(reach, 0.5);
      if (inside) net.x[r * given.image[1] + c] = brush.erases ? lowest : brush.value;
    }
  }
}
// A drag over a picture paints; a click without one edits the pixel as a number. `under` tells the pixel of an event.
function strokes(canvas, under, click) {
  canvas.classList.add("paintable");
  let from; // where the pointer went down, then the pixel that was painted last
  let moved = false;
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    close();
    canvas.setPointerCapture(event.pointerId);
    [from, moved] = [under(event), false];
    event.preventDefault();
  });
  canvas.addEventListener("pointermove", (event) => {
    const to = under(event);
    if (!from || (to[0] === from[0] && to[1] === from[1])) return;
    if (!moved) pause();
    moved = true;
    const steps = Math.max(Math.abs(to[0] - from[0]), Math.abs(to[1] - from[1]));
    for (let k = 0; k <= steps; k++) dab(Math.round(from[0] + ((to[0] - from[0]) * k) / steps), Math.round(from[1] + ((to[1] - from[1]) * k) / steps));
    from = to;
    changed();
  });
  canvas.addEventListener("pointerup", () => {
    if (from && !moved) click();
    from = undefined;
  });
  canvas.addEventListener("pointercancel", () => (from = undefined));
}
function brushTools() {
  const fault = make("span", { class: "fault", id: "brush-fault", role: "alert" });
  const value = make("input", { type: "text", class: "short", inputmode: "decimal", value: digits(brush.value), "aria-describedby": "brush-fault", oninput: () => {
    fault.textContent = faultOf(value.value, inputs) ?? "";
    if (!fault.textContent) brush.value = Number(value.value);
  } });
  const sizes = make("select", { onchange: () => (brush.size = Number(sizes.value)) }, ...[1, 2, 3].map((size) => make("option", { value: size }, size === 1 ? "1 pixel" : `${size} pixels`)));
  const eraser = make("button", { type: "button", id: "eraser", "aria-pressed": "false", onclick: () => {
    brush.erases = !brush.erases;
    eraser.setAttribute("aria-pressed", brush.erases);
  } }, "Eraser");
  const blank = make("button", { type: "button", id: "blank", onclick: () => (net.x.fill(lowest), changed()) }, "Blank");
  return make("div", { class: "brush", role: "group", "aria-label": "brush" }, make("label", {}, "Brush ", value), make("label", {}, "size ", sizes), eraser, blank, fault);
}

// ---- a step down the gradient

let eta = 0.1;
function stepDown() {
  const fault = make("span", { class: "fault", id: "eta-fault", role: "alert" });
  const rate = make("input", { type: "text", class: "short", inputmode: "decimal", value: eta, "aria-describedby": "eta-fault", oninput: () => {
    fault.textContent = faultOf(rate.value, { fault: (v) => (v >= 0 ? undefined : "A learning rate is not negative.") }) ?? "";
    if (!fault.textContent) eta = Number(rate.value);
  } });
  const take = make("button", { type: "button", id: "take", onclick: () => {
    const gradients = now.layers.map((layer) => layer.p().at);
    net.layers.forEach(({ w }, k) => w.at.forEach((_, j) => (w.at[j] -= eta * gradients[k][j])));
    changed();
  } }, "Take the step");
  const said = make("p", { class: "soft" });
  const form = make("p", {}, make("label", {}, "learning rate \u03b7 ", rate), " ", take, " ", fault);
  return refreshed(make("figure", { class: "broad" }, form, said), () => {
    const gradient = Math.hypot(...now.layers.map((layer) => norm(layer.delta) * norm(layer.z1)));
    said.textContent = `The gradient has norm ${digits(gradient)}. The loss is ${digits(now.loss)}; it was ${digits(first.loss)} at first.`;
  });
}
