// The walk through the layer loops, as a person goes through it: to the end by the arrow keys, with the numbers of the trace at
// every step; a number is changed, a step is taken, all is undone; nothing is asked of anybody and nothing goes wrong.
//
//     node walk.mjs PAGE.html TRACE.json FOLDER     writes light.png, dark.png, phone.png and walk.pdf into FOLDER

import { readFileSync, statSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const [file, trace_file, folder] = process.argv.slice(2);
const trace = JSON.parse(readFileSync(trace_file, "utf8"));
const address = pathToFileURL(file).href;
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
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

const sights = [
  { name: "light", colorScheme: "light", viewport: { width: 1280, height: 900 } },
  { name: "dark", colorScheme: "dark", viewport: { width: 1280, height: 900 } },
  { name: "phone", colorScheme: "light", viewport: { width: 390, height: 844 } },
];
for (const { name: sight, ...how } of sights) {
  const context = await browser.newContext(how);
  const page = await context.newPage();
  page.on("request", (request) => {
    const asked = request.url();
    check(asked === address || asked.startsWith("data:"), `${sight}: a request to ${asked}`);
  });
  page.on("console", (message) => check(message.type() !== "error", `${sight}: ${message.text()}`));
  page.on("pageerror", (error) => check(false, `${sight}: ${error}`));
  await page.goto(address, { waitUntil: "load" });

  const compared = new Set();
  const count = await page.evaluate(() => window.layerloop.walk.length);
  for (let step = 0; step < count; step++) {
    check((await page.locator("#place").textContent()) === `${step + 1} of ${count}`, `${sight}: lost at step ${step + 1}`);
    const seen = await page.evaluate(() =>
      [...document.querySelectorAll("#step figure[data-name]")].map((f) => [f.dataset.name, [...f.numbers.at]]));
    for (const [name, numbers] of seen) if (compare(name, numbers)) compared.add(name);
    check((await page.locator("#step .katex").count()) > 0, `${sight}: no formula at step ${step + 1}`);
    check((await page.locator(".katex-error").count()) === 0, `${sight}: a broken formula at step ${step + 1}`);
    const [wide, window_width] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
    check(wide <= window_width, `${sight}: step ${step + 1} is ${wide} wide in a window of ${window_width}`);
    if (step === 5) await page.screenshot({ path: `${folder}/${sight}.png`, fullPage: true });
    await page.keyboard.press("ArrowRight");
  }
  const all = Object.keys(known).filter((name) => known[name] !== null);
  check(all.every((name) => compared.has(name)), `${sight}: never shown: ${all.filter((name) => !compared.has(name))}`);

  // A step down the gradient makes the loss smaller, and what was done can be undone.
  const loss = () => page.evaluate(() => window.layerloop.pass().loss);
  const before = await loss();
  await page.locator("#take").click();
  check((await loss()) < before, `${sight}: the loss did not fall from ${before}: ${await loss()}`);
  await page.getByRole("button", { name: "Undo all changes" }).click();
  check((await loss()) === before, `${sight}: not undone`);
  // An input is changed by hand, from the keyboard alone.
  await page.locator("#value").fill("0.25");
  const x = await page.evaluate(() => window.layerloop.net.x[0]);
  check(x === 0.25 && (await loss()) !== before || trace.layers[0].q[0] === 0, `${sight}: x_1 is ${x}`);
  // The heat maps say their entries.
  await page.keyboard.press("Escape");
  await page.locator("h1").click();
  await page.keyboard.press("Home");
  await page.keyboard.press("ArrowRight");
  const canvas = page.locator("#step .map canvas").first();
  if (await canvas.count()) {
    await canvas.focus();
    await page.keyboard.press("ArrowRight");
    const said = await page.locator("#step figcaption ~ output").first().textContent();
    check(/column 2: |entry 1: /.test(said), `${sight}: the heat map says ${said}`);
  }
  if (sight === "light") await page.pdf({ path: `${folder}/walk.pdf`, format: "A4", landscape: true });
  console.log(`${sight}: ${count} steps, ${compared.size} objects equal those of the trace`);
  await context.close();
}
await browser.close();
if (faults.length > 0) {
  console.error([...new Set(faults)].join("\n"));
  process.exit(1);
}
