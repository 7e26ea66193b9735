/**
 * An auditor's bundle: every log in the published layout, beside the keys, the policies and a manifest. It is put together
 * in `<DIR>.partial`, so that DIR is whole or not there, and an export that was cut off goes on where it stopped.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { POLICY_DIGEST } from '../../services/protocol/grammar.ts';
import {
  bundlePath, decodeBundle, parseTrust, TILE_WIDTH, tileWidth, type Checkpoint, type Trust, type TrustFile,
} from '../../services/transparency/index.ts';
import { openLogCheckpoint, logNames } from '../verify/folder.ts';
import { filesOf } from '../verify/index.ts';
import { logFiles, verifyLog } from '../verify/log.ts';
import { fileOf, MANIFEST, renderManifest, type ManifestLog } from '../verify/manifest.ts';
import { logPolicies, vkeyFiles, witnessFiles } from '../verify/policies.ts';
import { Findings } from '../verify/report.ts';

/** Where a log's bytes come from. */
export interface LogSource {
  /** Its newest checkpoint; null while it has none. Files are then asked for as of that checkpoint. */
  checkpoint(): Promise<string | null>;
  /** A tile or entry bundle by its path in tlog-tiles. */
  file(path: string): Promise<Buffer>;
  /** Of an edge node: a decision policy by its digest. */
  policy?(digest: string): Promise<string>;
}

export interface ExportOptions {
  /** Text of the platform's trust.json. */
  readonly trust: string;
  /** By name: `global`, `region-<id>`, `edge-<id>`. A log without a source is left out, and the manifest and the result say so. */
  readonly sources: ReadonlyMap<string, LogSource>;
  /** Version of this program. */
  readonly version: string;
  readonly now: () => Date;
  /** Replace an earlier export. */
  readonly force?: boolean;
  readonly onProgress?: (log: string, done: number, total: number) => void;
}

export interface Exported {
  readonly dir: string;
  readonly logs: readonly ManifestLog[];
  readonly files: number;
  readonly bytes: number;
  /** Logs of trust.json that are not in the export, and why. */
  readonly left: readonly string[];
}

export class ExportError extends Error {
  override readonly name = 'ExportError';
}

const CONCURRENT = 16;
const namedPolicy = new RegExp(`"policy":"(${POLICY_DIGEST})"`);

/** @throws ExportError, and what the sources throw; DIR is then as it was */
export async function writeExport(dir: string, o: ExportOptions): Promise<Exported> {
  checkTarget(dir, o.force === true);
  const partial = `${dir.replace(/[/\\]+$/, '')}.partial`;
  mkdirSync(partial, { recursive: true });
  const trust = parseTrust(o.trust);
  const trustFile = JSON.parse(o.trust) as TrustFile;
  const wanted = new Set<string>();
  const put = (path: string, bytes: Uint8Array | string): void => {
    wanted.add(path);
    const target = join(partial, path);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(`${target}.new`, bytes);
    renameSync(`${target}.new`, target);
  };

  const logs: ManifestLog[] = [];
  const left: string[] = [];
  const taken: { name: string; note: string; checkpoint: Checkpoint; source: LogSource }[] = [];
  // The global log first, then the regions', then the edge nodes': what an earlier one speaks of, a later one has.
  const names = logNames(trust).sort((a, b) => rank(a) - rank(b));
  for (const name of names) {
    const source = o.sources.get(name);
    const note = source === undefined ? null : await source.checkpoint();
    if (source === undefined || note === null) {
      left.push(`${name}: ${source === undefined ? 'nobody serves this log now' : 'the log has no checkpoint yet'}`);
      continue;
    }
    taken.push({ name, note, checkpoint: open(note, name, trust), source });
  }
  for (const { name, note, checkpoint, source } of taken) {
    const files = [...logFiles(checkpoint.size)];
    let done = 0;
    await each(files, CONCURRENT, async (path) => {
      const place = `logs/${name}/${path}`;
      // What a cut-off export has already is kept; it is checked below like everything else.
      if (existsSync(join(partial, place))) wanted.add(place);
      else put(place, await source.file(path));
      done += 1;
      o.onProgress?.(name, done, files.length);
    });
    put(`logs/${name}/checkpoint`, note);
    logs.push({ name, origin: checkpoint.origin, size: checkpoint.size, root: Buffer.from(checkpoint.root).toString('base64') });
    const reader = filesOf(partial);
    const found = new Findings();
    verifyLog(reader, `logs/${name}`, name, checkpoint, found);
    const [failure] = found.report('export').failures;
    if (failure !== undefined) {
      if (!failure.file.endsWith('/checkpoint')) rmSync(join(partial, failure.file), { force: true });
      throw new ExportError(`${failure.file}: ${failure.what}; nothing was exported. Run it again: the file will be `
        + `fetched anew`);
    }
  }
  for (const [digest, source] of policiesOf(partial, taken)) {
    if (source.policy === undefined) throw new ExportError(`the source of an edge log cannot say what policy ${digest} is`);
    put(`policies/${digest}.json`, await source.policy(digest));
  }
  const has = (path: string): boolean => !path.startsWith('logs/') || logs.some((l) => path.startsWith(`logs/${l.name}/`));
  for (const [path, text] of [...vkeyFiles(trustFile), ...logPolicies(trustFile), ...witnessFiles(trustFile)]) {
    if (has(path)) put(path, text);
  }
  put('trust.json', o.trust);
  put('README.txt', README);

  // Leftovers of an export that was cut off at other log sizes.
  const reader = filesOf(partial);
  for (const path of reader.list()) if (!wanted.has(path)) rmSync(join(partial, path));
  const files = [...wanted].sort().map((path) => fileOf(path, reader.read(path)));
  writeFileSync(join(partial, MANIFEST), renderManifest({
    format: 'tidemark-export/v1', tidemark: o.version, createdAt: o.now().toISOString(), origin: trust.origin,
    what: `the signed logs of a Tidemark platform in tlog-tiles layout${left.length === 0 ? '' : `; left out: ${left.join('; ')}`}`, logs, files,
  }));
  removeEmpty(partial);
  moveIntoPlace(partial, dir);
  return { dir, logs, files: files.length + 1, bytes: files.reduce((sum, f) => sum + f.size, 0), left };
}

const rank = (name: string): number => (name === 'global' ? 0 : name.startsWith('region-') ? 1 : 2);

function open(note: string, name: string, trust: Trust): Checkpoint {
  try {
    return openLogCheckpoint(note, name, trust);
  } catch (error) {
    throw new ExportError(`the checkpoint that is served for ${name} does not count: `
      + `${(error as Error).message}`, { cause: error });
  }
}

function checkTarget(dir: string, force: boolean): void {
  if (!existsSync(dir)) return;
  const names = readdirSync(dir);
  if (names.length === 0) return;
  if (!force) throw new ExportError(`${dir} is not empty; name another folder, or replace an earlier export with --force`);
  if (!names.includes(MANIFEST)) {
    throw new ExportError(`${dir} is not empty and not an export (it has no ${MANIFEST}); --force replaces exports only`);
  }
}

function moveIntoPlace(partial: string, dir: string): void {
  if (!existsSync(dir)) {
    renameSync(partial, dir);
    return;
  }
  if (readdirSync(dir).length === 0) {
    rmdirSync(dir);
    renameSync(partial, dir);
    return;
  }
  const old = `${dir.replace(/[/\\]+$/, '')}.replaced`;
  rmSync(old, { recursive: true, force: true });
  renameSync(dir, old);
  renameSync(partial, dir);
  rmSync(old, { recursive: true });
}

/** Digests of the policies that decisions name, each with an edge log that names it. */
function policiesOf(
  partial: string, taken: readonly { name: string; checkpoint: Checkpoint; source: LogSource }[],
): Map<string, LogSource> {
  const out = new Map<string, LogSource>();
  for (const { name, checkpoint, source } of taken) {
    if (!name.startsWith('edge-')) continue;
    for (let first = 0; first < checkpoint.size; first += TILE_WIDTH) {
      const index = first / TILE_WIDTH;
      for (const entry of decodeBundle(
        readFileSync(join(partial, 'logs', name, bundlePath(index, tileWidth(checkpoint.size, 0, index)))),
      )) {
        const digest = namedPolicy.exec(entry.toString('latin1'))?.[1];
        if (digest !== undefined && !out.has(digest)) out.set(digest, source);
      }
    }
  }
  return out;
}

function removeEmpty(dir: string): void {
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const path = join(dir, entry.name);
    removeEmpty(path);
    if (readdirSync(path).length === 0) rmdirSync(path);
  }
}

/** Runs `work` for every item, `concurrent` at a time; the first error ends it. */
export async function each<T>(items: readonly T[], concurrent: number, work: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  let failed = false;
  await Promise.all(Array.from({ length: Math.min(concurrent, items.length) }, async () => {
    while (next < items.length && !failed) {
      const item = items[next]!;
      next += 1;
      try {
        await work(item);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  }));
}

const README = `This is an export of a Tidemark platform: its signed logs, and what is needed to check them without the platform.

  manifest.json        every file with its size and SHA-256; its last field is the SHA-256 of the manifest without that field
  trust.json           the public keys of the platform; compare them with a copy that you have from elsewhere
  logs/<name>/         a log as C2SP tlog-tiles lays it out: checkpoint, tile/..., tile/entries/...; beside it its public key
                       (vkey) and the C2SP tlog-policy for its checkpoints (policy)
  witnesses/           the public keys of the cosigners
  policy               the tlog-policy of the global log: for receipts
  policies/            the policies under which edge nodes decided, by digest

global is the log of outcomes; region-<id> the order of a region's batches; edge-<id> the decisions of an edge node.
\`tidemark verify <this folder>\` recomputes all of it. docs/protocol.md says what can be checked and how with other tools.
`;
