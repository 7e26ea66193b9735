/**
 * The referee: code that is not ours (Go's sumdb/note and sumdb/tlog, transparency-dev's formats and merkle; see
 * tools/referee) verifies what this folder writes, refuses it when it is tampered with, and writes what this folder has
 * to verify.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  addSignatures, bundleLeafHashes, bundlePath, cosign, decideAddCheckpoint, decodeBundle, formatAddCheckpoint, formatPolicy,
  formatProof, Frontier, generateSigner,
  openWitnessed, parseAddCheckpoint, parsePolicy, parseVerifier, rangeProof, rootAt, signCheckpoint, tilePath, tilesOf,
  tileWidth, TILE_WIDTH, Tree,
  verifyProof, verifyRange, consistencyProof, inclusionProof, encodeBundle, type TileReader,
} from './index.ts';
import { flipped, positions, sampleEntries, sampler, testSeed, TileStore } from './testing.ts';

const source = join(import.meta.dirname, '../../tools/referee');
const goMissing = spawnSync('go', ['version']).status !== 0;
// On a developer's machine without Go this suite is left out, and says so; in CI it has to run.
const skipped = goMissing && process.env['CI'] !== 'true';
if (skipped) console.warn('referee.test.ts: skipped, because the tool `go` is not installed (https://go.dev/dl)');

const SIZES = [0, 1, 2, 3, 255, 256, 257, 1_000, 65_536 + 300];
const SIZES_MADE_IN_GO = [1, 2, 255, 256, 257, 65_536 + 300];
const SEED = 1_962;

const folder = mkdtempSync(join(tmpdir(), 'tidemark-referee-'));
const program = join(folder, process.platform === 'win32' ? 'referee.exe' : 'referee');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(dir: string, path: string, data: string | Uint8Array): void {
  mkdirSync(dirname(join(dir, path)), { recursive: true });
  writeFileSync(join(dir, path), data);
}

/** Writes a log of `size` entries and proofs of it, in the layout that tools/referee/main.go describes. */
async function writeFolder(dir: string, size: number): Promise<void> {
  const entries = sampleEntries(size);
  const tree = Tree.empty();
  const store = new TileStore();
  // In uneven steps, as a log grows.
  for (let at = 0, step = 1; at < size; at += step, step = Math.min(step * 3 + 1, 5_000)) {
    tree.appendMany(bundleLeafHashes(encodeBundle(entries.slice(at, at + step))).hashes);
    store.put(tree.takeDirtyTiles());
  }
  const origin = `example.com/log-of-${size}`;
  const { signer } = generateSigner(origin, 'ed25519', testSeed(1));
  const witnesses = [2, 3].map((n) => generateSigner(`example.com/witness/${n}`, 'cosignature/v1', testSeed(n)).signer);
  let checkpoint = await signCheckpoint({ origin, size, root: tree.root() }, signer);
  for (const [i, witness] of witnesses.entries()) {
    checkpoint = addSignatures(checkpoint, await cosign(checkpoint, witness, 1_790_000_000 + i));
  }
  write(dir, 'vkey', `${signer.vkey}\n`);
  write(dir, 'cosigners', witnesses.map((w) => `${w.vkey}\n`).join(''));
  write(dir, 'policy', formatPolicy({
    logs: [{ verifier: parseVerifier(signer.vkey) }],
    witnesses: witnesses.map((w, i) => ({ name: `w${i}`, verifier: parseVerifier(w.vkey), url: `https://w${i}.example.com/` })),
    groups: [{ name: 'both', threshold: 2, members: ['w0', 'w1'] }],
    quorum: 'both',
  }));
  write(dir, 'checkpoint', checkpoint);
  for (const { level, index, width } of tilesOf(size)) {
    write(dir, tilePath(level, index, width), store.read(level, index, width));
    if (level === 0) {
      write(dir, bundlePath(index, width), encodeBundle(entries.slice(index * TILE_WIDTH, index * TILE_WIDTH + width)));
    }
  }
  for (const kind of ['inclusion', 'consistency', 'range']) mkdirSync(join(dir, kind), { recursive: true });
  const pick = sampler(SEED + size);
  for (const index of positions(size, pick)) {
    const extraData = index % 2 === 0 ? {} : { extraData: Buffer.from(`extra data of ${index}`) };
    write(
      dir, `inclusion/${index}.tlog-proof`,
      formatProof({ index, proof: inclusionProof(index, size, store.read), checkpoint, ...extraData }),
    );
  }
  const sizes = positions(size + 1, pick);
  for (const old of sizes) {
    write(
      dir, `consistency/${old}`,
      formatAddCheckpoint({ oldSize: old, proof: consistencyProof(old, size, store.read), checkpoint }),
    );
  }
  for (const start of sizes) {
    const end = start + pick(size - start + 1);
    write(
      dir, `range/${start}-${end}`, rangeProof(start, end, size, store.read).map((h) => `${h.toString('base64')}\n`).join(''),
    );
  }
}

/** What the referee says of each folder: '' when all is well, else the reason. */
function verdicts(dirs: readonly string[]): Map<string, string> {
  const run = spawnSync(program, ['verify', ...dirs], { encoding: 'utf8' });
  const verdict = new Map(run.stdout.trimEnd().split('\n').map((line): [string, string] => {
    const [, result = '', dir = '', reason = ''] = /^(ok|bad) (\S+?):? (.*)$/.exec(line) ?? [];
    return [dir, result === 'ok' ? '' : `bad: ${reason}`];
  }));
  expect([...verdict.keys()], run.stderr).toEqual(dirs);
  expect(run.status).toBe([...verdict.values()].every((v) => v === '') ? 0 : 1);
  return verdict;
}

const filesOf = (dir: string): string[] =>
  readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((f) => f.isFile()).map((f) => join(f.parentPath, f.name)).sort();

describe.skipIf(skipped)('the referee in Go', () => {
  beforeAll(() => {
    const build = spawnSync('go', ['build', '-o', program, '.'], { cwd: source, encoding: 'utf8' });
    if (build.status !== 0) throw new Error(`go build in tools/referee failed: ${build.error?.message ?? build.stderr}`);
  }, 300_000);

  it(`verifies checkpoints, cosignatures, policies, tiles and proofs made here, of sizes ${SIZES.join(', ')}`, async () => {
    const dirs = SIZES.map((size) => join(folder, `ours-${size}`));
    for (const [i, dir] of dirs.entries()) await writeFolder(dir, SIZES[i]!);
    for (const [dir, verdict] of verdicts(dirs)) expect(verdict, basename(dir)).toBe('');
  });

  it(`refuses them with one bit of a file turned, a file of the log missing, or one too many (seed ${SEED})`, async () => {
    const original = join(folder, 'original');
    await writeFolder(original, 259);
    const files = filesOf(original);
    const pick = sampler(SEED);
    const dirs: string[] = [];
    const spoil = (how: (dir: string) => void): void => {
      const dir = join(folder, `spoiled-${dirs.length}`);
      cpSync(original, dir, { recursive: true });
      how(dir);
      dirs.push(dir);
    };
    const told = new Map<string, string>();
    for (const file of files) {
      const name = file.slice(original.length + 1);
      const length = statSync(file).size;
      // Names and URLs in a policy mean nothing outside of it, and extra data in a receipt is not authenticated.
      for (let n = 0; n < (length === 0 || name === 'policy' ? 0 : name.includes('.tlog-proof') ? 2 : 1); n += 1) {
        const text = readFileSync(file);
        const at = name.startsWith('inclusion') && text.includes('\nextra ') ? text.indexOf('\nindex ') + 1 : 0;
        const bit = at * 8 + pick((length - at - 1 || 1) * 8);
        spoil((dir) => writeFileSync(join(dir, name), flipped(text, bit)));
        told.set(dirs.at(-1)!, `${name}, bit ${bit}`);
      }
      if (/^(inclusion|consistency|range)\//.test(name)) continue;
      spoil((dir) => rmSync(join(dir, name)));
      told.set(dirs.at(-1)!, `${name} missing`);
    }
    spoil((dir) => write(dir, 'tile/0/002.p/1', Buffer.alloc(32)));
    told.set(dirs.at(-1)!, 'a tile too many');
    const cosigned = readFileSync(join(original, 'checkpoint'), 'utf8');
    spoil((dir) => write(dir, 'checkpoint', cosigned.split('\n').filter((l) => !l.includes('witness/3')).join('\n')));
    told.set(dirs.at(-1)!, 'a cosignature missing');
    for (const [dir, verdict] of verdicts(dirs)) expect(verdict, told.get(dir)).toMatch(/^bad: /);
  });

  it(`makes logs of sizes ${SIZES_MADE_IN_GO.join(', ')} whose checkpoints, policies, tiles and proofs verify here`, () => {
    for (const size of SIZES_MADE_IN_GO) {
      const dir = join(folder, `theirs-${size}`);
      const made = spawnSync(program, ['make', dir, String(size)], { encoding: 'utf8' });
      expect(made.status, made.stderr).toBe(0);
      const read = (path: string): Buffer => readFileSync(join(dir, path));
      const policy = parsePolicy(read('policy'));
      const note = read('checkpoint').toString();
      const checkpoint = openWitnessed(note, policy);
      expect(checkpoint).toMatchObject({ origin: 'example.com/made-in-go', size, witnesses: ['w1', 'w2'] });

      const frontier = Frontier.empty();
      const bundles = Array.from({ length: Math.ceil(size / TILE_WIDTH) }, (_, i) => read(bundlePath(i, tileWidth(size, 0, i))));
      const hashes = Buffer.concat(bundles.map((b) => bundleLeafHashes(b).hashes));
      frontier.appendMany(hashes);
      expect(frontier.size).toBe(size);
      expect(frontier.root()).toEqual(checkpoint.root);
      const readTile: TileReader = (level, index, width) =>
        read(tilePath(level, index, tileWidth(size, level, index))).subarray(0, width * 32);
      expect(rootAt(size, readTile)).toEqual(checkpoint.root);
      expect(Tree.restore(size, readTile).root()).toEqual(checkpoint.root);

      for (const file of readdirSync(join(dir, 'inclusion'))) {
        const receipt = read(`inclusion/${file}`);
        const index = Number.parseInt(file, 10);
        const entry = decodeBundle(bundles[Math.floor(index / TILE_WIDTH)]!)[index % TILE_WIDTH]!;
        expect(entry.toString()).toBe(`entry ${index}`);
        const verified = verifyProof(receipt, { entry }, policy);
        expect(verified.index).toBe(index);
        expect(formatProof({
          index, proof: inclusionProof(index, size, readTile), checkpoint: note,
          ...(verified.extraData === undefined ? {} : { extraData: verified.extraData }),
        })).toBe(receipt.toString());
      }
      for (const old of readdirSync(join(dir, 'consistency')).map(Number)) {
        const body = read(`consistency/${old}`).toString();
        const state = { size: old, root: rootAt(old, readTile) };
        expect(decideAddCheckpoint(state, parseAddCheckpoint(body), policy.logs[0]!.verifier))
          .toMatchObject({ ok: true, newState: { size } });
        expect(formatAddCheckpoint({ oldSize: old, proof: consistencyProof(old, size, readTile), checkpoint: note })).toBe(body);
      }
      for (const file of readdirSync(join(dir, 'range'))) {
        const [start, end] = file.split('-').map(Number) as [number, number];
        const proof = read(`range/${file}`).toString().split('\n').slice(0, -1).map((line) => Buffer.from(line, 'base64'));
        verifyRange(hashes.subarray(start * 32, end * 32), start, size, proof, checkpoint.root);
        expect(rangeProof(start, end, size, readTile)).toEqual(proof);
      }
    }
  });
});
