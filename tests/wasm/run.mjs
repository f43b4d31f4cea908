// node run.mjs MODULE: trains in the module, and compares its bits with those of every other machine.

import { readFileSync } from "node:fs";

const bytes = readFileSync(process.argv[2]);
const { exports } = (await WebAssembly.instantiate(bytes, {})).instance;
const [accuracy, digest, expected] = [exports.accuracy(), exports.digest() >>> 0, exports.expected() >>> 0];
console.log(`${bytes.length} bytes, accuracy ${accuracy}, digest ${digest.toString(16)}, expected ${expected.toString(16)}`);
process.exitCode = digest === expected && accuracy > 0.97 ? 0 : 1;
