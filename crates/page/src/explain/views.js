// Vectors and matrices as the reader sees them: as tables where they are small, as heat maps where they are large, and the rows of
// weights that read a picture as pictures. A view reads its numbers again whenever they change.

const isTable = (m) => m.cols <= 10 && m.rows <= 12 && !m.image;

// view(tex, read, {name, broad, edit, paint, rowName, columnName})
//   read() gives the matrix as it is now; name is what the tests and the labels call it;
//   edit is {of, index}: index(r, c) is the entry of `of` that stands there, or undefined where it cannot be changed;
//   paint: a drag over it is a stroke of the brush.
function view(tex, read, options = {}) {
  const upright = read();
  const lies = upright.cols === 1 && !isTable(upright); // to save height
  const seen = { tex, read: lies ? () => across(read().at) : read, ...options, broad: options.broad || lies };
  const { rows, cols, image } = seen.read();
  seen.size = image ? `${rows} \u00d7 ${cols} picture` : rows === 1 || cols === 1 ? `${rows * cols}` : `${rows} \u00d7 ${cols}`;
  if (lies && options.edit) seen.edit = { of: options.edit.of, index: (_, c) => options.edit.index(c, 0) };
  if (lies) [seen.rowName, seen.columnName] = [undefined, options.rowName];
  const figure = isTable(seen.read()) ? tableView(seen) : mapView(seen);
  figure.seen = seen;
  return figure;
}

function figureOf(seen, ...content) {
  const said = make("span");
  const caption = make("figcaption", {}, typeset(seen.tex), said);
  const figure = make("figure", { class: seen.broad ? "broad" : undefined, "data-name": seen.name }, caption, ...content);
  return refreshed(figure, () => {
    figure.numbers = seen.read();
    said.textContent = ` \u2002${seen.size}, norm ${digits(norm(figure.numbers.at))}`;
  });
}

// The place of an entry in words: its row and column, by their names where they have some.
function placeOf({ rowName, columnName, read }, r, c) {
  const { rows, cols } = read();
  const [row, column] = [rowName ? rowName(r) : r + 1, columnName ? columnName(c) : c + 1];
  return cols === 1 ? (rowName ? row : `entry ${row}`) : rows === 1 ? (columnName ? column : `entry ${column}`) : `row ${row}, column ${column}`;
}

// The entries of a view in reading order, for the Tab key: the next one that can be changed, from (r, c) by 1 or -1.
function neighbour({ read, edit }, r, c, by) {
  const { rows, cols } = read();
  for (let k = r * cols + c + by; k >= 0 && k < rows * cols; k += by) {
    const at = [Math.floor(k / cols), k % cols];
    if (edit.index(...at) !== undefined) return at;
  }
  return undefined;
}

// ---- tables

function tableView(seen) {
  const { read, edit, rowName, columnName, name } = seen;
  const { rows, cols } = read();
  const content = (r, c) => {
    const j = edit?.index(r, c);
    if (j === undefined) return make("span");
    return make("button", { type: "button", title: "click and type", onclick: () => editNumber(spot(r, c)) });
  };
  const cells = Array.from({ length: rows }, (_, r) => Array.from({ length: cols }, (_, c) => content(r, c)));
  function spot(r, c) {
    return {
      of: edit.of,
      j: edit.index(r, c),
      box: () => cells[r][c].parentElement.getBoundingClientRect(),
      focus: () => cells[r][c].focus(),
      beside: (by) => neighbour(seen, r, c, by) && spot(...neighbour(seen, r, c, by)),
    };
  }
  const head = columnName && make("thead", {}, make("tr", {}, rowName && make("td"), ...Array.from({ length: cols }, (_, c) => make("th", { scope: "col" }, columnName(c)))));
  const body = cells.map((line, r) => make("tr", {}, rowName && make("th", { scope: "row" }, rowName(r)), ...line.map((cell) => make("td", {}, cell))));
  const table = make("table", { class: "cells", "aria-label": name }, head, make("tbody", {}, ...body));
  return refreshed(figureOf(seen, make("div", { class: "wide" }, table)), () => {
    const m = read();
    const most = largestOf(m.at);
    cells.forEach((line, r) =>
      line.forEach((cell, c) => {
        const v = m.at[r * cols + c];
        const ground = colour(v, most);
        cell.textContent = digits(v);
        if (edit && cell.tagName === "BUTTON") cell.setAttribute("aria-label", `${edit.of.name(edit.index(r, c))}: ${digits(v)}`);
        Object.assign(cell.parentElement.style, { background: `rgb(${ground.join(" ")})`, color: inkOn(ground) });
      }));
  });
}

// ---- heat maps

function paintMap(canvas, m, from = 0, cols = m.cols, rows = m.rows, most = largestOf(m.at)) {
  [canvas.width, canvas.height] = [cols, rows];
  const context = canvas.getContext("2d");
  const picture = context.createImageData(cols, rows);
  for (let k = 0; k < rows * cols; k++) picture.data.set([...colour(m.at[from + k], most), 255], 4 * k);
  context.putImageData(picture, 0, 0);
}

const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

function mapView(seen) {
  const { read, edit, paint, name } = seen;
  const { rows, cols, image } = read();
  const help = `Shift and the arrow keys read its entries${edit ? ", Enter changes one" : ""}`;
  const canvas = make("canvas", { class: edit ? "editable" : undefined, tabindex: 0, role: "img", "aria-label": `${name}, ${seen.size}: a heat map; ${help}` });
  const said = make("output", { "aria-live": "polite" }, "\u00a0");
  const zoomed = zoomOf(seen, canvas);
  const figure = figureOf(seen, make("div", { class: "map" }, canvas), said);
  if (zoomed.buttons) figure.querySelector("figcaption").append(zoomed.buttons);
  let [r, c] = [0, 0];
  const tell = () => (said.textContent = `${placeOf(seen, r, c)}: ${digits(read().at[r * cols + c])}`);
  const under = (event) => {
    const box = canvas.getBoundingClientRect();
    r = clamp(Math.floor(((event.clientY - box.top) / box.height) * rows), 0, rows - 1);
    c = clamp(Math.floor(((event.clientX - box.left) / box.width) * cols), 0, cols - 1);
    tell();
    return [r, c];
  };
  const spot = (row, column) => ({
    of: edit.of,
    j: edit.index(row, column),
    box: () => {
      const box = canvas.getBoundingClientRect();
      return new DOMRect(box.left + (column * box.width) / cols, box.top + (row * box.height) / rows, box.width / cols, box.height / rows);
    },
    focus: () => canvas.focus(),
    beside: (by) => neighbour(seen, row, column, by) && spot(...neighbour(seen, row, column, by)),
  });
  const editHere = () => edit && edit.index(r, c) !== undefined && editNumber(spot(r, c));
  if (paint) strokes(canvas, under, editHere);
  else {
    canvas.addEventListener("pointermove", under);
    canvas.addEventListener("click", (event) => (under(event), editHere()));
  }
  canvas.addEventListener("keydown", (event) => {
    if (event.key === "Enter") editHere();
    else if (event.shiftKey && ARROWS[event.key]) {
      [r, c] = [clamp(r + ARROWS[event.key][0], 0, rows - 1), clamp(c + ARROWS[event.key][1], 0, cols - 1)];
      tell();
    } else return;
    event.preventDefault();
  });
  return refreshed(figure, () => paintMap(canvas, image ? grid(read().at) : read()));
}

// The size of an entry on the screen, and buttons that change it.
function zoomOf({ read, broad, small }, canvas) {
  const { rows, cols, image } = read();
  let size = image ? Math.max(1, Math.floor((small ? 140 : 280) / Math.max(rows, cols))) : Math.max(1, Math.min(rows === 1 ? 22 : 16, Math.floor((broad ? 700 : 420) / cols), Math.max(3, Math.floor(300 / rows))));
  const high = rows === 1 ? Math.max(1, 24 / size) : 1; // a vector is not as thin as a line
  const fit = () => Object.assign(canvas.style, { width: `${cols * size}px`, height: `${rows * size * high}px` });
  fit();
  if (small) return {};
  const button = (factor, text, what) =>
    make("button", { type: "button", "aria-label": what, onclick: () => ((size = clamp(size * factor, 1, 64)), fit()) }, text);
  return { buttons: make("span", { class: "zoom" }, button(0.5, "\u2212", "smaller"), button(2, "+", "larger")) };
}

// Rows of a matrix as pictures, where the layer reads one. A click selects the unit.
function tilesOf(tex, read, layer) {
  if (!pictured || read().cols - 1 !== net.x.length) return [];
  const { rows, cols } = read();
  const [high, wide] = given.image;
  const canvases = Array.from({ length: Math.min(rows, 64) }, () => make("canvas"));
  const tiles = canvases.map((canvas, r) =>
    make("button", { type: "button", title: `unit ${r + 1}: click to see its weights`, "aria-label": `unit ${r + 1}`, onclick: () => select(layer, r) }, canvas));
  const caption = make("figcaption", {}, typeset(tex), rows > 64 ? `, the first 64 of ${rows}` : "");
  const figure = make("figure", { class: "broad pictures" }, caption, make("div", { class: "tiles" }, ...tiles));
  return [refreshed(figure, () => {
    const m = read();
    const most = largestOf(m.at);
    canvases.forEach((canvas, r) => paintMap(canvas, m, r * cols, wide, high, most));
  })];
}
