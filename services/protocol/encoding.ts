/**
 * The bytes of log entries: JSON in the canonical form of RFC 8785 (JCS), one entry one object, keys sorted, no spaces.
 *
 * Every string in an entry is either of a pattern that needs no escaping (ids, assets, digits) or goes through
 * JSON.stringify, whose escaping is the one that JCS prescribes. That lets the writers below be plain concatenation, in
 * key order. A reader accepts the canonical form only: what does not encode back to the same bytes is refused.
 */
import { hash } from 'node:crypto';
import { EncodingError } from './errors.ts';
import {
  AMOUNT_PATTERN, ASSET_PATTERN, BALANCE_PATTERN, HASH_BASE64_PATTERN, ID_PATTERN, POLICY_DIGEST_PATTERN, REFUSALS, REJECTIONS,
  TRACEPARENT_PATTERN,
} from './grammar.ts';
import {
  BALANCE_MAX, type AccountEntry, type AccountState, type BatchEntry, type Decision, type DecisionEntry, type DecisionInputs,
  type GlobalEntry, type Instruction, type OutcomeEntry, type Policy,
} from './types.ts';

const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const nullable = (value: bigint | null): string => (value === null ? 'null' : `"${value}"`);

const accountStateJson = (a: AccountState): string =>
  `{"account":"${a.account}","asOf":${a.asOf},"asset":"${a.asset}","balance":"${a.balance}","overdraft":${nullable(a.overdraft)}}`;

/** The decision entry as JCS text. */
export function encodeDecision(e: DecisionEntry): string {
  const { instruction: s, inputs: i, decision: d } = e;
  return `{"amount":"${s.amount}","asset":"${s.asset}","credit":"${s.creditAccount}","debit":"${s.debitAccount}",`
    + `"decidedAt":${e.decidedAt},"id":"${s.id}","inputs":{"connected":${i.connected},`
    + `"creditAsset":${i.creditAsset === null ? 'null' : `"${i.creditAsset}"`},`
    + `"debit":${i.debit === null ? 'null' : accountStateJson(i.debit)},"debitAgeMs":${i.debitAgeMs},`
    + `"offlineAccount":"${i.offlineAccount}","offlineNode":"${i.offlineNode}","reserved":"${i.reserved}"},`
    + `"mode":"${d.mode}","policy":"${e.policy}",${d.reason === undefined ? '' : `"reason":"${d.reason}",`}`
    + `"result":"${d.result}",${e.trace === undefined ? '' : `"trace":"${e.trace}",`}"type":"decision","v":1}`;
}

export function encodeBatch(e: BatchEntry): string {
  return `{"at":${e.at},"checkpoint":${JSON.stringify(e.checkpoint)},"digest":"${e.digest}","from":${e.from},`
    + `"node":"${e.node}","region":"${e.region}","seq":${e.seq},"size":${e.size},"type":"batch","v":1}`;
}

export function encodeOutcome(e: OutcomeEntry): string {
  const s = e.instruction;
  return `{"amount":"${s.amount}","asset":"${s.asset}","at":${e.at},"credit":"${s.creditAccount}",`
    + (e.creditBalance === undefined ? '' : `"creditBalance":"${e.creditBalance}",`)
    + `"debit":"${s.debitAccount}",`
    + (e.debitBalance === undefined ? '' : `"debitBalance":"${e.debitBalance}",`)
    + (e.duplicateOf === undefined ? '' : `"duplicateOf":${e.duplicateOf},`)
    + `"id":"${s.id}","index":${e.index},"node":"${e.node}",`
    + (e.reason === undefined ? '' : `"reason":"${e.reason}",`)
    + (e.refusedAtEdge === undefined ? '' : '"refusedAtEdge":true,')
    + `"region":"${e.region}","status":"${e.status}","type":"outcome","v":1}`;
}

export function encodeAccount(e: AccountEntry): string {
  return `{"account":"${e.account}","asset":"${e.asset}","at":${e.at},"overdraft":${nullable(e.overdraft)},"type":"account","v":1}`;
}

export const encodeGlobal = (e: GlobalEntry): string => (e.type === 'outcome' ? encodeOutcome(e) : encodeAccount(e));

export function encodePolicy(p: Policy): string {
  const limits = (r: Readonly<Record<string, bigint>>): string =>
    `{${Object.keys(r).sort().map((asset) => `"${asset}":"${r[asset]}"`).join(',')}}`;
  return `{"maxStalenessMs":${p.maxStalenessMs},"offlineAfterMs":${p.offlineAfterMs},`
    + `"offlinePerAccount":${limits(p.offlinePerAccount)},"offlinePerNode":${limits(p.offlinePerNode)},"version":${p.version}}`;
}

/** What a decision entry calls its policy: the first 16 hex digits of SHA-256 over the policy's JCS text. */
export const policyDigest = (p: Policy): string => hash('sha256', encodePolicy(p), 'hex').slice(0, 16);

// ---- readers -------------------------------------------------------------------------------------------------------

type Json = Record<string, unknown>;

const idRegex = new RegExp(ID_PATTERN);
const assetRegex = new RegExp(ASSET_PATTERN);
const amountRegex = new RegExp(AMOUNT_PATTERN);
const balanceRegex = new RegExp(BALANCE_PATTERN);
const hashRegex = new RegExp(HASH_BASE64_PATTERN);
const policyDigestRegex = new RegExp(POLICY_DIGEST_PATTERN);
const traceparentRegex = new RegExp(TRACEPARENT_PATTERN);

function field<T>(o: Json, name: string, check: (v: unknown) => v is T, what: string): T {
  const value = o[name];
  if (!check(value)) throw new EncodingError(`${name}: expected ${what}, got ${JSON.stringify(value) ?? 'nothing'}`);
  return value;
}
const isString = (v: unknown): v is string => typeof v === 'string';
const isId = (v: unknown): v is string => typeof v === 'string' && idRegex.test(v);
const isAsset = (v: unknown): v is string => typeof v === 'string' && assetRegex.test(v);
const isAmount = (v: unknown): v is string => typeof v === 'string' && amountRegex.test(v);
const isHash = (v: unknown): v is string => typeof v === 'string' && hashRegex.test(v);
const isPolicyDigest = (v: unknown): v is string => typeof v === 'string' && policyDigestRegex.test(v);
const isTraceparent = (v: unknown): v is string => typeof v === 'string' && traceparentRegex.test(v);
const isBalance = (v: unknown): v is string => typeof v === 'string' && balanceRegex.test(v);
const isNat = (v: unknown): v is number => typeof v === 'number' && Number.isSafeInteger(v) && v >= 0;
const isBool = (v: unknown): v is boolean => typeof v === 'boolean';
const isObject = (v: unknown): v is Json => typeof v === 'object' && v !== null && !Array.isArray(v);

const id = (o: Json, name: string): string => field(o, name, isId, 'an id');
const asset = (o: Json, name: string): string => field(o, name, isAsset, 'an asset code');
const nat = (o: Json, name: string): number => field(o, name, isNat, 'a non-negative integer');
function balance(o: Json, name: string): bigint {
  const value = BigInt(field(o, name, isBalance, 'an integer as a string'));
  if (value > BALANCE_MAX || value < -BALANCE_MAX) throw new EncodingError(`${name}: ${value} does not fit 64 bits`);
  return value;
}
const oneOf = <T extends string>(o: Json, name: string, values: readonly T[]): T =>
  field(o, name, (v): v is T => values.includes(v as T), `one of ${values.join(', ')}`);

function parse(bytes: Uint8Array | string): { o: Json; raw: string } {
  let raw: string;
  let o: unknown;
  try {
    raw = typeof bytes === 'string' ? bytes : text.decode(bytes);
    o = JSON.parse(raw);
  } catch (error) {
    throw new EncodingError(`not a JSON text in UTF-8: ${(error as Error).message}`);
  }
  if (!isObject(o)) throw new EncodingError('not a JSON object');
  if (o['v'] !== 1) throw new EncodingError(`v: this reader knows version 1, got ${JSON.stringify(o['v']) ?? 'nothing'}`);
  return { o, raw };
}

function canonical<T>(entry: T, encode: (e: T) => string, raw: string): T {
  if (encode(entry) !== raw) throw new EncodingError('not in canonical form (RFC 8785), or with fields that do not belong');
  return entry;
}

const instructionOf = (o: Json): Instruction => ({
  id: id(o, 'id'),
  asset: asset(o, 'asset'),
  debitAccount: id(o, 'debit'),
  creditAccount: id(o, 'credit'),
  amount: BigInt(field(o, 'amount', isAmount, 'an amount in minor units')),
});

function accountStateOf(o: Json): AccountState {
  return {
    account: id(o, 'account'), asset: asset(o, 'asset'), balance: balance(o, 'balance'),
    overdraft: o['overdraft'] === null ? null : balance(o, 'overdraft'), asOf: nat(o, 'asOf'),
  };
}

/** @throws EncodingError when the bytes are not a canonical decision entry */
export function decodeDecision(bytes: Uint8Array | string): DecisionEntry {
  const { o, raw } = parse(bytes);
  if (o['type'] !== 'decision') throw new EncodingError(`type: expected decision, got ${JSON.stringify(o['type']) ?? 'nothing'}`);
  const i = field(o, 'inputs', isObject, 'an object');
  const inputs: DecisionInputs = {
    debit: i['debit'] === null ? null : accountStateOf(field(i, 'debit', isObject, 'an account state or null')),
    debitAgeMs: nat(i, 'debitAgeMs'),
    creditAsset: i['creditAsset'] === null ? null : asset(i, 'creditAsset'),
    reserved: balance(i, 'reserved'),
    offlineAccount: balance(i, 'offlineAccount'),
    offlineNode: balance(i, 'offlineNode'),
    connected: field(i, 'connected', isBool, 'true or false'),
  };
  const decision: Decision = {
    result: oneOf(o, 'result', ['provisional', 'refused']),
    mode: oneOf(o, 'mode', ['online', 'offline']),
    ...(o['reason'] === undefined ? {} : { reason: oneOf(o, 'reason', REFUSALS) }),
  };
  const entry: DecisionEntry = {
    instruction: instructionOf(o), inputs, decision, decidedAt: nat(o, 'decidedAt'),
    policy: field(o, 'policy', isPolicyDigest, '16 hex digits'),
    ...(o['trace'] === undefined ? {} : { trace: field(o, 'trace', isTraceparent, 'a sampled W3C traceparent of version 00') }),
  };
  if ((decision.result === 'refused') !== (decision.reason !== undefined)) throw new EncodingError('reason: goes with a refusal, and only there');
  return canonical(entry, encodeDecision, raw);
}

/** @throws EncodingError when the bytes are not a canonical batch entry */
export function decodeBatch(bytes: Uint8Array | string): BatchEntry {
  const { o, raw } = parse(bytes);
  if (o['type'] !== 'batch') throw new EncodingError(`type: expected batch, got ${JSON.stringify(o['type']) ?? 'nothing'}`);
  const entry: BatchEntry = {
    region: id(o, 'region'), node: id(o, 'node'), from: nat(o, 'from'), size: nat(o, 'size'),
    checkpoint: field(o, 'checkpoint', isString, 'a signed note'),
    digest: field(o, 'digest', isHash, 'a SHA-256 in base64'),
    seq: nat(o, 'seq'), at: nat(o, 'at'),
  };
  if (entry.size <= entry.from) throw new EncodingError(`size: expected more than from (${entry.from}), got ${entry.size}`);
  return canonical(entry, encodeBatch, raw);
}

/** @throws EncodingError when the bytes are not a canonical outcome or account entry */
export function decodeGlobal(bytes: Uint8Array | string): GlobalEntry {
  const { o, raw } = parse(bytes);
  if (o['type'] === 'account') {
    const entry: AccountEntry = {
      type: 'account', account: id(o, 'account'), asset: asset(o, 'asset'),
      overdraft: o['overdraft'] === null ? null : balance(o, 'overdraft'), at: nat(o, 'at'),
    };
    return canonical(entry, encodeAccount, raw);
  }
  if (o['type'] !== 'outcome') throw new EncodingError(`type: expected outcome or account, got ${JSON.stringify(o['type']) ?? 'nothing'}`);
  const entry: OutcomeEntry = {
    type: 'outcome', instruction: instructionOf(o), region: id(o, 'region'), node: id(o, 'node'), index: nat(o, 'index'),
    status: oneOf(o, 'status', ['final', 'rejected']),
    ...(o['reason'] === undefined ? {} : { reason: oneOf(o, 'reason', REJECTIONS) }),
    ...(o['refusedAtEdge'] === undefined ? {} : { refusedAtEdge: true as const }),
    ...(o['duplicateOf'] === undefined ? {} : { duplicateOf: nat(o, 'duplicateOf') }),
    ...(o['debitBalance'] === undefined ? {} : { debitBalance: balance(o, 'debitBalance') }),
    ...(o['creditBalance'] === undefined ? {} : { creditBalance: balance(o, 'creditBalance') }),
    at: nat(o, 'at'),
  };
  if ((entry.status === 'rejected') !== (entry.reason !== undefined)) throw new EncodingError('reason: goes with a rejection, and only there');
  return canonical(entry, encodeOutcome, raw);
}

/** @throws EncodingError when the text is not a canonical policy */
export function decodePolicy(raw: string): Policy {
  let o: unknown;
  try {
    o = JSON.parse(raw);
  } catch {
    // The parser's own message quotes the text, which may be a private key that somebody put in the wrong place.
    throw new EncodingError('policy: not JSON');
  }
  if (!isObject(o)) throw new EncodingError('policy: not a JSON object');
  const limits = (name: string): Record<string, bigint> => {
    const entries = field(o, name, isObject, 'an object');
    return Object.fromEntries(Object.keys(entries).map((a) => [a, balance(entries, a)]));
  };
  const policy: Policy = {
    version: nat(o, 'version'), offlineAfterMs: nat(o, 'offlineAfterMs'), maxStalenessMs: nat(o, 'maxStalenessMs'),
    offlinePerAccount: limits('offlinePerAccount'), offlinePerNode: limits('offlinePerNode'),
  };
  return canonical(policy, encodePolicy, raw);
}

/** Whether two instructions ask for the same thing. */
export const sameInstruction = (a: Instruction, b: Instruction): boolean =>
  a.id === b.id && a.amount === b.amount && a.debitAccount === b.debitAccount && a.creditAccount === b.creditAccount
  && a.asset === b.asset;

/** @throws EncodingError naming the field that is wrong */
export function decodeAccountState(o: unknown): AccountState {
  if (!isObject(o)) throw new EncodingError('account state: not a JSON object');
  return accountStateOf(o);
}

export const encodeAccountState = accountStateJson;
