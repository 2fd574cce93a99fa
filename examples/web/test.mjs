// The module and the page's code in Node: a digit, a story, and how drawings become images.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { argv } from "node:process";

import { likeMnist, load } from "./page.js";

const bytes = await readFile(argv[2]);
const networks = await load(bytes);

// A five, as MNIST has it, and the same five times as large, as somebody draws it.
const file = await readFile(new URL("../microcontroller/digit.pgm", import.meta.url));
const pixels = Float32Array.from(file.subarray(13), (byte) => byte / 255);
const best = (probabilities) => probabilities.indexOf(Math.max(...probabilities));
const probabilities = networks.classify(pixels);
assert.equal(best(probabilities), 5);
assert.ok(Math.abs(probabilities.reduce((sum, x) => sum + x) - 1) < 1e-5);

const side = 140;
const large = Float32Array.from({ length: side * side }, (_, i) => {
  const [x, y] = [i % side, Math.floor(i / side)];
  return pixels[Math.floor(y / 5) * 28 + Math.floor(x / 5)];
});
assert.equal(best(networks.classify(likeMnist(large, side))), 5);
assert.ok(likeMnist(new Float32Array(side * side), side).every((x) => x === 0));

// The story is that of llama2.c, byte for byte: 200 tokens from the start.
const expected = await readFile(
  new URL("../data/stories260k/expected.txt", import.meta.url),
  "utf8",
);
let story = "";
for (const piece of networks.story("")) {
  story += piece;
  if (story.length >= expected.length) break;
}
assert.equal(story, expected);

// The same seed tells the same story, another one another.
const told = (seed) => [...networks.story("Lily found a red ball", seed)].join("");
assert.equal(told(7), told(7));
assert.notEqual(told(7), told(8));
assert.match(told(7), /Lily found a red ball/);

const start = performance.now();
const count = [...networks.story("", 1)].length;
const milliseconds = performance.now() - start;
console.log(`${bytes.length} bytes, ${Math.round((1000 * count) / milliseconds)} tokens per second`);
