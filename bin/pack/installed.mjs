/** `tidemark` of an installed package: dist/package on this Node, or on the pinned one where this one is too old. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { NODE_MAJOR_MIN, pinnedNodePath, repositoryRoot, runProgram } from '../bootstrap.mjs';

const program = join(repositoryRoot, 'dist', 'package', 'cli', 'main.js');

/** Path of the Node that npm installed beside the kit, as its optional dependency; null when it is not there. */
function pinnedNode() {
  const path = pinnedNodePath(process.platform, process.arch);
  if (path === null) return null;
  try {
    return createRequire(import.meta.url).resolve(path.replaceAll('\\', '/'));
  } catch {
    return null;
  }
}

export async function startInstalled(args) {
  if (!existsSync(program)) {
    process.stderr.write(`tidemark: ${program} is missing; install the package again\n`);
    process.exit(1);
  }
  if (Number(process.versions.node.split('.')[0]) >= NODE_MAJOR_MIN) {
    await import(pathToFileURL(program).href);
    return;
  }
  const node = pinnedNode();
  if (node !== null) {
    runProgram(node, program, args);
    return;
  }
  process.stderr.write(
    `tidemark: this is Node ${process.versions.node}, and ${NODE_MAJOR_MIN} or newer is needed; `
    + 'start it with a newer one, or install the package with its optional dependencies, which bring one\n',
  );
  process.exit(1);
}
