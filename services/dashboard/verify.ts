/**
 * Verifies a settlement's receipt (C2SP tlog-proof) in the browser, step by step, from bytes: nothing the server says about a
 * settlement is taken for true, only what is signed and proven. The first step that fails ends the way.
 */
import { EncodingError } from '../protocol/errors.ts';
import { ProofError, shown } from '../transparency/errors.ts';
import { fromBase64, HASH_SIZE, hashLeaf, toBase64, verifyInclusion, type Bytes } from './merkle.ts';
import { readCheckpoint, readNote } from './notes.ts';
import { openWitnessed, requireQuorum, type Trust, type Witnessed } from './trust.ts';

const PROOF_HEADER = 'c2sp.org/tlog-proof@v1';
const PROOF_MAX = 1024 * 1024;
const PROOF_HASHES_MAX = 63;

export interface Receipt {
  readonly index: number;
  readonly proof: readonly Bytes[];
  readonly checkpoint: string;
  readonly extra: Bytes | null;
}

const wrong = (why: string): EncodingError => new EncodingError(`receipt: ${why}`);

/** @throws EncodingError or NoteError; nothing is verified */
export function readReceipt(text: string): Receipt {
  if (text.length > PROOF_MAX) throw wrong(`${text.length} characters, at most ${PROOF_MAX} are read`);
  const split = text.indexOf('\n\n');
  if (split < 0) throw wrong('no empty line before the checkpoint');
  const [header = '', ...lines] = text.slice(0, split).split('\n');
  if (header !== PROOF_HEADER) throw wrong(`line 1: expected ${PROOF_HEADER}, got ${shown(header)}`);
  let extra: Bytes | null = null;
  if (lines[0]?.startsWith('extra ') === true) {
    extra = fromBase64(lines.shift()!.slice('extra '.length));
    if (extra === null) throw wrong('line 2: the extra data is not base64');
  }
  const [, index = ''] = /^index (0|[1-9][0-9]{0,15})$/.exec(lines.shift() ?? '') ?? [];
  if (index === '' || !Number.isSafeInteger(Number(index))) throw wrong('expected "index <decimal>"');
  if (lines.length > PROOF_HASHES_MAX) throw wrong(`${lines.length} hashes, at most ${PROOF_HASHES_MAX} are possible`);
  const proof = lines.map((line, i) => {
    const hash = fromBase64(line);
    if (hash?.length !== HASH_SIZE) throw wrong(`hash ${i}: expected ${HASH_SIZE} bytes in base64, got ${shown(line)}`);
    return hash;
  });
  const checkpoint = text.slice(split + 2);
  readCheckpoint(readNote(checkpoint).text);
  return { index: Number(index), proof, checkpoint, extra };
}

export interface VerifiedReceipt {
  readonly receipt: Receipt;
  readonly witnessed: Witnessed;
}

/** Checks a receipt for an entry. @throws EncodingError, NoteError or ProofError, saying what does not hold */
export async function verifyReceipt(text: string, entry: Uint8Array, trust: Trust): Promise<VerifiedReceipt> {
  const receipt = readReceipt(text);
  const witnessed = await openWitnessed(receipt.checkpoint, trust);
  requireQuorum(witnessed);
  const { size, root } = witnessed.checkpoint;
  await verifyInclusion(await hashLeaf(entry), receipt.index, size, receipt.proof, root);
  return { receipt, witnessed };
}

export type StepId = 'receipt' | 'signature' | 'quorum' | 'inclusion' | 'content';

export interface Step {
  readonly id: StepId;
  readonly title: string;
  readonly state: 'ok' | 'failed' | 'not-reached';
  /** What was found, or why it failed. */
  readonly detail: string;
}

export interface Verdict {
  readonly ok: boolean;
  readonly steps: readonly Step[];
  readonly witnessed: Witnessed | null;
  /** The proven entry of the global log. Present exactly when `ok`. */
  readonly outcome: Readonly<Record<string, unknown>> | null;
}

const TITLES: Readonly<Record<StepId, string>> = {
  receipt: 'The receipt is a well-formed tlog-proof',
  signature: 'The checkpoint is signed by the global log',
  quorum: 'A quorum of regions has witnessed the checkpoint',
  inclusion: 'The entry is in the log under that checkpoint',
  content: 'The entry is the outcome of this settlement',
};

/** What the page shows of a settlement and what the proven entry has to say as well. */
export interface Shown {
  readonly id: string;
  readonly state: string;
  readonly asset: string;
  readonly amount: string;
  readonly debitAccount: string;
  readonly creditAccount: string;
}

/** Names in the log's entry -> names on the page. */
const FIELDS: readonly (readonly [string, keyof Shown])[] = [
  ['id', 'id'], ['status', 'state'], ['asset', 'asset'], ['amount', 'amount'], ['debit', 'debitAccount'], ['credit', 'creditAccount'],
];

function compare(entry: Bytes, claimed: Shown): Record<string, unknown> {
  const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(entry));
  const outcome = value as Record<string, unknown>;
  if (outcome['type'] !== 'outcome') throw new ProofError(`the entry is of type ${shown(String(outcome['type']))}, expected outcome`);
  const differing = FIELDS.filter(([name, field]) => outcome[name] !== claimed[field]);
  if (differing.length > 0) {
    throw new ProofError(`the log says otherwise: ${differing.map(([name, field]) => `${field} is ${shown(String(outcome[name]))}, shown was ${shown(claimed[field])}`).join('; ')}`);
  }
  return outcome;
}

/** Never throws: a proof that does not hold is a verdict. The receipt's extra data has to be the entry. */
export async function judgeReceipt(text: string, claimed: Shown, trust: Trust): Promise<Verdict> {
  const steps: Step[] = [];
  const found: { witnessed: Witnessed | null; outcome: Record<string, unknown> | null } = { witnessed: null, outcome: null };
  let failed = false;
  async function step(id: StepId, run: () => Promise<string> | string): Promise<void> {
    if (failed) {
      steps.push({ id, title: TITLES[id], state: 'not-reached', detail: 'not checked, because a step before it failed' });
      return;
    }
    try {
      steps.push({ id, title: TITLES[id], state: 'ok', detail: await run() });
    } catch (error) {
      failed = true;
      steps.push({ id, title: TITLES[id], state: 'failed', detail: error instanceof Error ? error.message : String(error) });
    }
  }
  let receipt: Receipt;
  let entry: Bytes;
  await step('receipt', () => {
    receipt = readReceipt(text);
    if (receipt.extra === null) throw wrong('it does not hold the entry');
    entry = receipt.extra;
    return `entry ${receipt.index}, ${receipt.proof.length} hashes`;
  });
  await step('signature', async () => {
    found.witnessed = await openWitnessed(receipt.checkpoint, trust);
    return `${trust.global.name}, size ${found.witnessed.checkpoint.size}`;
  });
  await step('quorum', () => {
    requireQuorum(found.witnessed!);
    return `${found.witnessed!.regions.filter((r) => r.holds).map((r) => r.region).join(', ')}; ${found.witnessed!.quorum} of ${found.witnessed!.regions.length} needed`;
  });
  await step('inclusion', async () => {
    const { size, root } = found.witnessed!.checkpoint;
    await verifyInclusion(await hashLeaf(entry), receipt.index, size, receipt.proof, root);
    return `leads to the root ${toBase64(root)}`;
  });
  await step('content', () => {
    found.outcome = compare(entry, claimed);
    return 'id, state, amount, asset and both accounts are the same';
  });
  return { ok: !failed, steps, witnessed: found.witnessed, outcome: failed ? null : found.outcome };
}
