// The engine of a page against the trace: the same sample through the same network, for one activation or loss after the other.
//
//     node engine.mjs FOLDER     reads NAME.html and NAME.json for each name in it

import { readFileSync, readdirSync } from "node:fs";

const folder = process.argv[2];
const names = readdirSync(folder).filter((name) => name.endsWith(".html")).map((name) => name.slice(0, -5));
const faults = [];
for (const name of names) {
  const page = readFileSync(`${folder}/${name}.html`, "utf8");
  const trace = JSON.parse(readFileSync(`${folder}/${name}.json`, "utf8"));
  const data = JSON.parse(page.match(/<script type="application\/json" id="data">(.*?)<\/script>/s)[1]);
  const engine = page.slice(page.indexOf("// The derivation in f64"), page.indexOf("// The walk through the layer loops"));
  const { opened, pass } = await import(`data:text/javascript,${encodeURIComponent(`${engine}\nexport { opened, pass };`)}`);
  const net = opened(data);
  const seen = pass(net, net.x, net.y);
  const near = (what, values, wanted) => {
    const size = wanted.reduce((most, v) => Math.max(most, Math.abs(v ?? 0)), 1e-9);
    const off = wanted.reduce((worst, v, k) => Math.max(worst, v === null ? 0 : Math.abs(v - values[k])), 0);
    if (!(values.length === wanted.length && off <= 1e-12 * size)) faults.push(`${name}: ${what} is ${off} off, of ${size}`);
  };
  near("loss", [seen.loss], [trace.loss]);
  near("q_loss", seen.qLoss, trace.q_loss);
  near("q_logits", seen.qLogits, trace.output.q_logits);
  near("C", seen.c().at, trace.output.c.flat());
  near("outputs", seen.outputs, trace.output.probabilities);
  trace.layers.forEach((layer, i) => {
    near(`t_${i + 1}`, seen.layers[i].t, layer.t);
    near(`z_${i + 2}`, seen.layers[i].zNext, layer.z_next);
    near(`sigma'_${i + 1}`, seen.layers[i].sigmaPrime, layer.a_factors.sigma_prime);
    if (layer.a) near(`A_${i + 1}`, seen.layers[i].a().at, layer.a.flat());
    near(`B_${i + 1}`, seen.layers[i].b().at, layer.b.flat());
    near(`p_${i + 1}`, seen.layers[i].p().at, layer.p.flat());
    near(`q_${i + 1}`, seen.layers[i].q, layer.q);
  });
}
console.log(`${names.length} networks: ${names.join(", ")}`);
if (names.length < 30) faults.push(`only ${names.length} networks`);
if (faults.length > 0) {
  console.error(faults.join("\n"));
  process.exit(1);
}
