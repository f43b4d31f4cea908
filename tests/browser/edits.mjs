// What a reader changes on the walk page, and how the reader gets about: numbers, edges, units, pixels, keys, the address, playing.
// After each change the page shows what an independent calculation gives; with a model, what `layerloop explain` gives too.
//
//     node edits.mjs PAGE.html TRACE.json [LAYERLOOP MODEL.safetensors DATA --sample N ...]

import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";
import { audit } from "./axe.mjs";
import { forward, rust } from "./edited.mjs";

const [file, trace_file, layerloop, model, ...sample] = process.argv.slice(2);
const trace = JSON.parse(readFileSync(trace_file, "utf8"));
const address = pathToFileURL(file).href;
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox"] });
const faults = [];
const check = (holds, what) => holds || faults.push(what);
const context = await browser.newContext({ viewport: { width: 1280, height: 720 }, reducedMotion: "reduce" });
const page = await context.newPage();
page.on("console", (message) => check(message.type() !== "error", message.text()));
page.on("pageerror", (error) => check(false, `${error}`));
await page.clock.install(); // playing is tested without waiting
await page.goto(address, { waitUntil: "load" });
const L = trace.layers.length;
const pictured = (await page.locator(".picture").count()) > 0;
const small = (await page.locator(".network g[role='button']:has(> .edge)").count()) > 0;
const titles = await page.evaluate(() => window.layerloop.walk.map((step) => step.title));
const stepOf = (title) => titles.indexOf(title) + 1;
const goTo = (title) => page.evaluate((step) => window.layerloop.go(step - 1), stepOf(title));
const place = async () => Number((await page.locator("#place").textContent()).split(" ")[0]);
const state = () =>
  page.evaluate(() => {
    const { net, pass } = window.layerloop;
    return { x: [...net.x], y: [...net.y], w: net.layers.map(({ w }) => [...w.at]), outputs: [...pass().outputs], loss: pass().loss };
  });
const digits = (v) => (Number.isInteger(v) && Math.abs(v) < 1e4 ? String(v) : Math.abs(v) >= 1e-3 && Math.abs(v) < 1e4 ? v.toFixed(4) : v.toExponential(2));
const near = (a, b) => a.length === b.length && a.every((v, k) => Math.abs(v - b[k]) <= 1e-12 * Math.max(1, Math.abs(v)));

// After a change: the entries that are meant, and no others, have their new values; and what is shown follows from them.
async function follows(what, before, changes) {
  const now = await state();
  const kept = [["x", now.x, before.x], ["y", now.y, before.y], ...now.w.map((w, k) => [`w${k + 1}`, w, before.w[k]])];
  for (const [name, values, old] of kept) {
    const wanted = old.map((v, j) => changes[name]?.[j] ?? v);
    check(near(values, wanted), `${what}: ${name} is not what was meant`);
  }
  const p = forward(trace, now.x, now.w);
  check(near(now.outputs, p), `${what}: the outputs are ${now.outputs}, not ${p}`);
  const shown = await page.locator("aside .outcome .number").allTextContents();
  check(`${shown}` === `${p.map(digits)}`, `${what}: it shows ${shown}, not ${p.map(digits)}`);
  const loss = await page.locator("aside .outcome p").textContent();
  check(loss.startsWith(`loss ${digits(now.loss)}`), `${what}: ${loss}`);
  return now;
}
const editor = page.locator(".editor");
const why = page.locator("#why");
const cell = (name, entry) => page.locator(`#step figure[data-name="${name}"] td button`).nth(entry);
const focused = () => page.evaluate(() => document.activeElement.getAttribute("aria-label") ?? document.activeElement.textContent);
const initial = await state();

// ---- numbers: click and type; Enter, Escape, Tab; and what is not a number
async function numbers() {
  const y = trace.y.length > 1;
  await goTo("The sample");
  let before = await state();
  await cell("y", 0).click();
  check((await editor.inputValue()) === String(before.y[0]), `the editor of y says ${await editor.inputValue()}`);
  await page.keyboard.type("0.25");
  const live = await follows("y_1 while it is typed", before, { y: { 0: 0.25 } });
  check(live.loss !== before.loss || !y, "the loss does not follow y");
  await page.keyboard.press("Escape");
  before = await follows("y_1 after Escape", before, {});
  await cell("y", 0).click();
  for (const [text, reason] of [["abc", "not a number"], ["", "missing"], ["0,5", "write 0.5"], ["1e999", "not finite"], ["1.5", "between 0 and 1"], ["0x10", "not a number"]]) {
    await editor.fill(text);
    check((await why.textContent()).includes(reason), `${text || "nothing"}: it says ${await why.textContent()}`);
    check((await editor.getAttribute("aria-invalid")) === "true", `${text}: not marked`);
    await page.keyboard.press("Enter");
    check(await editor.isVisible(), `${text}: Enter closed the editor`);
    await follows(`y_1 while it is ${text || "nothing"}`, before, {});
  }
  for (const fault of await audit(page)) check(false, `the editor: ${fault}`);
  await page.keyboard.press("Escape");
  await follows("y_1 after what is not a number", before, {});

  if (small) {
    await cell("z_1", 0).click();
    await page.keyboard.type("0.5");
    await page.keyboard.press("Tab");
    check((await editor.getAttribute("aria-label")) === "input 2", `Tab went to ${await editor.getAttribute("aria-label")}`);
    await page.keyboard.type("-0.75");
    await page.keyboard.press("Shift+Tab");
    check((await editor.inputValue()) === "0.5", "Shift+Tab does not go back");
    await page.keyboard.press("Enter");
    check(/^input 1: 0.5/.test(await focused()), `after Enter the focus is on ${await focused()}`);
    before = await follows("inputs", before, { x: { 0: 0.5, 1: -0.75 } });
  }
  // The first weight, and the bias of the first unit, where they stand in W_L.
  await goTo(`Weights of layer ${L}`);
  const cols = trace.layers[L - 1].w[0].length;
  const canvas = page.locator(`#step figure[data-name="W_${L}"] canvas`);
  const at = async (entry) => {
    if (!(await canvas.count())) return cell(`W_${L}`, entry).click();
    const box = await canvas.boundingBox();
    return page.mouse.click(box.x + ((entry + 0.5) * box.width) / cols, box.y + box.height / (2 * trace.layers[L - 1].w.length));
  };
  for (const [entry, value] of [[0, 0.625], [cols - 1, -0.375]]) {
    await at(entry);
    await page.keyboard.type(String(value));
    await page.keyboard.press("Enter");
    before = await follows(`entry ${entry} of W_${L}`, before, { [`w${L}`]: { [entry]: value } });
  }
  // A click elsewhere keeps a number; text that is none is forgotten.
  await at(0);
  await page.keyboard.type("1x");
  await page.locator("#step h2").click();
  check((await editor.count()) === 0, "the editor stays open");
  await follows("a click elsewhere", before, {});
  await page.locator("#reset").click();
  await follows("reset", initial, {});
  check(await page.locator("#reset").isDisabled(), "there is nothing to reset, and it can be clicked");
}

// ---- edges of a small network, by mouse and by keyboard; of a large one, the weights of a unit that is selected
async function edges() {
  const before = await state();
  const value = 0.6875;
  if (small) {
    const edge = page.locator(".network g[role='button']", { hasText: "weight from z\u2081 2 to unit 1 of layer 1" });
    const [x, y] = await edge.locator(".reach").evaluate((line) => {
      const box = line.ownerSVGElement.getBoundingClientRect();
      const part = (a, b) => Number(line.getAttribute(a)) * 0.7 + Number(line.getAttribute(b)) * 0.3;
      return [box.left + part("x1", "x2"), box.top + part("y1", "y2")];
    });
    await page.mouse.click(x, y);
    await page.keyboard.type(String(value));
    let now = await follows("an edge", before, { w1: { 1: value } });
    await page.keyboard.press("Enter");
    const other = page.locator(".network g[role='button']", { hasText: "weight from z\u2082 1 to unit 2 of layer 2" });
    await other.focus();
    await page.keyboard.press("Enter");
    await page.keyboard.type("-0.3125");
    await page.keyboard.press("Enter");
    now = await follows("an edge by keyboard", now, { w2: { [trace.layers[1].w[0].length]: -0.3125 } });
    check((await focused()) !== null && (await page.evaluate(() => document.activeElement.tagName)) === "g", "the edge has lost the focus");
    await page.locator("#reset").click();
  }
  await page.locator(".network g[role='button']", { hasText: "unit 2 of layer 1: z" }).click();
  check((await page.locator("#unit").textContent()).includes("Unit 2 of layer 1"), "no unit is shown");
  const start = await state();
  const cols = trace.layers[0].w[0].length;
  const table = page.locator("#unit figure[data-name='weights of unit 2'] td button");
  if (await table.count()) await table.first().click();
  else await page.locator("#unit canvas").first().click({ position: { x: 2, y: 2 } });
  await page.keyboard.type(String(value));
  await page.keyboard.press("Enter");
  await page.locator("#unit figure[data-name='bias of unit 2'] button").click();
  await page.keyboard.type("0.5");
  await page.keyboard.press("Enter");
  await follows("the weights of a unit", start, { w1: { [cols]: value, [2 * cols - 1]: 0.5 } });
  for (const fault of await audit(page)) check(false, `a unit: ${fault}`);
  if (!small) await edgesOfSelected();
  await page.locator("#unit button", { hasText: "Close" }).click();
  if (model) await rust(check, [layerloop, model, sample], await page.evaluate(snapshot), "weights");
  await page.locator("#reset").click();
}
// A line of a large network selects its unit; the lines of the unit that is selected are edited where they stand.
async function edgesOfSelected() {
  const line = page.locator(".network g:has(> .reach)", { hasText: `weight from z${"\u2082"} 3 to unit 4 of layer 2` });
  const press = () => line.dispatchEvent("click");
  await press();
  check((await page.locator("#unit").textContent()).includes("Unit 4 of layer 2") && (await editor.count()) === 0, "a line selects no unit");
  const before = await state();
  await press();
  await page.keyboard.type("0.125");
  await page.keyboard.press("Enter");
  await follows("a line of the unit that is selected", before, { w2: { [3 * trace.layers[1].w[0].length + 2]: 0.125 } });
}
// All that the page shows for the values that it has.
function snapshot() {
  const { net, pass } = window.layerloop;
  const now = pass();
  const layers = now.layers.map((layer) => ({ t: [...layer.t], z: [...layer.z], q: [...layer.q], p: [...layer.p().at], b: [...layer.b().at] }));
  return { x: [...net.x], y: [...net.y], w: net.layers.map(({ w }) => ({ rows: w.rows, cols: w.cols, at: [...w.at] })), layers, outputs: [...now.outputs], c: [...now.c().at], loss: now.loss };
}

// ---- pixels: a drag paints, a click edits, an eraser, a blank picture
async function pixels() {
  const [rows, columns] = await page.evaluate(() => given.image);
  const small = page.locator(".picture canvas");
  const pixel = async (canvas, r, c) => {
    const box = await canvas.boundingBox();
    return [box.x + ((c + 0.5) * box.width) / columns, box.y + ((r + 0.5) * box.height) / rows];
  };
  const drag = async (canvas, ...pixels) => {
    await page.mouse.move(...(await pixel(canvas, ...pixels[0])));
    await page.mouse.down();
    for (const next of pixels.slice(1)) await page.mouse.move(...(await pixel(canvas, ...next)));
    await page.mouse.up();
  };
  const row = (r, from, to, value) => Object.fromEntries(Array.from({ length: to - from + 1 }, (_, k) => [r * columns + from + k, value]));
  await goTo("Gradient of the weights of layer 1");
  const numbersOf = () => page.evaluate(() => Object.fromEntries([...document.querySelectorAll("#step figure[data-name]")].map((f) => [f.dataset.name, [...f.numbers.at]])));
  const p = await numbersOf();
  let before = await state();
  await page.locator(".brush input").fill("0.75");
  await drag(small, [1, 1], [1, columns - 2]);
  before = await follows("a stroke", before, { x: row(1, 1, columns - 2, 0.75) });
  check(!near((await numbersOf()).p_1, p.p_1), "p_1 does not follow a stroke");
  await page.locator("#eraser").click();
  await drag(small, [1, 1], [1, 3]);
  before = await follows("the eraser", before, { x: row(1, 1, 3, 0) });
  await page.locator("#eraser").click();
  // A brush of 3 pixels.
  await page.locator(".brush select").selectOption("3");
  await drag(small, [4, 2], [4, 3]);
  before = await follows("a broad brush", before, { x: { ...row(3, 1, 4, 0.75), ...row(4, 1, 4, 0.75), ...row(5, 1, 4, 0.75) } });
  await page.locator(".brush select").selectOption("1");
  // A click is not a stroke: the pixel is edited as a number.
  await page.mouse.click(...(await pixel(small, 2, 2)));
  await page.keyboard.type("0.5");
  await page.keyboard.press("Enter");
  before = await follows("a pixel", before, { x: { [2 * columns + 2]: 0.5 } });
  await page.locator(".brush input").fill("none");
  check((await page.locator("#brush-fault").textContent()).includes("not a number"), "a brush of no number");
  await page.locator(".brush input").fill("1");
  // A digit of the reader's own, in the large picture of the first step.
  await page.locator("#blank").click();
  await goTo("The sample");
  await drag(page.locator("#step figure[data-name='z_1'] canvas"), [1, 2], [1, columns - 3], [rows - 2, 3]);
  const own = await state();
  check(own.x.every((v) => v === 0 || v === 1) && own.x[columns + 2] === 1 && own.x[(rows - 2) * columns + 3] === 1, "a stroke on the large picture");
  if (model) await rust(check, [layerloop, model, sample], await page.evaluate(snapshot), "a painted picture");
  await page.locator("#reset").click();
  await follows("reset after painting", initial, {});
}

// ---- the keys: from wherever the focus is, unless a number is typed
async function keys() {
  await goTo("The sample");
  const count = await page.locator("button:visible:not(:disabled), select:visible, canvas:visible, [tabindex='0']:visible, input[type='range']:visible").count();
  check(count > 10, `only ${count} places for the focus`);
  for (let k = 0; k < count; k++) {
    const at = await place();
    const there = await page.evaluate((k) => {
      const seen = [...document.querySelectorAll("button:not(:disabled), select, canvas, [tabindex='0'], input[type='range']")].filter((e) => e.checkVisibility() && e.closest("#legend") === null);
      seen[k % seen.length].focus();
      return document.activeElement.outerHTML.slice(0, 90);
    }, k);
    await page.keyboard.press(at < titles.length ? "ArrowRight" : "Home");
    check((await place()) === (at < titles.length ? at + 1 : 1), `the arrow keys do not work from ${there}`);
  }
  await page.keyboard.press("End");
  await page.keyboard.press("ArrowLeft");
  check((await place()) === titles.length - 1, `End and the left arrow lead to ${await place()}`);
  await goTo("The sample");
  await cell("y", 0).click();
  await page.keyboard.press("ArrowRight");
  check((await place()) === 1 && (await editor.count()) === 1, "an arrow key in a number leaves the step");
  await page.keyboard.press("Escape");
  await page.keyboard.press("ArrowRight");
  check((await place()) === 2, "after Escape the arrow keys do not work");
  check((await page.locator("header").textContent()).includes("arrow keys"), "nothing says that there are arrow keys");
  // The heat maps are read with Shift.
  await goTo(pictured ? "The sample" : "Jacobian of layer 1 with respect to its weights");
  const canvas = page.locator("#step .map canvas").first();
  if (await canvas.count()) {
    await canvas.focus();
    await page.keyboard.press("Shift+ArrowRight");
    check(/column 2: /.test(await page.locator("#step figcaption ~ .map ~ output").first().textContent()), "a heat map does not say its entry");
  }
}

// ---- the step in the address
async function addresses() {
  await page.goto(`${address}#step=7`);
  await page.reload();
  check((await place()) === 7, `#step=7 opens step ${await place()}`);
  await page.keyboard.press("ArrowRight");
  await page.locator("#forth").click();
  check(page.url().endsWith("#step=9"), `the address is ${page.url()}`);
  await page.goBack();
  check((await place()) === 8 && page.url().endsWith("#step=8"), `back leads to ${await place()}`);
  await page.goForward();
  check((await place()) === 9, `forward leads to ${await place()}`);
  for (const [hash, wanted] of [["#step=999", titles.length], ["#step=0", 1], ["#step=abc", 1], ["", 1]]) {
    await page.goto("about:blank");
    await page.goto(`${address}${hash}`);
    check((await place()) === wanted, `${hash} opens step ${await place()}`);
  }
}

// ---- playing, with a clock that the test moves
async function playing() {
  const button = page.locator("#play");
  await goTo("The sample");
  await page.keyboard.press("Home");
  await button.click();
  check((await button.textContent()).includes("Pause"), "it does not say Pause");
  await page.clock.runFor(2000);
  check((await place()) === 2, `after one pace it is at step ${await place()}`);
  await page.locator("#speed").selectOption("4");
  await page.clock.runFor(1000);
  check((await place()) === 4, `at speed 4 it is at step ${await place()}`);
  await button.click();
  await page.clock.runFor(10000);
  check((await place()) === 4 && (await button.textContent()).includes("Play"), "it does not pause");
  await button.click();
  await page.keyboard.press("ArrowRight");
  await page.clock.runFor(10000);
  check((await place()) === 5, "an arrow key does not end the playing");
  await button.click();
  await page.clock.runFor(60000);
  check((await place()) === titles.length && (await button.textContent()).includes("Play"), `it ends at step ${await place()}`);
  await button.click();
  check((await place()) === 1, "from the end it does not begin again");
  await button.click();
}

// ---- names, the legend, motion
async function names() {
  await goTo("The sample");
  const classes = trace.classes;
  const said = await page.evaluate(() => [...document.querySelectorAll("aside .outcome .class")].map((e) => e.textContent.replace(" \u2190 y", "")));
  check(`${said}` === `${classes}`, `what comes out is called ${said}`);
  const drawn = await page.evaluate(() => [...document.querySelectorAll("aside .network text.class")].map((e) => e.textContent));
  check(`${drawn}` === `${classes.slice(0, 12)}`, `the output units are called ${drawn}`);
  const rows = await page.locator("#step figure[data-name='y'] th").allTextContents();
  check(`${rows}` === `${classes}`, `the targets are called ${rows}`);
  await goTo("Jacobian of the output map");
  const heads = await page.locator("#step figure[data-name='C_K'] tbody th").allTextContents();
  check(`${heads}` === `${classes}`, `the rows of C are called ${heads}`);
  await page.locator(".bar [popovertarget='legend']").focus();
  await page.keyboard.press("Enter");
  const legend = await page.locator("#legend").textContent();
  for (const word of ["negative", "positive", "preactivations", "Jacobian", "gradient", "target", "weights", "activations", "learning rate", "arrow keys"]) {
    check(legend.includes(word), `the legend does not say ${word}`);
  }
  await page.keyboard.press("Escape");
  check(!(await page.locator("#legend").isVisible()), "Escape does not close the legend");
  const moving = await page.evaluate(() => [...document.querySelectorAll("*")].filter((e) => parseFloat(getComputedStyle(e).transitionDuration) > 0 || parseFloat(getComputedStyle(e).animationDuration) > 0).length);
  check(moving === 0, `${moving} elements move where no motion is wanted`);
}

// ---- a step down the gradient makes the loss smaller
async function descent() {
  await goTo("A step down the gradient");
  const { loss } = await state();
  await page.locator("#take").click();
  check((await state()).loss < loss, `the loss did not fall from ${loss}`);
  await page.locator("#reset").click();
  check((await state()).loss === loss, "not undone");
}

for (const part of [numbers, edges, ...(pictured ? [pixels] : []), keys, addresses, playing, names, descent]) {
  await part();
  console.log(`${part.name}: ${faults.length} faults`);
}
await browser.close();
if (faults.length > 0) {
  console.error([...new Set(faults)].slice(0, 40).join("\n"));
  process.exit(1);
}
