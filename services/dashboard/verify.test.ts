/** The browser's verifier beside services/transparency: the same receipts, whole and tampered with, get the same verdicts. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addSignatures, consistencyProof, cosign, formatProof, generateSigner, inclusionProof, openCheckpointWithQuorum, parseProof, parseTrust,
  rootAt, signCheckpoint, Tree, verifyConsistency as verifyConsistencyNode, verifyProof, witnessedBy, hashLeaf as hashLeafNode,
} from '../transparency/index.ts';
import { sampleLog, testSeed } from '../transparency/testing.ts';
import { fromBase64, hashLeaf, tileTree, toBase64, verifyConsistency, verifyInclusion } from './merkle.ts';
import { openCheckpoint, readKey } from './notes.ts';
import { openWitnessed, readTrust } from './trust.ts';
import { judgeReceipt, verifyReceipt } from './verify.ts';

const global = generateSigner('sample.example/global', 'ed25519', testSeed(1)).signer;
const replicas = ['eu', 'us', 'ap'].map((region, r) => ({
  region, signers: [0, 1, 2].map((n) => generateSigner(`sample.example/region/${region}/replica/${n}`, 'cosignature/v1', testSeed(10 + r * 3 + n)).signer),
}));
const trustText = JSON.stringify({
  origin: 'sample.example', global: global.vkey, witnessQuorum: 2,
  regions: replicas.map(({ region, signers }, r) => ({
    id: region, quorum: 2, replicas: signers.map((s) => s.vkey), nodes: [],
    log: generateSigner(`sample.example/region/${region}`, 'ed25519', testSeed(30 + r)).signer.vkey,
  })),
});
const trust = await readTrust(trustText);
const trustNode = parseTrust(trustText);

const claimed = { id: 's1', state: 'final', asset: 'EUR', amount: '500', debitAccount: 'alice', creditAccount: 'bob' };
const outcome = Buffer.from('{"amount":"500","asset":"EUR","at":1,"credit":"bob","debit":"alice","id":"s1","index":0,"node":"eu-a","region":"eu","status":"final","type":"outcome","v":1}');
const { entries, leaves } = sampleLog(300);
entries[7] = outcome;
leaves[7] = hashLeafNode(outcome);
const tree = Tree.empty();
tree.appendMany(Buffer.concat(leaves));
const tiles = new Map(tree.takeDirtyTiles().map((t) => [`${t.level}/${t.index}`, t.hashes]));
const readTile = (level: number, index: number, width: number): Buffer => tiles.get(`${level}/${index}`)!.subarray(0, width * 32);
const plain = await signCheckpoint({ origin: 'sample.example/global', size: 300, root: tree.root() }, global);

/** The checkpoint cosigned by the first `n` replicas of each of these regions. */
async function witnessedNote(...by: readonly (readonly [string, number])[]): Promise<string> {
  const signers = by.flatMap(([region, n]) => replicas.find((r) => r.region === region)!.signers.slice(0, n));
  const lines = await Promise.all(signers.map((s, i) => cosign(plain, s, 1_790_000_000 + i)));
  return lines.length === 0 ? plain : addSignatures(plain, lines);
}
const note = await witnessedNote(['eu', 2], ['us', 3]);
const receiptWith = (checkpoint: string): string =>
  formatProof({ index: 7, proof: inclusionProof(7, 300, readTile), checkpoint, extraData: outcome });
const receipt = receiptWith(note);

/** What services/transparency says of a receipt for the outcome. */
function nodeAccepts(text: string): boolean {
  try {
    const all = [...trustNode.regions.values()].flatMap((r) => r.replicas);
    const { cosigners } = verifyProof(text, { entry: outcome }, { log: trustNode.global, cosigners: all }).checkpoint;
    return witnessedBy(trustNode, cosigners).length >= trustNode.witnessQuorum;
  } catch {
    return false;
  }
}
const accepts = async (run: () => Promise<unknown>): Promise<boolean> => run().then(() => true, () => false);

describe('a receipt', () => {
  it('verifies, step by step, and shows who witnessed it', async () => {
    const verdict = await judgeReceipt(receipt, claimed, trust);
    expect(verdict.steps.map((s) => [s.id, s.state])).toEqual(['receipt', 'signature', 'quorum', 'inclusion', 'content'].map((id) => [id, 'ok']));
    expect(verdict).toMatchObject({ ok: true, outcome: { id: 's1', status: 'final' } });
    expect(verdict.witnessed!.regions.map((r) => [r.region, r.holds, r.replicas.map((x) => x.at !== null)])).toEqual([
      ['eu', true, [true, true, false]], ['us', true, [true, true, true]], ['ap', false, [false, false, false]],
    ]);
    expect(verdict.witnessed!.regions[0]!.replicas[0]).toEqual({ name: 'sample.example/region/eu/replica/0', at: 1_790_000_000 });
  });

  it('fails at the step that does not hold, and says why', async () => {
    const at = async (text: string, what = claimed): Promise<string> => {
      const verdict = await judgeReceipt(text, what, trust);
      expect(verdict).toMatchObject({ ok: false, outcome: null });
      const { id, detail } = verdict.steps.find((s) => s.state === 'failed')!;
      return `${id}: ${detail}`;
    };
    expect(await at('nothing')).toBe('receipt: receipt: no empty line before the checkpoint');
    expect(await at(receipt.replace('\n300\n', '\n301\n'))).toMatch(/^signature: the signature by "sample.example\/global" does not verify/);
    expect(await at(receiptWith(await witnessedNote(['eu', 2], ['us', 1])))).toBe('quorum: the checkpoint of size 300 is witnessed by eu; 2 of 3 are needed');
    expect(await at(receipt.replace('index 7', 'index 8'))).toMatch(/^inclusion: inclusion of leaf 8 in the tree of 300: the proof leads to /);
    const extra = Buffer.from(outcome.toString().replace('"500"', '"900"')).toString('base64');
    expect(await at(receipt.replace(/extra .*/, `extra ${extra}`))).toMatch(/^inclusion: /);
    expect(await at(receipt, { ...claimed, amount: '900', state: 'rejected' }))
      .toBe('content: the log says otherwise: state is "final", shown was "rejected"; amount is "500", shown was "900"');
    expect(await at(receipt.replace(/extra .*\n/, ''))).toBe('receipt: receipt: it does not hold the entry');
  });

  it('gets the verdict of services/transparency, whatever is changed in it', async () => {
    const places = fc.record({ at: fc.nat(receipt.length - 1), code: fc.integer({ min: 1, max: 0x2014 }), drop: fc.nat(3) });
    await fc.assert(fc.asyncProperty(places, async ({ at, code, drop }) => {
      const changed = receipt.slice(0, at) + String.fromCharCode(code) + receipt.slice(at + drop);
      expect(await accepts(() => verifyReceipt(changed, outcome, trust))).toBe(nodeAccepts(changed));
    }), { numRuns: 300 });
    for (const text of ['', receipt, receipt.slice(0, -1), `${receipt}\n`, receipt.replaceAll('\n', '\r\n'), receipt.replace('\n\n', '\n')]) {
      expect(await accepts(() => verifyReceipt(text, outcome, trust)), text).toBe(nodeAccepts(text));
    }
  });

  it('needs its quorum, counted as services/transparency counts it', async () => {
    const counts = fc.tuple(fc.nat(3), fc.nat(3), fc.nat(3));
    await fc.assert(fc.asyncProperty(counts, async ([eu, us, ap]) => {
      const text = receiptWith(await witnessedNote(['eu', eu], ['us', us], ['ap', ap]));
      expect(await accepts(() => verifyReceipt(text, outcome, trust))).toBe(nodeAccepts(text));
      expect(nodeAccepts(text)).toBe([eu, us, ap].filter((n) => n >= 2).length >= 2);
    }), { numRuns: 30 });
  });
});

describe('a checkpoint', () => {
  it('of another log, or by another key of the same name, is not accepted', async () => {
    const stranger = generateSigner('sample.example/global', 'ed25519', testSeed(99)).signer;
    const forged = await signCheckpoint({ origin: 'sample.example/global', size: 300, root: tree.root() }, stranger);
    await expect(openWitnessed(forged, trust)).rejects.toMatchObject({ code: 'unsigned' });
    expect(() => openCheckpointWithQuorum(forged, trustNode.global, [], 0)).toThrow(expect.objectContaining({ code: 'unsigned' }));
    const other = await readKey(replicas[0]!.signers[0]!.vkey);
    await expect(openCheckpoint(note, other, [])).rejects.toMatchObject({ code: 'wrong-origin' });
  });

  it('is not witnessed twice by one key under two names', async () => {
    const twin = generateSigner('sample.example/region/eu/replica/1', 'cosignature/v1', testSeed(10)).signer;
    const file = JSON.parse(trustText) as { regions: { replicas: string[] }[]; witnessQuorum: number };
    file.regions[0]!.replicas[1] = twin.vkey;
    file.witnessQuorum = 1;
    const cosigned = addSignatures(await witnessedNote(['eu', 1]), await cosign(plain, twin, 1_790_000_000));
    expect((await openWitnessed(cosigned, await readTrust(JSON.stringify(file)))).holds).toBe(false);
  });
});

describe('trust.json', () => {
  it.each([
    ['{', /not JSON/], ['{}', /expected \{origin/], ['[]', /expected \{origin/],
    [trustText.replace('"quorum":2', '"quorum":1'), /region eu: quorum 1 of 3/], [trustText.replace('"witnessQuorum":2', '"witnessQuorum":4'), /witnessQuorum 4 of 3/],
    [trustText.replace(global.vkey, global.vkey.replace('/global+', '/globus+')), /key ID does not fit/],
    [trustText.replace(global.vkey, 'x'), /verifier key "x"/],
  ])('is refused when it is not right: %#', async (text, why) => {
    await expect(readTrust(text)).rejects.toThrow(why);
    expect(() => parseTrust(text)).toThrow();
  });
});

describe('the Merkle tree', () => {
  const fetchTile = async (level: number, index: number, width: number): Promise<Uint8Array> => readTile(level, index, width);

  it('has the same leaf hashes, roots and consistency proofs', async () => {
    expect(Buffer.from(await hashLeaf(outcome))).toEqual(hashLeafNode(outcome));
    const whole = tileTree(300, fetchTile);
    await fc.assert(fc.asyncProperty(fc.nat(300), fc.nat(300), async (a, b) => {
      const [oldSize, newSize] = a < b ? [a, b] : [b, a];
      const [oldRoot, newRoot] = await Promise.all([whole.root(oldSize), whole.root(newSize)]);
      expect(Buffer.from(oldRoot)).toEqual(rootAt(oldSize, (l, i, w) => readTile(l, i, w)));
      const proof = await whole.consistency(oldSize, newSize);
      expect(proof.map(toBase64)).toEqual(consistencyProof(oldSize, newSize, (l, i, w) => readTile(l, i, w)).map(toBase64));
      await verifyConsistency(oldSize, oldRoot, newSize, newRoot, proof);
    }), { numRuns: 100 });
  });

  it('finds a tampered tile, proof or root', async () => {
    const tampered = tileTree(300, async (level, index, width) => {
      const bytes = Uint8Array.from(readTile(level, index, width));
      if (level === 1 && index === 0) bytes[5]! ^= 1;
      return bytes;
    });
    expect(toBase64(await tampered.root(300))).not.toBe(toBase64(tree.root()));
    await expect(tileTree(300, async () => new Uint8Array(31)).root(300)).rejects.toThrow(/tile \d\/\d: 31 bytes/);
    const sizes = fc.tuple(fc.integer({ min: 1, max: 299 }), fc.nat(1_000), fc.constantFrom('flip', 'drop', 'add'));
    await fc.assert(fc.asyncProperty(sizes, async ([oldSize, pick, how]) => {
      const whole = tileTree(300, fetchTile);
      const [oldRoot, newRoot, proof] = await Promise.all([whole.root(oldSize), whole.root(300), whole.consistency(oldSize, 300)]);
      if (how === 'flip') proof[pick % proof.length]![pick % 32]! ^= 1;
      else if (how === 'drop') proof.splice(pick % proof.length, 1);
      else proof.push(newRoot);
      expect(await accepts(() => verifyConsistency(oldSize, oldRoot, 300, newRoot, proof))).toBe(false);
      expect(() => verifyConsistencyNode(oldSize, oldRoot, 300, newRoot, proof)).toThrow();
    }), { numRuns: 60 });
  });

  it('proves inclusion at no other place', async () => {
    const { proof } = parseProof(receipt);
    await verifyInclusion(leaves[7]!, 7, 300, proof, tree.root());
    await expect(verifyInclusion(leaves[8]!, 7, 300, proof, tree.root())).rejects.toThrow(/leads to/);
    await expect(verifyInclusion(leaves[7]!, 7, 300, proof.slice(1), tree.root())).rejects.toThrow(/too few/);
    await expect(verifyInclusion(leaves[7]!, 7, 300, [...proof, proof[0]!], tree.root())).rejects.toThrow(/too many/);
    await expect(verifyInclusion(leaves[7]!, 300, 300, proof, tree.root())).rejects.toThrow(/not in a tree/);
  });

  it('reads base64 in its one form only', () => {
    expect(fromBase64('AAE=')).toEqual(Uint8Array.of(0, 1));
    for (const text of ['AAE', 'AAF=', 'A', 'AA E', 'AA-_']) expect(fromBase64(text)).toBeNull();
  });
});
