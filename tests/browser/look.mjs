// Opens a page as a person does: nothing may be asked of anybody, nothing may go wrong, nothing may stick out.
//
//     node look.mjs PAGE.html FOLDER     writes light.png, dark.png, phone.png into FOLDER

import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";
import { audit } from "./axe.mjs";

const [page_file, folder] = process.argv.slice(2);
const address = pathToFileURL(page_file).href;
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox"] });
const faults = [];

const sights = [
  { name: "light", colorScheme: "light", viewport: { width: 1280, height: 900 } },
  { name: "dark", colorScheme: "dark", viewport: { width: 1280, height: 900 } },
  { name: "phone", colorScheme: "light", viewport: { width: 390, height: 844 } },
];
for (const { name, ...how } of sights) {
  const context = await browser.newContext(how);
  const page = await context.newPage();
  page.on("request", (request) => {
    const asked = request.url();
    if (asked !== address && !asked.startsWith("data:")) faults.push(`${name}: a request to ${asked}`);
  });
  page.on("console", (message) => {
    if (message.type() === "error") faults.push(`${name}: ${message.text()}`);
  });
  page.on("pageerror", (error) => faults.push(`${name}: ${error}`));
  await page.goto(address, { waitUntil: "load" });
  const [wide, seen] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
  if (wide > seen) faults.push(`${name}: the page is ${wide} wide in a window of ${seen}`);
  const headings = await page.locator("h2").allTextContents();
  if (headings.length < 3) faults.push(`${name}: only ${headings.join(", ")}`);
  const broken = await page.evaluate(() => [...document.images].filter((image) => image.naturalWidth === 0).length);
  if (broken > 0) faults.push(`${name}: ${broken} pictures are broken`);
  for (const fault of await audit(page)) faults.push(`${name}: ${fault}`);
  const smallest = await page.evaluate(() => Math.min(...[...document.querySelectorAll("svg")].map((svg) =>
    svg.getBoundingClientRect().width / svg.viewBox.baseVal.width)));
  if (smallest < 0.99) faults.push(`${name}: a chart is drawn at ${smallest} of its size, so its text is below 12 px`);
  const links = await page.locator("nav a").count();
  if (links !== headings.length) faults.push(`${name}: ${links} links to ${headings.length} sections`);
  if (name !== "phone" && (await page.locator("svg .at").count()) > 0) {
    const stripe = page.locator("svg .at").nth(2);
    await stripe.locator("rect").hover({ force: true });
    const said = stripe.locator("text");
    const seen = await said.evaluate((text) => getComputedStyle(text).visibility);
    if (seen !== "visible" || !/^epoch .*: .*[0-9]/.test(await said.textContent())) faults.push(`${name}: no values on hover`);
    await page.mouse.move(0, 0);
  }
  if (name === "light") {
    await page.emulateMedia({ media: "print" });
    for (const fault of await audit(page)) faults.push(`print: ${fault}`);
    await page.pdf({ path: `${folder}/print.pdf`, format: "A4", printBackground: false });
    await page.emulateMedia({ media: "screen" });
  }
  await page.screenshot({ path: `${folder}/${name}.png`, fullPage: true });
  console.log(`${name}: ${headings.join(", ")}`);
  await context.close();
}
await browser.close();
if (faults.length > 0) {
  console.error(faults.join("\n"));
  process.exit(1);
}
