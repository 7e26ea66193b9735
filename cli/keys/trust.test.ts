import { describe, expect, it } from 'vitest';
import { generateSigner, parseTrust, type TrustFile } from '../../services/transparency/index.ts';
import { trustFor, trustSecrets } from './trust.ts';

describe('trust', () => {
  const vkey = (name: string, kind: 'ed25519' | 'cosignature/v1' = 'ed25519'): string => generateSigner(name, kind).signer.vkey;
  const trustOf = (nodes: number): TrustFile => ({
    origin: 'tm.example', global: vkey('tm.example/global'), witnessQuorum: 1,
    regions: ['eu', 'us'].map((id) => ({
      id, log: vkey(`tm.example/region/${id}`), quorum: 1, replicas: [vkey(`tm.example/region/${id}/replica/0`, 'cosignature/v1')],
      nodes: Array.from({ length: nodes }, (_, i) => ({ id: `${id}-${i}`, vkey: vkey(`tm.example/edge/${id}-${i}`) })),
    })),
  });
  const nodesOf = (trust: TrustFile): string[] => trust.regions.flatMap((region) => region.nodes.map((node) => node.id));

  it('of a site has the edge nodes that the site deals with, and everybody\'s replicas', () => {
    const trust = trustOf(2);
    expect(nodesOf(trustFor(trust, { kind: 'global' }))).toEqual(['eu-0', 'eu-1', 'us-0', 'us-1']);
    expect(nodesOf(trustFor(trust, { kind: 'region', id: 'us' }))).toEqual(['us-0', 'us-1']);
    expect(nodesOf(trustFor(trust, { kind: 'edge', id: 'eu-1' }))).toEqual(['eu-1']);
    for (const stack of [{ kind: 'region', id: 'us' }, { kind: 'edge', id: 'eu-1' }] as const) {
      const parsed = parseTrust(JSON.stringify(trustFor(trust, stack)));
      expect([...parsed.regions.values()].map((region) => region.replicas.length)).toEqual([1, 1]);
    }
  });

  it('says which site\'s no secret can hold', () => {
    const files = [
      { what: 'trust', site: 'global', stack: { kind: 'global' }, file: 'global/trust.json' }, { what: 'key', site: 'global', stack: { kind: 'global' }, file: 'global/key' },
      { what: 'trust', site: 'eu-0', stack: { kind: 'edge', id: 'eu-0' }, file: 'eu-0/trust.json' },
    ] as const;
    const made = trustSecrets(trustOf(400), files);
    expect(made.files.map(({ file }) => file)).toEqual(['global/trust.json', 'eu-0/trust.json']);
    expect(made.notices).toEqual([expect.stringMatching(/^global\/trust\.json has \d\d,\d{3} bytes, and a secret holds 65,536: bring it to global in another way/)]);
    expect(trustSecrets(trustOf(2), files).notices).toEqual([]);
  });
});
