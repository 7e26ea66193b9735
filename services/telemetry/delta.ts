/**
 * What an edge node says of its own counting: numbered deltas, each a signed note over canonical JSON (RFC 8785), and what the
 * other tiers say of them: a region's sum over the deltas that it passes on, and the centre's acknowledgement.
 *
 * Each text begins with a line of its own that is no checkpoint's and no statement's, so that no signature can be taken for one over
 * something else.
 */
import { EncodingError } from '../protocol/errors.ts';
import { ID_PATTERN } from '../protocol/grammar.ts';
import { openNote, signNote, type Signer, type Verifier } from '../transparency/index.ts';
import { addSums, COUNTS, emptySums, fields, isNatural, LAG_STAGES, natural, sumsFromJson, sumsToJson, wrong, type Sums } from './sums.ts';

/**
 * Of one delta. Seven histograms with thirty powers of two each, all of their buckets in use, need a quarter of it; round trips and jitter of
 * 17 sites, from a clock tick to the two seconds that a probe may take, six tenths. Bytes.
 */
export const DELTA_MAX = 640 * 1024;
/** Deltas in one request. */
export const DELTAS_MAX = 256;
/** Time that one delta may speak of: a node that was cut off widens its windows. Milliseconds. */
export const DELTA_WIDTH_MAX = 400 * 86_400_000;

/**
 * Events of one kind in a window, at most, for each millisecond of it and in a short one: far more than any machine has, even where its clock
 * was set back during the window; and so few that those of windows that do not overlap (the centre sees to it) stay
 * below 2^53 over 800 days, so that sums of them are exact.
 */
export const EVENTS_PER_MS_MAX = 100_000;
export const EVENTS_SHORT_MAX = 10_000_000;

export const NODE_STATES = ['ready', 'disconnected', 'halted'] as const;

/** Sites that one node probes, at most: the one above, edge nodes (PEERS_MAX of platform/model.ts), and some room. */
export const DELTA_PEERS_MAX = 32;

/** How the way to another site stood. */
export interface PeerState {
  /** False after three lost probes in a row, true after one that came back. */
  readonly up: boolean;
  /** Since when, milliseconds since 1970: when the probe was sent with which that began. */
  readonly since: number;
}

/** Ages of provisional settlements that are told apart. Milliseconds, rising. */
export const PROVISIONAL_AGES_MS = [1_000, 10_000, 60_000, 600_000, 3_600_000] as const;

/** How things stood when the window closed. */
export interface Gauges {
  readonly state: (typeof NODE_STATES)[number];
  /** Accepted settlements that are not known to be ordered; their share of the last hour's; the age of the oldest, milliseconds. */
  readonly provisional: number;
  readonly provisionalRatio: number;
  readonly provisionalAgeMs: number;
  /** The provisional ones by age: at most so old as each of `PROVISIONAL_AGES_MS`, and older than all. Absent when there are none. */
  readonly provisionalByAge?: readonly number[];
  /** Entries of the log that are not yet proven final. */
  readonly queued: number;
  readonly logSize: number;
  /** By site probed; absent when nothing is known of any. */
  readonly peers?: Readonly<Record<string, PeerState>>;
}

export interface Delta {
  /** Of the platform, as in trust.json. */
  readonly origin: string;
  readonly node: string;
  readonly region: string;
  /** From 1, without a gap. */
  readonly seq: number;
  /** The highest number that the centre had acknowledged, as far as the node knew. */
  readonly acknowledged: number;
  /** The window, milliseconds since 1970. `from` is the last delta's `to`, unless the node was not running in between. */
  readonly from: number;
  readonly to: number;
  readonly gauges: Gauges;
  readonly sums: Sums;
}

const DELTA_TITLE = 'tidemark telemetry delta v1';
const SUM_TITLE = 'tidemark telemetry sum v1';
const ACK_TITLE = 'tidemark telemetry acknowledgement v1';

const DEPTH_MAX = 16;

/** RFC 8785 for what JSON.stringify writes as it has to be: keys in order of their UTF-16 code units, numbers as ECMAScript writes them. */
export function canonicalJson(value: unknown, depth = 0): string {
  if (depth > DEPTH_MAX) throw new EncodingError(`JSON nested more than ${DEPTH_MAX} deep`);
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item, depth + 1)).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const o = value as Readonly<Record<string, unknown>>;
  return `{${Object.keys(o).filter((key) => o[key] !== undefined).sort().map((key) => `${JSON.stringify(key)}:${canonicalJson(o[key], depth + 1)}`).join(',')}}`;
}

/** The JSON under a title, in canonical form. @throws EncodingError */
export function signedBody(title: string, text: string): unknown {
  const [first, json, end, more] = text.split('\n', 4);
  if (first !== title || json === undefined || end !== '' || more !== undefined) throw new EncodingError(`expected "${title}" and one line of JSON`);
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw new EncodingError(`${title}: not JSON: ${(error as Error).message}`);
  }
  if (canonicalJson(value) !== json) throw new EncodingError(`${title}: not in canonical form (RFC 8785)`);
  return value;
}

/** @returns the signed note */
export function signDelta(d: Delta, signer: Signer): Promise<string> {
  const { sums, ...rest } = d;
  return signNote(`${DELTA_TITLE}\n${canonicalJson({ v: 1, ...rest, sums: sumsToJson(sums) })}\n`, [signer]);
}

const idRegex = new RegExp(ID_PATTERN);
const id = (path: string, value: unknown): string => {
  if (typeof value !== 'string' || !idRegex.test(value)) throw wrong(path, 'an id', value);
  return value;
};

/** The last one that ECMAScript has a date for. Milliseconds since 1970. */
const TIME_MAX = 8.64e15;
function time(path: string, value: unknown): number {
  if (!isNatural(value) || value > TIME_MAX) throw wrong(path, `milliseconds since 1970, up to ${TIME_MAX}`, value);
  return value;
}

function share(path: string, value: unknown): number {
  if (typeof value !== 'number' || !(value >= 0 && value <= 1)) throw wrong(path, 'a share from 0 to 1', value);
  return value;
}

function gaugesOf(value: unknown): Gauges {
  const g = fields('gauges', value, ['state', 'provisional', 'provisionalRatio', 'provisionalAgeMs', 'provisionalByAge', 'queued', 'logSize', 'peers']);
  const state = NODE_STATES.find((s) => s === g['state']);
  if (state === undefined) throw wrong('gauges.state', `one of ${NODE_STATES.join(', ')}`, g['state']);
  const n = (name: string): number => natural(`gauges.${name}`, g[name]);
  return {
    state, provisional: n('provisional'), provisionalRatio: share('gauges.provisionalRatio', g['provisionalRatio']),
    provisionalAgeMs: n('provisionalAgeMs'), queued: n('queued'), logSize: n('logSize'),
    ...(g['provisionalByAge'] === undefined ? {} : { provisionalByAge: byAgeOf(g['provisionalByAge']) }),
    ...(g['peers'] === undefined ? {} : { peers: peersOf(g['peers']) }),
  };
}

function byAgeOf(value: unknown): readonly number[] {
  if (!Array.isArray(value) || value.length !== PROVISIONAL_AGES_MS.length + 1 || !value.every(isNatural)) {
    throw wrong('gauges.provisionalByAge', `${PROVISIONAL_AGES_MS.length + 1} whole numbers from 0`, value);
  }
  return value as readonly number[];
}

function peersOf(value: unknown): Readonly<Record<string, PeerState>> {
  const all = Object.entries(fields('gauges.peers', value));
  if (all.length > DELTA_PEERS_MAX) throw wrong('gauges.peers', `at most ${DELTA_PEERS_MAX} sites`, all.length);
  return Object.fromEntries(all.map(([to, state]) => {
    const at = `gauges.peers.${id('gauges.peers', to)}`;
    const { up, since } = fields(at, state, ['up', 'since']);
    if (typeof up !== 'boolean') throw wrong(`${at}.up`, 'true or false', up);
    return [to, { up, since: time(`${at}.since`, since) }];
  }));
}

/** @throws EncodingError when more is said to have happened than can happen in the time */
function checkEvents({ from, to, sums: { lag, counts, slas, drift, reconciliation, peering } }: Pick<Delta, 'from' | 'to' | 'sums'>): void {
  const most = Math.max(EVENTS_SHORT_MAX, (to - from) * EVENTS_PER_MS_MAX);
  const check = (path: string, n: number): void => {
    if (n > most) throw wrong(`sums.${path}`, `at most ${most} events in ${to - from} ms`, n);
  };
  for (const stage of LAG_STAGES) check(`lag.${stage}`, lag[stage].count);
  for (const name of COUNTS) check(`counts.${name}`, counts[name]);
  for (const [sla, { events }] of slas) check(`slas.${sla}`, events);
  check('drift.compared', drift.compared);
  check('drift.time', drift.time.count);
  check('reconciliation', reconciliation.count);
  for (const [site, { sent }] of peering) check(`peering.${site}`, sent);
}

/** @throws EncodingError naming the field that is wrong */
export function readDelta(text: string): Delta {
  const o = fields('delta', signedBody(DELTA_TITLE, text), ['v', 'origin', 'node', 'region', 'seq', 'acknowledged', 'from', 'to', 'gauges', 'sums']);
  if (o['v'] !== 1) throw wrong('v', 'version 1', o['v']);
  const d: Delta = {
    origin: typeof o['origin'] === 'string' ? o['origin'] : id('origin', o['origin']), node: id('node', o['node']), region: id('region', o['region']),
    seq: natural('seq', o['seq']), acknowledged: natural('acknowledged', o['acknowledged']),
    from: time('from', o['from']), to: time('to', o['to']), gauges: gaugesOf(o['gauges']), sums: sumsFromJson(o['sums']),
  };
  if (d.seq < 1) throw wrong('seq', 'a number from 1', d.seq);
  if (d.acknowledged >= d.seq) throw wrong('acknowledged', `less than seq (${d.seq})`, d.acknowledged);
  if (d.sums.peering.size > DELTA_PEERS_MAX) throw wrong('sums.peering', `at most ${DELTA_PEERS_MAX} sites`, d.sums.peering.size);
  if (d.to <= d.from || d.to - d.from > DELTA_WIDTH_MAX) throw wrong('to', `more than from (${d.from}), by at most ${DELTA_WIDTH_MAX} ms`, d.to);
  checkEvents(d);
  return d;
}

export interface Signed<T> {
  readonly value: T;
  readonly note: string;
}

function sized(note: string): string {
  if (note.length > DELTA_MAX) throw new EncodingError(`a delta of ${note.length} characters, at most ${DELTA_MAX} are read`);
  return note;
}

/**
 * @param nodes keys by node of the region that it has to be from
 * @throws EncodingError, NoteError (malformed, signed by another) when it is no delta by one of these nodes
 */
export function openDelta(note: string, origin: string, region: string, nodes: ReadonlyMap<string, Verifier>): Signed<Delta> {
  // First the signature: what nobody of ours has signed is not read.
  const { text, verified } = openNote(sized(note), [...nodes.values()]);
  const value = readDelta(text);
  const key = nodes.get(value.node)?.vkey;
  if (key === undefined || value.region !== region) throw wrong('node', `a node of region ${region}`, `${value.region}/${value.node}`);
  if (!verified.some((s) => s.verifier.vkey === key)) throw wrong('node', `that of the signature, ${verified.map((s) => s.verifier.name).join(', ')}`, value.node);
  if (value.origin !== origin) throw wrong('origin', origin, value.origin);
  return { value, note };
}

// ---- the region's sum ----------------------------------------------------------------------------------------------

export interface RegionSum {
  readonly origin: string;
  readonly region: string;
  readonly at: number;
  /** What was added up, in this order: [node, seq]. */
  readonly deltas: readonly (readonly [string, number])[];
  readonly sums: Sums;
}

export function sumOf(origin: string, region: string, at: number, deltas: readonly Delta[]): RegionSum {
  const sums = emptySums();
  for (const d of deltas) addSums(sums, d.sums);
  return { origin, region, at, deltas: deltas.map((d) => [d.node, d.seq] as const), sums };
}

const sumJson = ({ sums, ...rest }: RegionSum): string => canonicalJson({ v: 1, ...rest, sums: sumsToJson(sums) });

export const signSum = (sum: RegionSum, signer: Signer): Promise<string> => signNote(`${SUM_TITLE}\n${sumJson(sum)}\n`, [signer]);

/**
 * Checks that a region added up what it passes on, and nothing else.
 * @throws EncodingError, NoteError
 */
export function checkSum(note: string, verifier: Verifier, origin: string, region: string, deltas: readonly Delta[]): number {
  const { text } = openNote(note, [verifier]);
  const at = natural('sum.at', fields('sum', signedBody(SUM_TITLE, text))['at']);
  if (text !== `${SUM_TITLE}\n${sumJson(sumOf(origin, region, at, deltas))}\n`) throw new EncodingError(`sum: not that of the ${deltas.length} deltas that came with it`);
  return at;
}

// ---- the centre's acknowledgement ----------------------------------------------------------------------------------

/** By node: everything up to this number is stored, or was acknowledged before. */
export type Acknowledged = Readonly<Record<string, number>>;

export const signAcknowledgement = (origin: string, nodes: Acknowledged, signer: Signer): Promise<string> =>
  signNote(`${ACK_TITLE}\n${canonicalJson({ v: 1, origin, nodes })}\n`, [signer]);

/** @throws EncodingError, NoteError when it is not the centre's */
export function openAcknowledgement(note: string, origin: string, global: Verifier): Acknowledged {
  const o = fields('acknowledgement', signedBody(ACK_TITLE, openNote(note, [global]).text), ['v', 'origin', 'nodes']);
  if (o['v'] !== 1 || o['origin'] !== origin) throw wrong('acknowledgement', `version 1, of ${origin}`, [o['v'], o['origin']]);
  const nodes = fields('nodes', o['nodes']);
  for (const [node, seq] of Object.entries(nodes)) if (!isNatural(seq)) throw wrong(`nodes.${node}`, 'a number', seq);
  return nodes as Acknowledged;
}
