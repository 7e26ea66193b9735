/**
 * The audit export of a range (services/telemetry/audit.ts says what is in it), written while it is read: one page of deltas and one part
 * of a file are in memory, however long the range is.
 */
import { createHash, hash } from 'node:crypto';
import { Readable } from 'node:stream';
import { decodeGlobal, Problem } from '../../protocol/index.ts';
import { CLIENT_ERRORS, TAR_END, tarFile, type Server } from '../../shell/index.ts';
import {
  AUDIT_FILE_MAX, AUDIT_FILES, AUDIT_FOLDER, auditLine, createAuditTally, deltaIn, deltasFile, signAuditManifest, type AuditLog,
} from '../../telemetry/index.ts';
import { bundlePath, decodeBundle, TILE_WIDTH, tileWidth, type Signer, type Trust } from '../../transparency/index.ts';
import type { LedgerStore } from '../store.ts';
import type { Witnessed } from '../witness.ts';
import { breathe } from './figures.ts';
import { askedScope, instant, type AskedScope, type Range } from './scope.ts';
import { attained, type Instance } from './sla.ts';
import { RETENTION_DAYS, type TelemetryStore } from './store.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** A part of a node's deltas is closed when it has so many bytes. */
const PART_BYTES = AUDIT_FILE_MAX / 2;
/** Deltas read at once: what the ledger waits for at most. */
const PAGE = 64;
/** Each keeps a share of the machine from the ledger. */
const EXPORTS_MAX = 2;
/** Of a delta, to say about how large an export will be. */
const SAMPLE = 50;
/** Header of a tar file and what fills its last block, on average. Bytes. */
const FILE_BYTES = 768;

export interface AuditContext {
  readonly trust: Trust;
  /** Text of trust.json. */
  readonly trustText: string;
  readonly signer: Signer;
  readonly store: TelemetryStore;
  readonly ledger: Pick<LedgerStore, 'entries' | 'rootAt' | 'consistencyProof'>;
  readonly instances: readonly Instance[];
  readonly witnessed: () => Witnessed | null;
  /** Entries of the global log, witnessed or not. */
  readonly size: () => number;
  readonly now: () => number;
}

/**
 * A time of the query: RFC 3339 in UTC, or milliseconds since 1970; on a whole minute, because that is what figures are of.
 * @throws Problem that says what is allowed
 */
export function askedTime(name: string, text: string): number {
  const time = instant(text);
  if (time % MINUTE_MS === 0) return time;
  throw new Problem(400, 'invalid-request', `${name}: expected a whole minute of UTC as 2026-11-21T15:30Z, or in milliseconds since 1970, got ${JSON.stringify(text.slice(0, 40))}`);
}

/** @throws Problem that says what is allowed */
export function askedRange(from: string, to: string, now: number): Range {
  const range = { from: askedTime('from', from), to: askedTime('to', to) };
  const invalid = (detail: string): Problem => new Problem(400, 'invalid-request', detail);
  const said = (time: number): string => new Date(time).toISOString();
  if (range.from >= range.to) throw invalid(`to: expected a time after from (${said(range.from)}), got ${said(range.to)}`);
  if (range.to > now) throw invalid(`to: ${said(range.to)} is not over yet; it is ${said(now)} here`);
  if (range.from < now - RETENTION_DAYS.raw * DAY_MS) throw invalid(`from: raw deltas are kept for ${RETENTION_DAYS.raw} days, so from ${said(now - RETENTION_DAYS.raw * DAY_MS)} on`);
  return range;
}

/** What has to be known before the first byte is sent: from here on only the connection can fail. */
interface Prepared {
  readonly asked: AskedScope;
  readonly range: Range;
  readonly log: AuditLog;
  /** Null exactly when `log.size` is 0. */
  readonly checkpoint: string | null;
}

async function prepare(c: AuditContext, asked: AskedScope, range: Range): Promise<Prepared> {
  const first = await entriesBefore(c, range.from);
  const end = await entriesBefore(c, range.to);
  const origin = c.signer.name;
  if (end === 0) return { asked, range, checkpoint: null, log: { origin, first, end, size: 0, ...await roots(c, first, end), endToSize: [], bundles: [] } };
  const witnessed = c.witnessed();
  let kept = c.store.checkpoint(end);
  if (kept === undefined) {
    if (witnessed === null || witnessed.size < end) {
      throw new Problem(503, 'not-witnessed', `the log has ${end} entries up to then, and ${witnessed?.size ?? 0} are witnessed; ask again when the regions have cosigned`, {}, 2);
    }
    c.store.keepCheckpoint(witnessed.size, witnessed.note);
    kept = witnessed;
  }
  const { size, note } = kept;
  const pathAt = (index: number): string => `/${bundlePath(index, tileWidth(size, 0, index))}`;
  const bundles = first === end ? [] : [pathAt(Math.floor(first / TILE_WIDTH)), pathAt(Math.floor((end - 1) / TILE_WIDTH))];
  const endToSize = end === size ? [] : await c.ledger.consistencyProof(end, size);
  return { asked, range, checkpoint: note, log: { origin, first, end, size, ...await roots(c, first, end), endToSize: endToSize.map(base64), bundles: [...new Set(bundles)] } };
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

async function roots({ ledger }: AuditContext, first: number, end: number): Promise<Pick<AuditLog, 'firstRoot' | 'endRoot' | 'firstToEnd'>> {
  const proof = first === 0 || first === end ? [] : await ledger.consistencyProof(first, end);
  return { firstRoot: base64(await ledger.rootAt(first)), endRoot: base64(await ledger.rootAt(end)), firstToEnd: proof.map(base64) };
}

/**
 * How many entries of the log were written before then. Their times rise, unless the clock was set back in between; the search looks at
 * the same entries however long the log has become, so that its answer stays.
 */
async function entriesBefore({ ledger, size }: AuditContext, time: number): Promise<number> {
  const total = size();
  const isBefore = async (index: number): Promise<boolean> => index < total && decodeGlobal(decodeBundle(await ledger.entries(index, index + 1))[0]!).at < time;
  if (!await isBefore(0)) return 0;
  let [low, high] = [0, 1];
  while (await isBefore(high)) [low, high] = [high, high * 2];
  while (high - low > 1) {
    const middle = low + Math.floor((high - low) / 2);
    if (await isBefore(middle)) low = middle;
    else high = middle;
  }
  return high;
}

const readme = ({ asked, range }: Prepared, origin: string): string => `Audit export of ${origin}

  scope  ${asked.name}
  from   ${new Date(range.from).toISOString()}
  to     ${new Date(range.to).toISOString()} (not included)

Everything in here was signed by who measured or wrote it, and is as it was received:

  trust.json       the platform's public keys, as the control plane has them; compare it with the one that you were given
  checkpoint.txt   a checkpoint of the global log, signed and cosigned by the regions; not there while the log is empty
  log.json         which of the log's entries were written in the range, with proofs that lead to the checkpoint; "bundles" says where the
                   entries are: GET them from the control plane, or take them from "tidemark export"
  deltas/          raw telemetry of each edge node, one signed note in each line, as received
  sla.json         every SLA over the range, with the counts of each node: they are the sums of the deltas
  SHA256SUMS       of all of these files
  manifest.note    what was asked, how many deltas of each node are here and how many are missing, and the digest of SHA256SUMS,
                   signed by the global log's key

Check all of it, with your own trust.json:

  tidemark verify FILE.tar --trust trust.json

or, where the archive was unpacked (an archive that another program packed again has to be, too):

  tidemark verify audit --trust trust.json

Or with tools that are not ours: "sha256sum -c audit/SHA256SUMS" where the archive was unpacked; any C2SP signed-note library opens the notes;
docs/telemetry.md says how figures are made of deltas.
`;

/** The archive in pieces. @throws Error of the store: what was sent then has no end, and no reader takes it for whole */
async function* archive(c: AuditContext, p: Prepared): AsyncGenerator<Buffer> {
  const listed: string[] = [];
  const part = (path: string, body: Uint8Array | string): Buffer => {
    const bytes = typeof body === 'string' ? Buffer.from(body) : body;
    listed.push(`${hash('sha256', bytes)}  ${path}\n`);
    return tarFile(path, bytes);
  };
  const pretty = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
  yield part(AUDIT_FILES.readme, readme(p, c.trust.origin));
  yield part(AUDIT_FILES.trust, c.trustText);
  if (p.checkpoint !== null) yield part(AUDIT_FILES.checkpoint, p.checkpoint);
  yield part(AUDIT_FILES.log, pretty(p.log));

  const tally = createAuditTally(p.range, new Set(c.instances.map((i) => i.sla.id)));
  for (const node of p.asked.nodes) {
    let lines: string[] = [];
    let bytes = 0;
    let parts = 0;
    for (let after = { at: -1, seq: 0 }; ;) {
      const page = c.store.within(node, p.range, after, PAGE);
      for (const { note, receivedAt } of page) {
        tally.add(deltaIn(note), receivedAt);
        const line = auditLine({ note, receivedAt });
        lines.push(line);
        bytes += line.length;
        if (bytes < PART_BYTES) continue;
        yield part(deltasFile(node, parts += 1), lines.join(''));
        [lines, bytes] = [[], 0];
      }
      await breathe();
      const last = page.at(-1);
      if (last === undefined) break;
      after = last;
    }
    if (lines.length > 0) yield part(deltasFile(node, parts + 1), lines.join(''));
  }

  const slas = c.instances.filter((i) => i.nodes.every((node) => p.asked.nodes.includes(node))).map((instance) => {
    const counts = tally.slas.get(instance.sla.id);
    const byNode = instance.nodes.flatMap((node) => {
      const share = counts?.get(node);
      return share === undefined ? [] : [{ node, share }];
    });
    return { ...attained(instance, byNode.map((n) => n.share)), byNode: byNode.map(({ node, share }) => ({ node, events: share.events, goodEvents: share.good })) };
  });
  yield part(AUDIT_FILES.sla, pretty({ scope: p.asked.name, ...p.range, slas }));
  const digest = createHash('sha256');
  for (const line of listed) digest.update(line);
  yield tarFile(AUDIT_FILES.sums, Buffer.from(listed.join('')));
  yield tarFile(AUDIT_FILES.manifest, Buffer.from(await signAuditManifest({
    origin: c.trust.origin, scope: p.asked.name, ...p.range, nodes: Object.fromEntries(p.asked.nodes.map((node) => [node, tally.node(node)])), sums: digest.digest('hex'),
  }, c.signer)));
  yield TAR_END;
}

/** About how large the export will be, for who waits for it. */
function estimate({ store }: AuditContext, { asked, range }: Prepared): { deltas: number; bytes: number } {
  let deltas = 0;
  let sampled = 0;
  let sampledBytes = 0;
  let bytes = 16 * FILE_BYTES;
  for (const node of asked.nodes) {
    const count = store.countWithin(node, range);
    if (count === 0) continue;
    deltas += count;
    bytes += FILE_BYTES;
    if (sampled >= SAMPLE) continue;
    for (const { note } of store.within(node, range, { at: -1, seq: 0 }, SAMPLE / 10)) {
      sampled += 1;
      sampledBytes += note.length;
    }
  }
  return { deltas, bytes: Math.round(bytes + (sampled === 0 ? 0 : deltas * sampledBytes / sampled)) };
}

const fileName = ({ asked, range }: Prepared): string => {
  const minute = (time: number): string => new Date(time).toISOString().slice(0, 16).replaceAll(':', '');
  return `${AUDIT_FOLDER}-${asked.name.replaceAll(/[^A-Za-z0-9.-]/g, '-')}-${minute(range.from)}Z-${minute(range.to)}Z.tar`;
};

export function auditRoutes(server: Server, c: AuditContext): void {
  let running = 0;
  const time = (description: string): object => ({ type: 'string', maxLength: 40, description });
  server.get<{ Querystring: { scope: string; from: string; to: string } }>('/v1/audit/export', {
    schema: {
      tags: ['telemetry'], summary: 'Everything an auditor needs of a range, as a tar archive: raw deltas, SLAs, log range, checkpoint, manifest', response: CLIENT_ERRORS,
      querystring: {
        type: 'object', additionalProperties: false, required: ['from', 'to'], properties: {
          scope: { type: 'string', default: 'global', maxLength: 200, description: 'global, region:ID or site:ID' },
          from: time('a whole minute of UTC, 2026-11-21T15:30Z, or milliseconds since 1970'), to: time('the same; not included'),
        },
      },
    },
  }, async (request, reply) => {
    const asked = askedScope(c.trust, request.query.scope);
    const range = askedRange(request.query.from, request.query.to, c.now());
    if (running >= EXPORTS_MAX) throw new Problem(503, 'busy', `${running} exports are under way; ask again when one is done`, {}, 10);
    running += 1;
    let body: Readable;
    try {
      const prepared = await prepare(c, asked, range);
      const about = estimate(c, prepared);
      void reply.type('application/x-tar').headers({
        'content-disposition': `attachment; filename="${fileName(prepared)}"`, 'cache-control': 'no-store', 'x-content-type-options': 'nosniff',
        'tidemark-deltas': String(about.deltas), 'tidemark-bytes-about': String(about.bytes),
      });
      body = Readable.from(archive(c, prepared), { objectMode: false });
    } catch (error) {
      running -= 1;
      throw error;
    }
    // Also when who asked has left.
    body.once('close', () => {
      running -= 1;
    });
    reply.raw.once('close', () => body.destroy());
    if (reply.raw.closed) body.destroy();
    return reply.send(body);
  });
}
