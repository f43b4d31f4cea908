// Whether Netron reads ONNX files, without an error or a warning: node netron.mjs FOLDER_OF_NETRON FILE...
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [folder, ...files] = process.argv.slice(2);
const module = (name) => import(pathToFileURL(join(folder, name)).href);
globalThis.window ??= globalThis;
globalThis.document ??= { documentElement: { style: {} }, addEventListener() {}, body: {} };
const { ModelFactoryService } = await module('view.js');
const base = await module('base.js');

const said = [];
const host = {
    environment: () => null,
    event() {},
    exception: (error) => said.push(error.message),
    message: (text) => said.push(text),
    require: (id) => module(`${id}.js`),
    request: (file) => readFile(join(folder, file), 'utf-8')
};
const service = new ModelFactoryService(host);
for (const file of files) {
    const bytes = new Uint8Array(await readFile(file));
    const stream = new base.BinaryStream(bytes);
    const context = {
        identifier: basename(file),
        stream,
        entries: new Map(),
        request: (name, encoding) => readFile(join(folder, name), encoding ?? null),
        require: host.require,
        error: (error) => said.push(error.message)
    };
    const model = await service.open(context);
    const graph = (model.modules ?? model.graphs)[0];
    const nodes = graph.nodes.length;
    const unknown = graph.nodes.filter((node) => !node.type || !node.type.name);
    if (nodes === 0 || unknown.length > 0) said.push(`${file}: ${nodes} nodes, ${unknown.length} without a type`);
}
console.log(`${files.length} files in Netron, ${said.length} warnings`);
said.forEach((text) => console.error(text));
process.exit(said.length > 0 ? 1 : 0);
