import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { EMPTY_LOCK, formatLock, isDigest, LockError, parseLock, readLock, writeLock, type Digest, type ImageLock } from './lock.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidemark-lock-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const digest = (n: number): Digest => `sha256:${n.toString(16).padStart(64, '0')}`;
const lock: ImageLock = {
  built: {
    'tidemark/edge-node': {
      digest: digest(1), source: digest(2), version: '0.1.0', platforms: { 'linux/amd64': { digest: digest(1), size: 5, base: digest(3), sbom: digest(4) } },
    },
  },
  pinned: { nats: { repository: 'public.ecr.aws/docker/library/nats', digest: digest(5), tag: '2.12' } },
};
const mistakes = (change: (value: ReturnType<typeof plain>) => void): string => {
  const value = plain();
  change(value);
  try {
    parseLock(JSON.stringify(value), 'images.lock.json');
  } catch (error) {
    if (error instanceof LockError) return error.message;
    throw error;
  }
  return '';
};
// oxlint-disable-next-line typescript/no-explicit-any
const plain = (): any => JSON.parse(formatLock(lock));

describe('the text of a lock', () => {
  const anyDigest = fc.nat().map(digest);
  const platforms = fc.dictionary(fc.constantFrom('linux/amd64', 'linux/arm64'), fc.record({ digest: anyDigest, size: fc.integer({ min: 1 }), base: anyDigest, sbom: anyDigest }), { minKeys: 1 });
  const name = fc.stringMatching(/^[a-z][a-z0-9/-]{0,20}$/);
  const locks: fc.Arbitrary<ImageLock> = fc.record({
    built: fc.dictionary(name, fc.record({ digest: anyDigest, source: anyDigest, version: fc.stringMatching(/^[0-9.]{1,8}$/), platforms })),
    pinned: fc.dictionary(name, fc.record({ repository: fc.constant('example.com/a'), digest: anyDigest })),
  });

  test('is read as it was written, and does not depend on the order of what is in it', () => {
    fc.assert(fc.property(locks, (l) => {
      const text = formatLock(l);
      expect(parseLock(text, 'x')).toEqual(JSON.parse(JSON.stringify(l)));
      const turned = { built: Object.fromEntries(Object.entries(l.built).reverse()), pinned: Object.fromEntries(Object.entries(l.pinned).reverse()) };
      expect(formatLock(turned)).toBe(text);
    }));
  });

  test('is the same again when it is formatted again', () => expect(formatLock(parseLock(formatLock(lock), 'x'))).toBe(formatLock(lock)));
});

describe('a lock that makes no sense', () => {
  test('is told with all mistakes at once, each with its place and value', () => {
    const said = mistakes((v) => {
      v.built['tidemark/edge-node'].digest = 'sha256:short';
      v.built['tidemark/edge-node'].platforms['linux/amd64'].size = '5';
      v.pinned.nats.repository = 'nats';
      v.surplus = 1;
    });
    expect(said).toContain('images.lock.json:');
    expect(said).toContain('built.tidemark/edge-node.digest: expected sha256: and 64 hexadecimal digits, got "sha256:short"');
    expect(said).toContain('built.tidemark/edge-node.platforms.linux/amd64.size: expected a number of bytes, got "5"');
    expect(said).toContain('pinned.nats.repository: expected a repository with its registry, got "nats"');
    expect(said).toContain('surplus: not known');
  });

  test.each([
    ['built', (v: { built: unknown }): void => void (v.built = [])], ['pinned', (v: { pinned: unknown }): void => void (v.pinned = null)],
    ['version', (v: { version: unknown }): void => void (v.version = 2)],
  ] as const)('%s of another kind', (part, change) => expect(mistakes(change)).toContain(part));

  test('a repository that would be read as a reference of Terraform\'s is refused', () =>
    expect(mistakes((v) => void (v.pinned.nats.repository = 'example.com/${var.x}'))).toContain('pinned.nats.repository'));

  test('no JSON at all', () => expect(() => parseLock('{', 'f.json')).toThrow(/^f\.json: not JSON: .*version control/));

  test('anything', () => {
    fc.assert(fc.property(fc.jsonValue(), (value) => {
      expect(() => parseLock(JSON.stringify(value), 'x')).toThrow(LockError);
    }));
  });
});

describe('the file', () => {
  test('is empty while there is none', () => expect(readLock(join(folder, 'none.json'))).toEqual(EMPTY_LOCK));

  test('is written once, and nothing is left beside it', () => {
    const file = join(folder, 'a', 'images.lock.json');
    mkdirSync(join(folder, 'a'));
    expect([writeLock(file, lock), writeLock(file, lock)]).toEqual([true, false]);
    expect(readLock(file)).toEqual(lock);
    expect(readdirSync(join(folder, 'a'))).toEqual(['images.lock.json']);
  });

  test('stays as it was when it cannot be written', () => {
    const inside = join(folder, 'b');
    mkdirSync(inside);
    const file = join(inside, 'images.lock.json');
    writeFileSync(file, formatLock(EMPTY_LOCK));
    // A folder in the way of what is written beside it: root may write to read-only folders.
    mkdirSync(`${file}.${process.pid}.new`);
    chmodSync(inside, 0o500);
    expect(() => writeLock(file, lock)).toThrow(/images\.lock\.json: cannot be written/);
    expect(readFileSync(file, 'utf8')).toBe(formatLock(EMPTY_LOCK));
    chmodSync(inside, 0o700);
    expect(existsSync(file)).toBe(true);
  });
});

test('a digest is sha256: and 64 hexadecimal digits', () => {
  expect(isDigest(digest(7))).toBe(true);
  for (const no of ['', 'sha256:', `sha256:${'A'.repeat(64)}`, `${digest(7)}\n`, digest(7).slice(0, -1), `${digest(7)}0`, 7, null]) expect(isDigest(no)).toBe(false);
});
