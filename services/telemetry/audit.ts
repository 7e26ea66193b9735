/**
 * The audit export: what a control plane hands out for a stretch of time, in a form that is checked without it. A tar archive of plain
 * files, in this order:
 *
 *     audit/README.txt                  what it is, and how to check it
 *     audit/trust.json                  the platform's public keys, as the control plane has them
 *     audit/checkpoint.txt              a witnessed checkpoint of the global log that covers the range; none while the log is empty
 *     audit/log.json                    which entries of the global log are of the range, with consistency proofs up to the checkpoint
 *     audit/deltas/<node>/<n>.ndjson    raw telemetry deltas as received, {"note", "receivedAt"} in order of time and number
 *     audit/sla.json                    every SLA over the range, with the counts of each node
 *     audit/SHA256SUMS                  of all of these, as `sha256sum -c` reads it
 *     audit/manifest.note               a signed note by the global log's key over what was asked, the counts, and the digest of SHA256SUMS
 *
 * The bytes depend on the range, the scope and what is stored alone: asked again, the same range gives the same bytes, once all of
 * its deltas are in.
 */
import { EncodingError } from '../protocol/errors.ts';
import { openNote, parseNote, signNote, type Signer, type Verifier } from '../transparency/index.ts';
import { canonicalJson, readDelta, signedBody, type Delta } from './delta.ts';
import type { Share } from './proportions.ts';
import { timeOf } from './rollup.ts';
import { fields, isNatural, natural, wrong } from './sums.ts';

export const AUDIT_FOLDER = 'audit';
/** Of one file in an export: a part of the deltas is closed when it is larger than half of it. Bytes. */
export const AUDIT_FILE_MAX = 4 * 1024 * 1024;
/** SHA256SUMS grows with the number of parts. Bytes. */
export const AUDIT_SUMS_MAX = 64 * 1024 * 1024;

export const deltasFile = (node: string, part: number): string => `${AUDIT_FOLDER}/deltas/${node}/${String(part).padStart(6, '0')}.ndjson`;
export const AUDIT_FILES = {
  readme: `${AUDIT_FOLDER}/README.txt`, trust: `${AUDIT_FOLDER}/trust.json`, checkpoint: `${AUDIT_FOLDER}/checkpoint.txt`, log: `${AUDIT_FOLDER}/log.json`,
  sla: `${AUDIT_FOLDER}/sla.json`, sums: `${AUDIT_FOLDER}/SHA256SUMS`, manifest: `${AUDIT_FOLDER}/manifest.note`,
} as const;

// ---- the manifest ---------------------------------------------------------------------------------------------------

export interface AuditNode {
  readonly deltas: number;
  /** Lowest and highest number; 0 without deltas. */
  readonly first: number;
  readonly last: number;
  /** Numbers in between that are not here. */
  readonly missing: number;
}

export interface AuditManifest {
  readonly origin: string;
  /** `global`, `region:ID` or `site:ID`. */
  readonly scope: string;
  /** Milliseconds since 1970, on whole minutes; `to` is not included. */
  readonly from: number;
  readonly to: number;
  /** Every node of the scope. */
  readonly nodes: Readonly<Record<string, AuditNode>>;
  /** SHA-256 of the file SHA256SUMS, hex. */
  readonly sums: string;
}

const TITLE = 'tidemark audit export v1';

export const signAuditManifest = (m: AuditManifest, signer: Signer): Promise<string> => signNote(`${TITLE}\n${canonicalJson({ v: 1, ...m })}\n`, [signer]);

/** @throws EncodingError, NoteError when it is not one by this key */
export function openAuditManifest(note: string, global: Verifier): AuditManifest {
  const o = fields('manifest', signedBody(TITLE, openNote(note, [global]).text), ['v', 'origin', 'scope', 'from', 'to', 'nodes', 'sums']);
  const text = (name: string): string => {
    const value = o[name];
    if (typeof value !== 'string') throw wrong(`manifest.${name}`, 'a text', value);
    return value;
  };
  if (o['v'] !== 1) throw wrong('manifest.v', 'version 1', o['v']);
  const nodes = Object.entries(fields('manifest.nodes', o['nodes'])).map(([node, value]): [string, AuditNode] => {
    const n = fields(`manifest.nodes.${node}`, value, ['deltas', 'first', 'last', 'missing']);
    const count = (name: string): number => natural(`manifest.nodes.${node}.${name}`, n[name]);
    return [node, { deltas: count('deltas'), first: count('first'), last: count('last'), missing: count('missing') }];
  });
  return {
    origin: text('origin'), scope: text('scope'), from: natural('manifest.from', o['from']), to: natural('manifest.to', o['to']),
    nodes: Object.fromEntries(nodes), sums: text('sums'),
  };
}

// ---- the lines of the deltas, and what they add up to ----------------------------------------------------------------

export interface AuditLine {
  readonly note: string;
  /** Milliseconds since 1970, by the centre's clock. */
  readonly receivedAt: number;
}

export const auditLine = ({ note, receivedAt }: AuditLine): string => `${canonicalJson({ note, receivedAt })}\n`;

/** @throws EncodingError when it is not a line as `auditLine` writes it */
export function readAuditLine(line: string): AuditLine {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw new EncodingError(`not JSON: ${(error as Error).message}`);
  }
  const o = fields('line', value, ['note', 'receivedAt']);
  if (typeof o['note'] !== 'string') throw wrong('line.note', 'a signed note', o['note']);
  const read = { note: o['note'], receivedAt: natural('line.receivedAt', o['receivedAt']) };
  if (auditLine(read) !== `${line}\n`) throw new EncodingError('not in canonical form (RFC 8785)');
  return read;
}

/** A delta's text without a look at its signature: for who stored it after one. @throws EncodingError */
export const deltaIn = (note: string): Delta => readDelta(parseNote(note).text);

/** Adds up what the deltas of a range say of SLAs, in the order in which the export has them. */
export interface AuditTally {
  /** @throws EncodingError when it is not of the range, or not behind the one before */
  add(delta: Pick<Delta, 'node' | 'seq' | 'from' | 'to' | 'sums'>, receivedAt: number): void;
  node(id: string): AuditNode;
  /** By SLA and node. */
  readonly slas: ReadonlyMap<string, ReadonlyMap<string, Share>>;
  /** SLAs that nodes counted events for and nobody asked about: the first OTHERS_MAX of them. */
  readonly others: ReadonlySet<string>;
}

const OTHERS_MAX = 100;

/** @param known SLAs that are added up: a node may make up others in every delta */
export function createAuditTally({ from, to }: { readonly from: number; readonly to: number }, known: ReadonlySet<string>): AuditTally {
  interface Progress { deltas: number; first: number; last: number; at: number; seq: number }
  const nodes = new Map<string, Progress>();
  const slas = new Map<string, Map<string, { events: number; good: number }>>();
  const others = new Set<string>();
  return {
    slas, others,
    add(delta, receivedAt) {
      const { node, seq } = delta;
      const at = timeOf(delta, receivedAt);
      if (!(at >= from && at < to)) throw new EncodingError(`delta ${seq} of ${node} counts at ${new Date(at).toISOString()}, which is not in the range`);
      let p = nodes.get(node);
      if (p === undefined) nodes.set(node, p = { deltas: 0, first: seq, last: seq, at, seq: 0 });
      if (at < p.at || (at === p.at && seq <= p.seq)) throw new EncodingError(`delta ${seq} of ${node} is not in order of time and number`);
      p.deltas += 1;
      p.first = Math.min(p.first, seq);
      p.last = Math.max(p.last, seq);
      [p.at, p.seq] = [at, seq];
      for (const [sla, share] of delta.sums.slas) {
        if (!known.has(sla)) {
          if (others.size < OTHERS_MAX) others.add(sla);
          continue;
        }
        let byNode = slas.get(sla);
        if (byNode === undefined) slas.set(sla, byNode = new Map());
        const sum = byNode.get(node) ?? { events: 0, good: 0 };
        byNode.set(node, { events: sum.events + share.events, good: sum.good + share.good });
      }
    },
    node(id) {
      const p = nodes.get(id);
      return p === undefined ? { deltas: 0, first: 0, last: 0, missing: 0 } : { deltas: p.deltas, first: p.first, last: p.last, missing: p.last - p.first + 1 - p.deltas };
    },
  };
}

// ---- the log's part ---------------------------------------------------------------------------------------------------

/** The entries of the global log that are of a range: `first .. end-1`, those that were written in it by the centre's clock. */
export interface AuditLog {
  readonly origin: string;
  readonly first: number;
  readonly end: number;
  /** Of the checkpoint; 0 while there is none. */
  readonly size: number;
  /** Base64. */
  readonly firstRoot: string;
  readonly endRoot: string;
  /** Consistency proofs (RFC 6962, section 2.1.2), base64. */
  readonly firstToEnd: readonly string[];
  readonly endToSize: readonly string[];
  /** Paths of the entry bundles that hold them, the first and the last; relative to the control plane's address. */
  readonly bundles: readonly string[];
}

/** @throws EncodingError when it is not what an export has */
export function readAuditLog(text: string): AuditLog {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new EncodingError(`not JSON: ${(error as Error).message}`);
  }
  const o = fields('log', value, ['origin', 'first', 'end', 'size', 'firstRoot', 'endRoot', 'firstToEnd', 'endToSize', 'bundles']);
  for (const name of ['first', 'end', 'size']) if (!isNatural(o[name])) throw wrong(`log.${name}`, 'a whole number from 0', o[name]);
  for (const name of ['origin', 'firstRoot', 'endRoot']) if (typeof o[name] !== 'string') throw wrong(`log.${name}`, 'a text', o[name]);
  for (const name of ['firstToEnd', 'endToSize', 'bundles']) {
    const list = o[name];
    if (!Array.isArray(list) || list.length > 64 || !list.every((item) => typeof item === 'string')) throw wrong(`log.${name}`, 'a list of texts', list);
  }
  const log = o as unknown as AuditLog;
  if (!(log.first <= log.end && log.end <= log.size)) throw wrong('log', 'first <= end <= size', [log.first, log.end, log.size]);
  return log;
}
