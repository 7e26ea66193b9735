#!/usr/bin/env node
/** `node bin/run.mjs FILE ARGS`: installs what is needed on first use, then runs FILE on the pinned Node. */
import { resolve } from 'node:path';
import { start } from './bootstrap.mjs';

const [file, ...args] = process.argv.slice(2);
if (file === undefined) {
  process.stderr.write('tidemark: no file given; usage: node bin/run.mjs FILE [ARGS]\n');
  process.exit(2);
}
start(resolve(file), args);
