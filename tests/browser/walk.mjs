// The walk through the layer loops, as a person goes through it: to the end by the arrow keys, with the numbers of the trace at
// every step, in light, dark, on a phone and on paper. What is changed on the way, edits.mjs tests.
//
//     node walk.mjs PAGE.html TRACE.json FOLDER     writes light.png, dark.png, phone.png and walk.pdf into FOLDER

import { readFileSync, statSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";
import { audit } from "./axe.mjs";

const [file, trace_file, folder] = process.argv.slice(2);
const trace = JSON.parse(readFileSync(trace_file, "utf8"));
const address = pathToFileURL(file).href;
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox"] });
const faults = [];
const check = (holds, what) => holds || faults.push(what);
check(statSync(file).size < 1e6, `the page has ${statSync(file).size} bytes`);

const L = trace.layers.length;
const flat = (m) => (Array.isArray(m?.[0]) ? m.flat() : m);
// What the trace has under the names that the page uses.
const known = { C_K: trace.output.c, loss: [trace.loss], y: trace.y, z_1: trace.x };
for (const layer of trace.layers) {
  Object.assign(known, {
    [`W_${layer.i}`]: layer.w, [`t_${layer.i}`]: layer.t, [`A_${layer.i}`]: layer.a, [`B_${layer.i}`]: layer.b,
    [`sigma'_${layer.i}`]: layer.a_factors.sigma_prime, [`z1_${layer.i}`]: layer.a_factors.z1,
    [`p_${layer.i}`]: layer.p, [`q_${layer.i}`]: layer.q, [`z_${layer.i + 1}`]: layer.z_next,
  });
}
known[`z_${L + 2}`] = trace.output.probabilities;
known[`q_${L + 1}`] = trace.output.q_logits;
known[`q_${L + 2}`] = trace.q_loss;
const all = Object.keys(known).filter((name) => known[name] !== null);

function compare(name, seen) {
  const wanted = flat(known[name]);
  if (!wanted) return false;
  // z_i is shown with its 1 where it is multiplied.
  const values = seen.length === wanted.length + 1 && name.startsWith("z_") ? seen.slice(0, -1) : seen;
  const size = wanted.reduce((most, v) => Math.max(most, Math.abs(v ?? 0)), 1e-9);
  const off = wanted.reduce((worst, v, k) => Math.max(worst, v === null ? 0 : Math.abs(v - values[k])), 0);
  check(values.length === wanted.length && off <= 1e-12 * size, `${name}: ${values.length} numbers, ${off} off`);
  return true;
}

// A page of the walk in a context of its own, with everything watched that may go wrong.
async function opened(sight, how) {
  const context = await browser.newContext(how);
  const page = await context.newPage();
  page.on("request", (request) => {
    const asked = request.url().split("#")[0];
    check(asked === address || asked.startsWith("data:"), `${sight}: a request to ${asked}`);
  });
  page.on("console", (message) => check(!["error", "warning"].includes(message.type()), `${sight}: ${message.text()}`));
  page.on("pageerror", (error) => check(false, `${sight}: ${error}`));
  await page.goto(address, { waitUntil: "load" });
  return page;
}

const sights = [
  { name: "light", colorScheme: "light", viewport: { width: 1280, height: 720 } },
  { name: "dark", colorScheme: "dark", viewport: { width: 1280, height: 720 } },
  { name: "phone", colorScheme: "light", viewport: { width: 390, height: 844 }, hasTouch: true },
];
for (const { name: sight, ...how } of sights) {
  const page = await opened(sight, how);
  const compared = new Set();
  const count = await page.evaluate(() => window.layerloop.walk.length);
  for (let step = 0; step < count; step++) {
    check((await page.locator("#place").textContent()) === `${step + 1} of ${count}`, `${sight}: lost at step ${step + 1}`);
    const seen = await page.evaluate(() =>
      [...document.querySelectorAll("#step figure[data-name]")].map((f) => [f.dataset.name, [...f.numbers.at]]));
    for (const [name, numbers] of seen) if (compare(name, numbers)) compared.add(name);
    check((await page.locator("#step .formula .katex").count()) > 0, `${sight}: no formula at step ${step + 1}`);
    check((await page.locator(".katex-error").count()) === 0, `${sight}: a broken formula at step ${step + 1}`);
    const [wide, window_width] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
    check(wide <= window_width, `${sight}: step ${step + 1} is ${wide} wide in a window of ${window_width}`);
    // The symbols of the step are explained beside it.
    check((await page.locator("#step .symbols dd").count()) > 0, `${sight}: no symbols at step ${step + 1}`);
    for (const fault of await audit(page)) check(false, `${sight}, step ${step + 1}: ${fault}`);
    // At 1280 x 720 the controls, the network and what comes out were below the end of the window.
    if (sight !== "phone") check((await hidden(page)).length === 0, `${sight}, step ${step + 1}: out of sight: ${await hidden(page)}`);
    const picture = await page.evaluate((step) => window.layerloop.walk[step].title === "Gradient of the weights of layer 1", step);
    if (picture) await page.screenshot({ path: `${folder}/${sight}.png`, fullPage: sight === "phone" });
    await page.keyboard.press("ArrowRight");
  }
  check(all.every((name) => compared.has(name)), `${sight}: never shown: ${all.filter((name) => !compared.has(name))}`);
  await page.locator("[popovertarget='legend']").first().click();
  check(await page.locator("#legend").isVisible(), `${sight}: no legend`);
  for (const fault of await audit(page)) check(false, `${sight}, legend: ${fault}`);
  console.log(`${sight}: ${count} steps, ${compared.size} objects equal those of the trace`);
  await page.context().close();
}
// What must be seen without scrolling and is not.
function hidden(page) {
  return page.evaluate(() => {
    const wanted = ["#back", "#play", "#forth", "#speed", "#slider", "#place", "#reset", ".bar [popovertarget]", ".network", "aside .outcome", ".key", "#step h2", "#step .formula"];
    if (document.querySelector(".picture")) wanted.push(".picture canvas", ".brush");
    const inside = (box) => box && box.width > 0 && box.top >= 0 && box.left >= 0 && box.bottom <= innerHeight && box.right <= innerWidth;
    return wanted.filter((selector) => !inside(document.querySelector(selector)?.getBoundingClientRect()));
  });
}

// On paper: it had 19 almost empty pages. Each object stands there once, in light colours whatever the screen has.
const page = await opened("print", { colorScheme: "dark", viewport: { width: 1280, height: 720 } });
for (const landscape of [false, true]) {
  const pdf = await page.pdf({ path: `${folder}/walk.pdf`, format: "A4", landscape });
  const pages = pdf.toString("latin1").match(/\/Type\s*\/Page\b(?!s)/g).length;
  const most = L <= 2 ? 4 : 2 * L;
  check(pages <= most, `print, ${landscape ? "landscape" : "portrait"}: ${pages} pages`);
  console.log(`print, ${landscape ? "landscape" : "portrait"}: ${pages} pages`);
}
await page.emulateMedia({ media: "print", colorScheme: "dark" });
await page.setViewportSize({ width: 760, height: 1000 });
await page.evaluate(() => dispatchEvent(new Event("beforeprint")));
for (const fault of await audit(page)) check(false, `print: ${fault}`);
const paper = await page.evaluate(() => ({
  titles: [...document.querySelectorAll("#all h3")].map((h) => h.textContent),
  wanted: window.layerloop.walk.slice(0, -1).map((step) => step.title),
  names: [...document.querySelectorAll("#all [data-object]")].map((object) => object.dataset.object),
  ground: getComputedStyle(document.body).backgroundColor,
  bar: getComputedStyle(document.querySelector(".bar")).display,
  symbols: document.querySelectorAll("#all .symbols dd").length,
}));
check(`${paper.titles}` === `${paper.wanted}`, `print: the steps are ${paper.titles}`);
check(new Set(paper.names).size === paper.names.length, `print: twice: ${paper.names.filter((name, k) => paper.names.indexOf(name) !== k)}`);
check(all.every((name) => paper.names.includes(name)), `print: not there: ${all.filter((name) => !paper.names.includes(name))}`);
check(paper.ground === "rgb(255, 255, 255)" && paper.bar === "none" && paper.symbols > 10, `print: ${JSON.stringify(paper)}`);
await page.evaluate(() => dispatchEvent(new Event("afterprint")));
await page.emulateMedia({ media: "screen" });
check((await page.locator("#all").evaluate((box) => box.childElementCount)) === 0, "print: it stays on the screen");

await browser.close();
if (faults.length > 0) {
  console.error([...new Set(faults)].slice(0, 40).join("\n"));
  process.exit(1);
}
