/** An audit export (services/telemetry/audit.ts), verified offline: one file of it in memory at a time, however large it is. */
import { hash } from 'node:crypto';
import {
  AUDIT_FILE_MAX, AUDIT_FILES, createAuditTally, deltasFile, openAuditManifest, openDelta, readAuditLine, readAuditLog, type AuditManifest, type AuditTally,
} from '../../services/telemetry/index.ts';
import { parseTrust, verifyConsistency, type RegionTrust, type Trust } from '../../services/transparency/index.ts';
import { withAuditEntries, type AuditEntries } from './audit-files.ts';
import { openLogCheckpoint } from './folder.ts';
import { Findings, type Report } from './report.ts';

/** What the first pass finds: small files, and the digest of every other one. */
interface Content {
  /** Files but those of deltas, by path. */
  readonly small: ReadonlyMap<string, Buffer>;
  /** In the archive's order: path and SHA-256. */
  readonly digests: readonly (readonly [path: string, sha256: string])[];
}

const DELTAS = /^audit\/deltas\/([^/]+)\/([0-9]{6,})\.ndjson$/;
const SMALL: readonly string[] = Object.values(AUDIT_FILES);

function readContent(entries: AuditEntries): Content {
  const small = new Map<string, Buffer>();
  const digests: [string, string][] = [];
  for (const { path, body } of entries()) {
    if (body.length > AUDIT_FILE_MAX && path !== AUDIT_FILES.sums) throw new Error(`${path}: ${body.length} bytes, at most ${AUDIT_FILE_MAX} are read`);
    if (small.has(path)) throw new Error(`${path}: is there twice`);
    if (SMALL.includes(path)) small.set(path, body);
    else if (!DELTAS.test(path)) throw new Error(`${path}: is no part of an audit export`);
    digests.push([path, hash('sha256', body)]);
  }
  return { small, digests };
}

/**
 * @param path the archive, or a folder that it was unpacked into
 * @param given text of the reader's own trust.json; null: the one in the export
 */
export function verifyAudit(path: string, given: string | null): Report {
  const found = new Findings();
  const whose = given === null ? 'own' as const : 'given' as const;
  let trustText = given ?? '';
  found.attempt(path, () => withAuditEntries(path, (entries) => {
    const content = readContent(entries);
    const textOf = (file: string): string => {
      const bytes = content.small.get(file);
      if (bytes === undefined) throw new Error(`${file}: is missing`);
      return bytes.toString('utf8');
    };
    trustText = given ?? textOf(AUDIT_FILES.trust);
    const trust = parseTrust(trustText);
    const manifest = openAuditManifest(textOf(AUDIT_FILES.manifest), trust.global);
    found.count('manifest signed by the global log');
    checkManifest(manifest, trust);
    checkSums(content, manifest.sums, textOf(AUDIT_FILES.sums));
    found.count('files compared with SHA256SUMS', content.digests.length - 2);
    if (given !== null && textOf(AUDIT_FILES.trust) !== given) found.note('the trust.json in the export is not the one that was given; the given one counted');

    // Read first, so that only what it speaks of is added up.
    const told = found.attempt(AUDIT_FILES.sla, () => readSlas(textOf(AUDIT_FILES.sla), manifest)) ?? null;
    const tally = checkDeltas(entries, manifest, trust, new Set(told?.map((row) => row.sla)), found);
    found.attempt(AUDIT_FILES.manifest, () => compareNodes(manifest, tally));
    if (told !== null) {
      found.attempt(AUDIT_FILES.sla, () => {
        compareSlas(told, manifest, tally, trust);
        found.count('SLAs recomputed from deltas', told.length);
      });
      if (tally.others.size > 0) {
        found.note(`nodes counted events for SLAs that ${AUDIT_FILES.sla} says nothing of, since they are about more than ${manifest.scope}, or the control plane does not have them: ${[...tally.others].slice(0, 10).join(', ')}${tally.others.size > 10 ? ', ...' : ''}`);
      }
    }
    found.attempt(AUDIT_FILES.log, () => checkLog(textOf(AUDIT_FILES.log), content.small.get(AUDIT_FILES.checkpoint)?.toString('utf8') ?? null, trust, found));
    const said = (time: number): string => new Date(time).toISOString();
    found.note(`${manifest.scope}, ${said(manifest.from)} to ${said(manifest.to)}`);
    const missing = Object.values(manifest.nodes).reduce((sum, n) => sum + n.missing, 0);
    if (missing > 0) found.note(`${missing} deltas of the range had not arrived when this was exported: an export made later may have them`);
  }));
  return found.report('audit', { whose, text: trustText });
}

/** @throws Error unless the manifest is about this platform and the nodes of its scope */
function checkManifest(m: AuditManifest, trust: Trust): void {
  if (m.origin !== trust.origin) throw new Error(`${AUDIT_FILES.manifest}: is of ${m.origin}, trust.json of ${trust.origin}`);
  const expected = nodesOf(m.scope, trust).map(([node]) => node).sort();
  const got = Object.keys(m.nodes).sort();
  if (expected.join(' ') !== got.join(' ')) throw new Error(`${AUDIT_FILES.manifest}: ${m.scope} has the nodes ${expected.join(', ') || 'none'}, the manifest ${got.join(', ') || 'none'}`);
}

function nodesOf(scope: string, trust: Trust): [string, RegionTrust][] {
  const [kind, id = ''] = scope.split(/:(.*)/s, 2);
  const all = [...trust.regions.values()].flatMap((region) => [...region.nodes.keys()].map((node): [string, RegionTrust] => [node, region]));
  return all.filter(([node, region]) => (kind === 'region' ? region.id === id : kind === 'site' ? node === id : scope === 'global'));
}

/** @throws Error unless SHA256SUMS is the signed one and lists exactly the files before it, as they are */
function checkSums({ digests }: Content, signed: string, sums: string): void {
  const listed = digests.slice(0, -2);
  const [[sumsPath, sumsDigest] = ['', ''], [last] = ['']] = digests.slice(-2);
  if (sumsPath !== AUDIT_FILES.sums || last !== AUDIT_FILES.manifest) throw new Error(`expected ${AUDIT_FILES.sums} and ${AUDIT_FILES.manifest} at the end, got ${sumsPath}, ${last}`);
  if (sumsDigest !== signed) throw new Error(`${AUDIT_FILES.sums}: its SHA-256 is ${sumsDigest}, the signed manifest says ${signed}`);
  const lines = sums.split('\n');
  if (lines.pop() !== '') throw new Error(`${AUDIT_FILES.sums}: its last line is cut off`);
  const named = new Set(lines.map((line) => line.slice(66)));
  const here = new Set(listed.map(([path]) => path));
  for (const path of named) if (!here.has(path)) throw new Error(`${path}: is missing; ${AUDIT_FILES.sums} lists it`);
  for (const path of here) if (!named.has(path)) throw new Error(`${path}: is not listed in ${AUDIT_FILES.sums}`);
  if (lines.length !== listed.length) throw new Error(`${AUDIT_FILES.sums}: lists ${lines.length} files, ${listed.length} are here`);
  for (const [i, [path, sha256]] of listed.entries()) {
    if (lines[i] !== `${sha256}  ${path}`) throw new Error(`${path}: was altered or moved: its SHA-256 is ${sha256}, ${AUDIT_FILES.sums} says ${JSON.stringify(lines[i])}`);
  }
}

/** Second pass: every delta with its signature, and what they add up to. */
function checkDeltas(entries: AuditEntries, manifest: AuditManifest, trust: Trust, slas: ReadonlySet<string>, found: Findings): AuditTally {
  const regions = new Map(nodesOf(manifest.scope, trust));
  const tally = createAuditTally(manifest, slas);
  const parts = new Map<string, number>();
  for (const { path, body } of entries()) {
    const [, node] = DELTAS.exec(path) ?? [];
    if (node === undefined) continue;
    const region = regions.get(node);
    const part = (parts.get(node) ?? 0) + 1;
    parts.set(node, part);
    if (region === undefined || path !== deltasFile(node, part)) {
      found.fail(path, region === undefined ? `${manifest.scope} has no node ${node}` : `expected ${deltasFile(node, part)} here`);
      continue;
    }
    const lines = body.toString('utf8').split('\n');
    if (lines.pop() !== '') found.fail(path, 'its last line is cut off');
    for (const [i, line] of lines.entries()) {
      found.attempt(path, () => {
        const { note, receivedAt } = readAuditLine(line);
        const { value } = openDelta(note, trust.origin, region.id, region.nodes);
        if (value.node !== node) throw new Error(`is by ${value.node}`);
        tally.add(value, receivedAt);
        found.count('deltas with their node\'s signature');
      }, i);
    }
  }
  return tally;
}

function compareNodes(manifest: AuditManifest, tally: AuditTally): void {
  for (const [node, said] of Object.entries(manifest.nodes)) {
    const is = tally.node(node);
    for (const name of ['deltas', 'first', 'last', 'missing'] as const) {
      if (is[name] !== said[name]) throw new Error(`${node}: ${name} is ${is[name]} by the deltas, the manifest says ${said[name]}`);
    }
  }
}

interface SlaRow {
  readonly sla: string;
  readonly scope: string;
  readonly events: number;
  readonly goodEvents: number;
  readonly badEvents: number;
  readonly attainment: number | null;
  readonly byNode: readonly { readonly node: string; readonly events: number; readonly goodEvents: number }[];
}

/** Ids and scopes: nothing that a terminal obeys. */
const PLAIN = /^[\x21-\x7e]{1,300}$/;

/** @throws Error when it is not about what the manifest is about */
function readSlas(text: string, manifest: AuditManifest): readonly SlaRow[] {
  const { scope, from, to, slas } = (JSON.parse(text) ?? {}) as { scope: string; from: number; to: number; slas: readonly SlaRow[] };
  if (scope !== manifest.scope || from !== manifest.from || to !== manifest.to || !Array.isArray(slas)) throw new Error('is of another range or scope than the manifest');
  for (const row of slas as readonly SlaRow[]) {
    const isNamed = [row?.sla, row?.scope].every((name) => typeof name === 'string' && PLAIN.test(name));
    if (!isNamed || !Array.isArray(row.byNode) || !row.byNode.every((n: { node?: unknown } | null) => typeof n?.node === 'string' && PLAIN.test(n.node))) {
      throw new Error(`expected an SLA's figures with those of its nodes, got ${JSON.stringify(row)?.slice(0, 80)}`);
    }
  }
  return slas;
}

/** @throws Error at the first figure that does not follow from the deltas */
function compareSlas(slas: readonly SlaRow[], manifest: AuditManifest, tally: AuditTally, trust: Trust): void {
  const seen = new Set<string>();
  for (const row of slas) {
    const where = `${row.sla}, ${row.scope}`;
    if (seen.has(where)) throw new Error(`${where}: is there twice`);
    seen.add(where);
    const nodes = nodesOf(row.scope, trust).map(([node]) => node);
    if (nodes.some((node) => !Object.hasOwn(manifest.nodes, node))) throw new Error(`${where}: is about more than ${manifest.scope}, which the deltas are of`);
    // Whoever counted in the scope counts, once, and nobody else.
    const expected = nodes.filter((node) => tally.slas.get(row.sla)?.has(node) === true).sort();
    const got = row.byNode.map((n: { node: string }) => n.node).sort();
    if (expected.join(' ') !== got.join(' ')) throw new Error(`${where}: ${expected.join(', ') || 'no node'} counted events, it has ${got.join(', ') || 'none'}`);
    const same = (what: string, is: unknown, said: unknown): void => {
      if (is !== said) throw new Error(`${where}: ${what} is ${JSON.stringify(is)} by the deltas, it says ${JSON.stringify(said)}`);
    };
    for (const { node, events, goodEvents } of row.byNode) {
      const share = tally.slas.get(row.sla)?.get(node) ?? { events: 0, good: 0 };
      same(`events of ${node}`, share.events, events);
      same(`good events of ${node}`, share.good, goodEvents);
    }
    const events = row.byNode.reduce((sum, n) => sum + n.events, 0);
    const good = row.byNode.reduce((sum, n) => sum + n.goodEvents, 0);
    same('events', events, row.events);
    same('good events', good, row.goodEvents);
    same('bad events', events - good, row.badEvents);
    same('attainment', events === 0 ? null : good / events, row.attainment);
  }
  // No node that counted for an SLA of this whole scope may be left out of it.
  for (const [sla, byNode] of tally.slas) {
    const rows = slas.filter((row) => row.sla === sla);
    for (const node of byNode.keys()) {
      if (rows.length > 0 && !rows.some((row) => row.byNode.some((n: { node: string }) => n.node === node))) throw new Error(`${sla}: ${node} has counted events, and is in none of its rows`);
    }
  }
}

/** @throws Error when the range of the log does not lead to the checkpoint */
function checkLog(text: string, checkpoint: string | null, trust: Trust, found: Findings): void {
  const log = readAuditLog(text);
  const bytes = (list: readonly string[]): Buffer[] => list.map((hash64) => Buffer.from(hash64, 'base64'));
  const [firstRoot, endRoot] = [Buffer.from(log.firstRoot, 'base64'), Buffer.from(log.endRoot, 'base64')];
  if (log.origin !== trust.global.name) throw new Error(`is of ${log.origin}, the global log is ${trust.global.name}`);
  verifyConsistency(log.first, firstRoot, log.end, endRoot, bytes(log.firstToEnd));
  if (checkpoint === null) {
    if (log.end !== 0 || log.size !== 0) throw new Error(`${AUDIT_FILES.checkpoint} is missing, and the log has ${log.end} entries`);
    found.note('the global log was empty up to the end of the range');
    return;
  }
  const head = openLogCheckpoint(checkpoint, 'global', trust);
  found.count('cosignatures of the checkpoint', head.cosigners.length);
  if (head.size !== log.size) throw new Error(`the checkpoint is of size ${head.size}, it says ${log.size}`);
  verifyConsistency(log.end, endRoot, head.size, head.root, bytes(log.endToSize));
  found.count('consistency proofs of the log', 2);
  found.note(`entries ${log.first} to ${log.end} of the global log (the last one not included) are of this range, and in the checkpoint of size ${log.size}`);
}
