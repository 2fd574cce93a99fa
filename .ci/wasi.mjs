// Runs a program of WebAssembly with the interface of WASI, as a runner of cargo:
//
//   CARGO_TARGET_WASM32_WASIP1_RUNNER='node .ci/wasi.mjs' cargo test --target wasm32-wasip1
//
// The program sees the variables of the environment, and no files.

import { readFile } from "node:fs/promises";
import process, { argv, env } from "node:process";
import { WASI } from "node:wasi";

const [, , program, ...rest] = argv;
const wasi = new WASI({ version: "preview1", args: [program, ...rest], env, returnOnExit: true });
const module = await WebAssembly.compile(await readFile(program));
const instance = await WebAssembly.instantiate(module, wasi.getImportObject());
process.exitCode = wasi.start(instance);
