import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeDecision, decodeGlobal, encodeDecision } from '../../services/protocol/index.ts';
import { formatProof, hashLeaf, inclusionProof } from '../../services/transparency/index.ts';
import { makeFixture, type Fixture } from './fixture.ts';
import { detect, verifyPaths, VerifyUsageError } from './index.ts';
import { verifyProvenance, verifyReceipt, type NamedProvenance } from './receipt.ts';
import type { Report } from './report.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidemark-receipt-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = (name: string, content: string | Uint8Array): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};

let fixture: Fixture;
let receipt: string;
let entry: Buffer;
let provenance: string;
const INDEX = 123;
beforeAll(async () => {
  fixture = await makeFixture({ settlements: 300 });
  const { global } = fixture.logs;
  entry = global!.entries[INDEX]!;
  receipt = formatProof(
    { index: INDEX, proof: inclusionProof(INDEX, global!.size, global!.readTile), checkpoint: await fixture.globalCheckpoint() },
  );
  const decision = fixture.logs['edge-eu-a']!.entries[5]!;
  provenance = JSON.stringify(
    {
      entry: decision.toString(), policy: fixture.policyText, node: 'eu-a', index: 5,
      leaf: hashLeaf(decision).toString('base64'),
    },
  );
});

describe('a receipt', () => {
  test('proves the entry that it is for', () => {
    const report = verifyReceipt('r', receipt, [entry], fixture.trust);
    expect(report).toMatchObject({ ok: true, checked: { 'inclusion proof': 1, cosignatures: 2 } });
    const outcome = decodeGlobal(entry);
    expect(report.notes.join()).toContain(outcome.type === 'outcome' ? `${outcome.instruction.id} is ${outcome.status}` : '');
  });
  test('carries its entry in the extra line when somebody put it there', () => {
    const withEntry = receipt.replace('\nindex', `\nextra ${entry.toString('base64')}\nindex`);
    expect(verifyReceipt('r', withEntry, [], fixture.trust).ok).toBe(true);
  });
  test('with an entry of its own is held to it', () => {
    const carries = (bytes: Uint8Array): string =>
      receipt.replace('\nindex', `\nextra ${Buffer.from(bytes).toString('base64')}\nindex`);
    // A wrong entry in it is not made good by a right one beside it.
    expect(verifyReceipt('r', carries(fixture.logs['global']!.entries[INDEX + 1]!), [entry], fixture.trust).ok).toBe(false);
    expect(verifyReceipt('r', carries(entry), [entry], fixture.trust).ok).toBe(true);
    expect(verifyReceipt('r', carries(entry), [Buffer.from('x')], fixture.trust).failures[0]!.what).toContain('--entry');
  });
  test('and provenance of the other log have to be of one settlement', () => {
    const withEntry = receipt.replace('\nindex', `\nextra ${entry.toString('base64')}\nindex`);
    const outcome = decodeGlobal(entry);
    if (outcome.type !== 'outcome') throw new Error('the fixture has an account there');
    const edge = fixture.logs[`edge-${outcome.node}`]!;
    const of = (index: number, more: object = {}): NamedProvenance => ({
      file: 'p.json',
      provenance: { entry: edge.entries[index]!.toString(), policy: fixture.policyText, node: outcome.node, index, ...more },
    });
    const check = (...provenances: NamedProvenance[]): Report => verifyReceipt('r', withEntry, [], fixture.trust, provenances);
    expect(check(of(outcome.index))).toMatchObject({ ok: true, checked: { 'compared with provenance': 1 } });
    const another = edge.entries.findIndex((bytes) => decodeDecision(bytes).instruction.id !== outcome.instruction.id);
    expect(check(of(another), of(outcome.index)).ok).toBe(true);
    expect(check(of(another)).failures[0]!.what).toMatch(/is of settlement .*; given beside it are .*\(p\.json\)/);
    expect(check(of(outcome.index, { index: outcome.index + 1 })).failures[0]!.what).toMatch(/entry \d+ of the edge log/);
    expect(check(of(outcome.index, { node: 'elsewhere' })).failures[0]!.what).toContain('is of node elsewhere');
    const decided = decodeDecision(edge.entries[outcome.index]!);
    const altered = encodeDecision({ ...decided, instruction: { ...decided.instruction, amount: decided.instruction.amount + 1n } });
    expect(check(of(outcome.index, { entry: Buffer.from(altered).toString() })).failures[0]!.what).toContain('amount');
  });
  test('finds its entry among several', () => {
    expect(verifyReceipt('r', receipt, [Buffer.from('x'), entry], fixture.trust).ok).toBe(true);
  });
  test('of another entry, without one, or of another platform does not hold', async () => {
    expect(
      verifyReceipt('r', receipt, [fixture.logs['global']!.entries[INDEX + 1]!], fixture.trust).failures[0]!.what,
    ).toMatch(/root|hash|proof/i);
    expect(verifyReceipt('r', receipt, [], fixture.trust).failures[0]!.what).toMatch(/--entry FILE/);
    const other = await makeFixture({ settlements: 1 });
    expect(verifyReceipt('r', receipt, [entry], other.trust).ok).toBe(false);
  });
  test('whose checkpoint too few have witnessed does not hold', () => {
    const lines = receipt.trimEnd().split('\n');
    const unwitnessed = `${lines.filter((l) => !l.includes('/replica/')).join('\n')}\n`;
    expect(
      verifyReceipt('r', unwitnessed, [entry], fixture.trust).failures[0]!.what,
    ).toMatch(/witnessed by 0 regions \(none\), 1 are needed/);
  });
  test('whose checkpoint a single replica of a region has cosigned does not hold, whichever it is; any two do', async () => {
    const { global } = fixture.logs;
    const proof = inclusionProof(INDEX, global!.size, global!.readTile);
    const by = async (...replicas: number[]): Promise<string[]> => {
      const text = formatProof({ index: INDEX, proof, checkpoint: await fixture.globalCheckpoint(replicas) });
      return verifyReceipt('r', text, [entry], fixture.trust).failures.map((f) => f.what);
    };
    for (const n of [0, 1, 2]) expect((await by(n))[0]).toMatch(/witnessed by 0 regions/);
    for (const two of [[0, 1], [0, 2], [1, 2]]) expect(await by(...two)).toEqual([]);
  });
  test('with any bit flipped does not hold', () => {
    const bytes = Buffer.from(receipt);
    for (let bit = 0; bit < bytes.length * 8; bit += 97) {
      const flipped = Buffer.from(bytes);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      expect(verifyReceipt('r', flipped.toString('utf8'), [entry], fixture.trust).ok, `bit ${bit}`).toBe(false);
    }
  });
});

describe('a provenance document', () => {
  test('is decided again', () => {
    expect(
      verifyProvenance('p', provenance),
    ).toMatchObject({ ok: true, checked: { 'leaf hash': 1, 'decision policy': 1, 'decision taken again': 1 } });
  });
  test('with any bit of entry, policy or leaf flipped does not hold', () => {
    const document = JSON.parse(provenance) as Record<string, string>;
    for (const field of ['entry', 'policy', 'leaf']) {
      const bytes = Buffer.from(document[field]!);
      for (let bit = 0; bit < bytes.length * 8; bit += 31) {
        const flipped = Buffer.from(bytes);
        flipped[bit >> 3]! ^= 1 << (bit & 7);
        expect(
          verifyProvenance('p', JSON.stringify({ ...document, [field]: flipped.toString('latin1') })).ok,
          `${field} bit ${bit}`,
        ).toBe(false);
      }
    }
  });
  test('a decision that does not follow from its inputs is found, and both are named', () => {
    const { entry: decided, policy } = JSON.parse(provenance) as { entry: string; policy: string };
    const [was, bent] = decided.includes('"result":"provisional"')
      ? ['provisional', decided.replace('"result":"provisional"', '"reason":"stale-state","result":"refused"')]
      : ['refused', decided.replace(/"reason":"[a-z-]+","result":"refused"/, '"result":"provisional"')];
    const [failure] = verifyProvenance('p', JSON.stringify({ entry: bent, policy })).failures;
    expect(failure!.what).toMatch(new RegExp(`recorded as (refused|provisional) .*; taken again from its inputs it is ${was}`));
  });
  test('an outcome entry is read, and said to be proven elsewhere', () => {
    expect(
      verifyProvenance('p', JSON.stringify({ entry: entry.toString(), index: 1 })),
    ).toMatchObject({ ok: true, notes: [expect.stringContaining('global log')] });
  });
});

describe('what a path is', () => {
  test('is seen from its content', () => {
    expect(detect(file('a', receipt))).toBe('receipt');
    expect(detect(file('b', provenance))).toBe('provenance');
    expect(() => detect(file('c', 'hello'))).toThrow(VerifyUsageError);
    expect(() => detect(join(folder, 'missing'))).toThrow(/no such file/);
    expect(() => detect(folder)).toThrow(/is not an export/);
  });
  test('a receipt takes its entry from a provenance document beside it, or from a file with or without a newline', () => {
    const r = file('r.tlog-proof', receipt);
    const p = file('p.json', JSON.stringify({ entry: entry.toString() }));
    expect(verifyPaths([r, p], { trust: fixture.trust }).map((x) => x.report.ok)).toEqual([true, true]);
    expect(verifyPaths([r], { trust: fixture.trust, entry: Buffer.concat([entry, Buffer.from('\n')]) })[0]!.report.ok).toBe(true);
    expect(() => verifyPaths([r], { entry })).toThrow(/whose signatures count/);
  });
});
