// What the page must show for values that a reader has changed: by a calculation of its own, and by `layerloop explain` for the same
// weights in a model file and the same picture in an IDX folder.

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const SIGMA = { identity: (t) => t, tanh: Math.tanh, sigmoid: (t) => 1 / (1 + Math.exp(-t)), relu: (t) => Math.max(t, 0) };

// The outputs of dense layers with softmax or reference softmax; `w` row by row, the bias at the end of a row.
export function forward(trace, x, w) {
  let z = x;
  trace.layers.forEach((layer, i) => {
    const cols = z.length + 1;
    const t = layer.w.map((_, r) => [...z, 1].reduce((sum, v, c) => sum + v * w[i][r * cols + c], 0));
    z = t.map(SIGMA[layer.activation]);
  });
  const logits = trace.output.kind === "softmax" ? z : [...z, 0];
  const powers = logits.map((v) => Math.exp(v - Math.max(...logits)));
  const total = powers.reduce((sum, v) => sum + v, 0);
  return powers.map((power) => power / total);
}

// The snapshot of a page against `layerloop explain`. Its changes are numbers that f32 has; its picture is the sample of the model,
// or has only 0 and 1.
export function rust(check, [layerloop, model, sample], page, what) {
  const folder = mkdtempSync(join(tmpdir(), "layerloop-edited-"));
  const file = join(folder, "edited.safetensors");
  writeFileSync(file, withWeights(readFileSync(model), page.w));
  const binary = page.x.every((v) => v === 0 || v === 1);
  let trace = explained(layerloop, file, binary ? [pictures(folder, page, 255)] : sample);
  const most = Math.max(...trace.x);
  // Whatever a folder's bytes are divided by.
  if (binary && most !== 1) trace = explained(layerloop, file, [pictures(folder, page, Math.round(255 / most))]);
  const near = (name, values, wanted) => {
    const size = wanted.reduce((most, v) => Math.max(most, Math.abs(v)), 1e-9);
    const off = wanted.reduce((worst, v, k) => Math.max(worst, Math.abs(v - values[k])), 0);
    check(values.length === wanted.length && off <= 1e-12 * size, `${what}: ${name} is ${off} off what layerloop says, of ${size}`);
  };
  near("x", page.x, trace.x);
  near("the probabilities", page.outputs, trace.output.probabilities);
  near("the loss", [page.loss], [trace.loss]);
  near("C", page.c, trace.output.c.flat());
  trace.layers.forEach((layer, i) => {
    for (const name of ["t", "z", "q", "p", "b"]) near(`${name}_${i + 1}`, page.layers[i][name], layer[name].flat());
  });
  console.log(`${what}: as layerloop explain says`);
}
function explained(layerloop, file, sample) {
  return JSON.parse(execFileSync(layerloop, ["explain", file, ...sample, "--json"], { maxBuffer: 1 << 28 }).toString());
}
// A model file with other weights in it.
function withWeights(bytes, w) {
  const length = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.subarray(8, 8 + length).toString());
  const put = (name, values) => {
    const [from, to] = header[name].data_offsets;
    if (to - from !== 4 * values.length) throw new Error(`${name} has ${to - from} bytes`);
    values.forEach((v, k) => bytes.writeFloatLE(v, 8 + length + from + 4 * k));
  };
  w.forEach(({ rows, cols, at }, i) => {
    const row = (r) => at.slice(r * cols, (r + 1) * cols);
    const all = Array.from({ length: rows }, (_, r) => row(r));
    put(`layers.${i}.weight`, all.flatMap((values) => values.slice(0, -1)));
    put(`layers.${i}.bias`, all.map((values) => values[cols - 1]));
  });
  return bytes;
}
// An IDX folder whose rows are the picture of the page, with its class.
function pictures(folder, page, white) {
  const data = join(folder, "data");
  mkdirSync(data, { recursive: true });
  const side = Math.sqrt(page.x.length);
  const idx = (kind, sizes, bytes) => {
    const head = Buffer.alloc(4 + 4 * sizes.length);
    [0x800 + sizes.length, ...sizes].forEach((v, k) => head.writeUInt32BE(v, 4 * k));
    for (const part of ["train", "t10k"]) writeFileSync(join(data, `${part}-${kind}`), Buffer.concat([head, Buffer.from(bytes)]));
  };
  idx("images-idx3-ubyte", [2, side, side], [...page.x, ...page.x].map((v) => v * white));
  idx("labels-idx1-ubyte", [2], [page.y.indexOf(1), page.y.indexOf(1)]);
  return data;
}
