// What every page must hold for every reader: no violation that axe finds, no text below 12 px, a contrast of at least 4.5.
//
//     for (const fault of await audit(page)) ...

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

// The faults of an open page, in the medium and the colour scheme that it has now.
export async function audit(page) {
  await page.evaluate(axe);
  return page.evaluate(async () => {
    // Large text has to be as readable as small text.
    const ratio = { normal: { expected: 4.5, minThreshold: 0 }, large: { expected: 4.5, minThreshold: 0 } };
    window.axe.configure({ checks: [{ id: "color-contrast", options: { contrastRatio: ratio } }] });
    const { violations } = await window.axe.run(document, { resultTypes: ["violations"] });
    const faults = violations.flatMap(({ id, help, nodes }) =>
      nodes.slice(0, 3).map((node) => `axe: ${id}: ${help}: ${node.html.slice(0, 160)} ${node.any[0]?.message ?? ""}`));

    const rgb = (colour) => colour.match(/[\d.]+/g).map(Number);
    const luminance = (colour) => {
      const [r, g, b] = rgb(colour).map((v) => (v / 255 <= 0.03928 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const contrast = (a, b) => {
      const [dark, light] = [luminance(a), luminance(b)].sort((a, b) => a - b);
      return (light + 0.05) / (dark + 0.05);
    };
    // Without a background of its own, paper is white.
    const ground = getComputedStyle(document.body).backgroundColor.replace("rgba(0, 0, 0, 0)", "rgb(255, 255, 255)");

    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const sizes = new Set();
    while (texts.nextNode()) {
      const text = texts.currentNode.data.trim();
      const element = texts.currentNode.parentElement;
      const range = document.createRange();
      range.selectNodeContents(texts.currentNode);
      const box = range.getBoundingClientRect();
      // What no one sees has no size: styles, scripts, and what is only for a screen reader.
      if (text === "" || box.width <= 1 || box.height <= 1 || element.closest("script, style, .katex-mathml")) continue;
      if (!element.checkVisibility({ visibilityProperty: true })) continue;
      const style = getComputedStyle(element);
      // A drawing may be shown smaller than it is written.
      const scale = element.closest("svg") ? element.getScreenCTM().a : 1;
      const size = parseFloat(style.fontSize) * scale;
      // The letters that KaTeX draws as signs between zero-width spaces are no text.
      if (size < 11.99 && /[\p{L}\p{N}]/u.test(text)) sizes.add(`text of ${size.toFixed(1)} px: ${text.slice(0, 60)}`);
      // axe measures no text in SVG.
      if (element.closest("svg") && style.fill.startsWith("rgb") && contrast(style.fill, ground) < 4.5) {
        sizes.add(`contrast ${contrast(style.fill, ground).toFixed(2)} in a drawing: ${text.slice(0, 60)}`);
      }
    }
    return [...faults, ...sizes];
  });
}
