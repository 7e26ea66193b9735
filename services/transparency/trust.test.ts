import { expect, it } from 'vitest';
import { generateSigner } from './keys.ts';
import { parseTrust, witnessedBy } from './trust.ts';

const replica = (region: string, n: number): string => `t.example/region/${region}/replica/${n}`;
const file = (euQuorum: number): string => JSON.stringify({
  origin: 't.example', global: generateSigner('t.example/global', 'ed25519').signer.vkey, witnessQuorum: 1,
  regions: [['eu', 3, euQuorum], ['us', 1, 1]].map(([id, replicas, quorum]) => ({
    id, quorum, log: generateSigner(`t.example/region/${id}`, 'ed25519').signer.vkey, nodes: [],
    replicas: Array.from(
      { length: Number(replicas) }, (_, n) => generateSigner(replica(String(id), n), 'cosignature/v1').signer.vkey,
    ),
  })),
});
const trust = parseTrust(file(2));

it.each([0, 1, 4, Number.NaN])('a quorum of %d of three is refused', (quorum) => {
  expect(() => parseTrust(file(quorum))).toThrow(/region eu: quorum \S+ of 3 replicas cannot be/);
});

it.each<[string, string[], string[]]>([
  ['nobody', [], []],
  ['one of three', [replica('eu', 1)], []],
  ['the same one twice', [replica('eu', 1), replica('eu', 1)], []],
  ['two of three', [replica('eu', 2), replica('eu', 0)], ['eu']],
  ['all', [0, 1, 2].map((n) => replica('eu', n)), ['eu']],
  ['one of one', [replica('us', 0)], ['us']],
  ['one of each', [replica('eu', 0), replica('us', 0)], ['us']],
  ['strangers', [replica('eu', 3), replica('eu', 4), 't.example/region/eu'], []],
])('a region has witnessed when a quorum of its replicas has: %s', (_what, cosigners, regions) => {
  expect(witnessedBy(trust, cosigners)).toEqual(regions);
});

it.each<[string, unknown]>([
  ['null', null], ['a list', []], ['another file', { version: 1, offlineAfterMs: 2_000 }],
  ['a region without nodes', { ...JSON.parse(file(2)), regions: [{ id: 'eu', log: 'x', quorum: 1, replicas: [] }] }],
  ['a number for a key', { ...JSON.parse(file(2)), regions: [{ id: 'eu', log: 'x', quorum: 1, replicas: [1], nodes: [] }] }],
])('what is no trust.json is called that: %s', (_what, value) => {
  expect(() => parseTrust(JSON.stringify(value))).toThrow('not a trust.json: expected {origin');
});
