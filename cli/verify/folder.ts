/**
 * An export verified offline, from its bytes: what docs/protocol.md calls what an auditor can check. Nothing in it is
 * believed; the public keys in trust.json are the one thing that a reader has to know from elsewhere.
 */
import { hash } from 'node:crypto';
import {
  decide, decodeBatch, decodeDecision, decodeGlobal, decodePolicy, encodeDecision, policyDigest, sameInstruction,
  type BatchEntry, type DecisionEntry, type OutcomeEntry, type Policy,
} from '../../services/protocol/index.ts';
import {
  encodeBundle, openCheckpointWithQuorum, parseTilePath, parseTrust, rootAt, witnessedBy, type Checkpoint, type Trust,
  type TrustFile, type Verifier,
} from '../../services/transparency/index.ts';
import { counted } from '../io.ts';
import { Beliefs } from './beliefs.ts';
import { createAuditLedger, type AuditLedger } from './ledger.ts';
import { logFiles, verifyLog, type VerifiedLog } from './log.ts';
import { fileOf, MANIFEST, parseManifest, type ManifestLog } from './manifest.ts';
import { logPolicies, vkeyFiles, witnessFiles } from './policies.ts';
import { Findings, type Files, type Report } from './report.ts';

export interface FolderOptions {
  /** The reader's own trust.json, from elsewhere; without it the export's own is used, and the report says so. */
  readonly trust?: string;
  /** Every outcome of the global log, in order, whether or not it holds. */
  readonly onOutcome?: (outcome: OutcomeEntry, index: number) => void;
  /** Called with the recomputed ledger at the end, when there was enough to compute it. */
  readonly onLedger?: (ledger: AuditLedger) => void;
  readonly onProgress?: (what: string, done: number, total: number) => void;
}

interface Node {
  readonly id: string;
  readonly region: string;
  readonly verifier: Verifier;
  readonly log: VerifiedLog;
  /** Log size that the region's batches have reached. */
  ordered: number;
  /** Log size that the global log's outcomes have reached. */
  settled: number;
  /** First entry that is no decision: from its batch on nothing of this node has an outcome. */
  malformedAt: number;
}

interface RegionWalk {
  readonly log: VerifiedLog;
  /** Next batch of this region that the global log has to have outcomes of. */
  next: number;
  batch: BatchEntry | null;
  /** Next edge log index within the batch. */
  index: number;
}

const LOGS = 'logs/';

export const logNames = (trust: Trust): string[] => [
  'global', ...[...trust.regions.values()].flatMap((r) => [`region-${r.id}`, ...[...r.nodes.keys()].map((id) => `edge-${id}`)]),
];

export function verifyFolder(files: Files, options: FolderOptions = {}): Report {
  const found = new Findings();
  const listed = checkManifest(files, found);
  const { trust, text } = readTrustOf(files, options, listed, found);
  const used = text === undefined ? undefined : { whose: options.trust === undefined ? 'own' as const : 'given' as const, text };
  if (trust === null) {
    found.note('without its public keys nothing else of the export could be checked');
    return found.report('export', used);
  }
  const logs = new Map<string, VerifiedLog>();
  const all = new Set(files.list());
  for (const name of logNames(trust)) {
    if (listed?.has(name) === false) {
      found.missing(name);
      continue;
    }
    const log = checkLog(files, name, trust, found, options);
    if (log === null) continue;
    const said = listed?.get(name);
    if (said !== undefined) compareListed(said, log.checkpoint, found);
    logs.set(name, log);
    const expected = new Set(logFiles(log.size));
    for (const path of all) {
      const rest = path.startsWith(`${log.dir}/`) ? path.slice(log.dir.length + 1) : null;
      if (rest?.startsWith('tile/') === true && !expected.has(rest)) {
        found.fail(path, parseTilePath(rest) === null ? 'is not a tile path' : `does not belong to a log of ${log.size} entries`);
      }
    }
  }
  for (const name of listed?.keys() ?? []) {
    if (!logNames(trust).includes(name)) {
      found.fail(MANIFEST, `logs: ${JSON.stringify(name)} is a log that trust.json does not name`);
    }
  }
  const known = new Set(logNames(trust).map((name) => `${LOGS}${name}/`));
  for (const path of all) {
    if (path.startsWith(LOGS) && ![...known].some((dir) => path.startsWith(dir))) {
      found.fail(path, 'is of a log that trust.json does not name');
    }
  }
  const policies = readPolicies(files, found);

  const nodes = new Map<string, Node>();
  const beliefs = new Beliefs();
  const leftOut = new Set<string>();
  const walks = new Map<string, RegionWalk>();
  for (const region of trust.regions.values()) {
    for (const [id, verifier] of region.nodes) {
      if (listed?.has(`edge-${id}`) === false) leftOut.add(id);
      const log = logs.get(`edge-${id}`);
      if (log?.readable !== true) continue;
      const node: Node = { id, region: region.id, verifier, log, ordered: 0, settled: 0, malformedAt: Infinity };
      node.malformedAt = checkDecisions(node, policies, beliefs, found, options);
      nodes.set(id, node);
    }
    const log = logs.get(`region-${region.id}`);
    if (log?.readable !== true) continue;
    checkBatches(log, region.id, nodes, leftOut, found, options);
    walks.set(region.id, { log, next: 0, batch: null, index: 0 });
  }
  const global = logs.get('global');
  if (global?.readable === true) checkGlobal(global, nodes, leftOut, walks, beliefs, found, options);
  else found.note('the ledger could not be recomputed');
  return found.report('export', used);
}

/** @returns the logs that the export says it has, by name, or null when it does not say so credibly */
function checkManifest(files: Files, found: Findings): Map<string, ManifestLog> | null {
  const manifest = found.attempt(MANIFEST, () => parseManifest(files.read(MANIFEST)));
  if (manifest === undefined) return null;
  found.count('manifest');
  const listed = new Set([MANIFEST]);
  for (const f of manifest.files) {
    listed.add(f.path);
    found.attempt(f.path, () => {
      const is = fileOf(f.path, files.read(f.path));
      if (is.sha256 !== f.sha256 || is.size !== f.size) {
        throw new Error(`is not what the manifest says: ${is.size} bytes, SHA-256 ${is.sha256}; expected ${f.size} `
          + `bytes, ${f.sha256}`);
      }
      found.count('files hashed');
    });
  }
  for (const path of files.list()) if (!listed.has(path)) found.fail(path, 'is not in the manifest');
  const logs = new Map(manifest.logs.map((l) => [l.name, l]));
  if (logs.size !== manifest.logs.length) found.fail(MANIFEST, 'logs: one log stands there twice');
  return logs;
}

/** What the manifest says of a log is what people read: it has to be what the signed checkpoint says. */
function compareListed(said: ManifestLog, { origin, size, root }: Checkpoint, found: Findings): void {
  const is: Omit<ManifestLog, 'name'> = { origin, size, root: Buffer.from(root).toString('base64') };
  for (const field of ['origin', 'size', 'root'] as const) {
    if (said[field] === is[field]) continue;
    found.fail(MANIFEST, `logs: ${field} of ${said.name} is given as ${JSON.stringify(said[field]) ?? 'nothing'}; its checkpoint `
      + `says ${JSON.stringify(is[field])}`);
  }
  found.count('logs compared with the manifest');
}

/** @returns the keys that count, null when they can't be read, and the text that they are from */
function readTrustOf(
  files: Files, options: FolderOptions, logs: ReadonlyMap<string, ManifestLog> | null, found: Findings,
): { trust: Trust | null; text?: string } {
  const own = found.attempt('trust.json', () => files.read('trust.json').toString('utf8'));
  const text = options.trust ?? own;
  if (text === undefined) return { trust: null };
  const trust = found.attempt('trust.json', () => parseTrust(text));
  if (trust === undefined) return { trust: null, text };
  if (options.trust !== undefined && own !== undefined) {
    found.attempt('trust.json', () => {
      if (JSON.stringify(JSON.parse(own)) !== JSON.stringify(JSON.parse(text))) {
        throw new Error('is not the trust.json that was given');
      }
    });
  }
  const raw = JSON.parse(text) as TrustFile;
  const expected = new Map([...witnessFiles(raw), ...logPolicies(raw), ...vkeyFiles(raw)]);
  for (const [path, content] of expected) {
    const name = path.startsWith(LOGS) ? path.split('/')[1]! : null;
    if (name !== null && logs?.has(name) === false) continue;
    found.attempt(path, () => {
      if (files.read(path).toString('utf8') !== content) throw new Error('does not follow from trust.json');
      found.count('keys and witness policies');
    });
  }
  return { trust, text };
}

/** Opens a log's checkpoint with the keys and the quorum that trust.json asks for. @throws NoteError */
export function openLogCheckpoint(note: string, name: string, trust: Trust): Checkpoint & { cosigners: readonly string[] } {
  if (name === 'global') {
    const replicas = [...trust.regions.values()].flatMap((r) => r.replicas);
    const checkpoint = openCheckpointWithQuorum(note, trust.global, replicas, 0);
    const regions = witnessedBy(trust, checkpoint.cosigners);
    if (regions.length < trust.witnessQuorum) {
      throw new Error(`witnessed by ${regions.length} regions (${regions.join(', ') || 'none'}), `
        + `${trust.witnessQuorum} are needed`);
    }
    return checkpoint;
  }
  for (const region of trust.regions.values()) {
    if (name === `region-${region.id}`) return openCheckpointWithQuorum(note, region.log, region.replicas, region.quorum);
    for (const [id, verifier] of region.nodes) if (name === `edge-${id}`) return openCheckpointWithQuorum(note, verifier, [], 0);
  }
  throw new Error(`trust.json names no log ${name}`);
}

function checkLog(files: Files, name: string, trust: Trust, found: Findings, options: FolderOptions): VerifiedLog | null {
  const dir = `${LOGS}${name}`;
  const checkpoint = found.attempt(`${dir}/checkpoint`, () => {
    const opened = openLogCheckpoint(files.read(`${dir}/checkpoint`).toString('utf8'), name, trust);
    found.count('checkpoints and quorums');
    found.count('cosignatures', opened.cosigners.length);
    return opened;
  });
  if (checkpoint === undefined) {
    found.note(`${name}: without its checkpoint the log could not be checked`);
    return null;
  }
  options.onProgress?.(`log ${name}`, 0, checkpoint.size);
  return verifyLog(files, dir, name, checkpoint, found);
}

function readPolicies(files: Files, found: Findings): Map<string, Policy> {
  const policies = new Map<string, Policy>();
  for (const path of files.list()) {
    const match = /^policies\/([^/]*)\.json$/.exec(path);
    if (match === null) continue;
    found.attempt(path, () => {
      const policy = decodePolicy(files.read(path).toString('utf8'));
      if (policyDigest(policy) !== match[1]) throw new Error(`its digest is ${policyDigest(policy)}, not its name`);
      policies.set(match[1]!, policy);
      found.count('decision policies');
    });
  }
  return policies;
}

/** @throws Error when the recorded inputs and policy do not lead to the recorded decision, byte for byte */
export function redecide(entry: DecisionEntry, bytes: Uint8Array, policy: Policy): void {
  const decision = decide(entry.instruction, entry.inputs, policy);
  if (!Buffer.from(encodeDecision({ ...entry, decision })).equals(bytes)) {
    const said = (d: DecisionEntry['decision']): string => `${d.result} (${d.mode}${d.reason === undefined ? '' : `, ${d.reason}`})`;
    throw new Error(`${entry.instruction.id}: the decision is recorded as ${said(entry.decision)}; taken again from its inputs `
      + `it is ${said(decision)}`);
  }
}

/** @returns index of the first entry that is no decision, Infinity when all are */
function checkDecisions(
  node: Node, policies: ReadonlyMap<string, Policy>, beliefs: Beliefs, found: Findings, options: FolderOptions,
): number {
  const { log } = node;
  const ids = new Set<string>();
  let malformedAt = Infinity;
  for (let i = 0; i < log.size; i += 1) {
    found.attempt(log.fileOf(i), () => {
      const bytes = log.entry(i);
      const entry = decoded(bytes, i);
      if (ids.has(entry.instruction.id)) throw new Error(`${entry.instruction.id} was decided at this node before`);
      ids.add(entry.instruction.id);
      if (entry.inputs.debit !== null) {
        if (entry.inputs.debit.account !== entry.instruction.debitAccount) {
          throw new Error(`${entry.instruction.id}: decided on the state of ${entry.inputs.debit.account}, not of the account `
            + `that is debited`);
        }
      }
      beliefs.add(node, entry.inputs, entry.instruction.creditAccount, log.fileOf(i), i);
      const policy = policies.get(entry.policy);
      if (policy === undefined) throw new Error(`${entry.instruction.id}: policies/${entry.policy}.json is missing or damaged`);
      redecide(entry, bytes, policy);
      found.count('decisions taken again');
    }, i);
    if (i % 1_000 === 0) options.onProgress?.(`decisions of ${log.name}`, i, log.size);
  }
  return malformedAt;

  function decoded(bytes: Uint8Array, i: number): DecisionEntry {
    try {
      return decodeDecision(bytes);
    } catch (error) {
      malformedAt = Math.min(malformedAt, i);
      throw error;
    }
  }
}

function checkBatches(
  log: VerifiedLog, region: string, nodes: ReadonlyMap<string, Node>, leftOut: ReadonlySet<string>, found: Findings, options: FolderOptions,
): void {
  let seq = -1;
  for (let i = 0; i < log.size; i += 1) {
    found.attempt(log.fileOf(i), () => {
      const batch = decodeBatch(log.entry(i));
      const node = nodes.get(batch.node);
      if (batch.region !== region) throw new Error(`is of region ${batch.region}`);
      if (batch.seq <= seq) throw new Error(`its place in the stream is ${batch.seq}, after ${seq}`);
      seq = batch.seq;
      if (leftOut.has(batch.node)) return;
      if (node === undefined || node.region !== region) {
        throw new Error(`node ${batch.node} is not of this region, or its log could not be read`);
      }
      if (batch.from !== node.ordered) {
        throw new Error(`begins at entry ${batch.from} of ${batch.node}, expected ${node.ordered}`);
      }
      node.ordered = batch.size;
      if (batch.size > node.log.size) {
        throw new Error(`has entries of ${batch.node} up to ${batch.size}; its log in this export has ${node.log.size}`);
      }
      const checkpoint = openCheckpointWithQuorum(batch.checkpoint, node.verifier, [], 0);
      const root = rootAt(batch.size, node.log.readTile);
      if (checkpoint.size !== batch.size || !Buffer.from(checkpoint.root).equals(Buffer.from(root))) {
        throw new Error(`the checkpoint of ${batch.node} at ${batch.size} is not of the log in this export`);
      }
      const entries: Buffer[] = [];
      for (let k = batch.from; k < batch.size; k += 1) entries.push(node.log.entry(k));
      if (hash('sha256', encodeBundle(entries), 'base64') !== batch.digest) {
        throw new Error(`its digest is not that of entries ${batch.from} to ${batch.size - 1} of ${batch.node}`);
      }
      found.count('batches compared with edge logs');
    }, i);
    if (i % 100 === 0) options.onProgress?.(`batches of ${log.name}`, i, log.size);
  }
}

function checkGlobal(
  log: VerifiedLog, nodes: ReadonlyMap<string, Node>, leftOut: ReadonlySet<string>, walks: ReadonlyMap<string, RegionWalk>,
  beliefs: Beliefs, found: Findings, options: FolderOptions,
): void {
  // Reads behind the walk's own place go through a view of their own, so that the walk keeps its bundle.
  let earlier: { index: number; entry: OutcomeEntry } | null = null;
  const outcomeAt = (index: number): OutcomeEntry => {
    if (earlier?.index === index) return earlier.entry;
    const entry = decodeGlobal(log.entry(index));
    if (entry.type !== 'outcome') throw new Error(`entry ${index} is not an outcome`);
    earlier = { index, entry };
    return entry;
  };
  const ledger = createAuditLedger(outcomeAt);
  let open: RegionWalk | null = null;
  for (let i = 0; i < log.size; i += 1) {
    beliefs.compare(i, ledger, found);
    found.attempt(log.fileOf(i), () => {
      const entry = decodeGlobal(log.entry(i));
      if (entry.type === 'account') {
        ledger.open(entry);
        found.count('accounts opened or changed');
        return;
      }
      options.onOutcome?.(entry, i);
      open = follow(entry, i, open, walks, nodes, leftOut, found);
      ledger.apply(entry, i);
      found.count(entry.status === 'final' ? 'final outcomes' : 'rejected outcomes');
    }, i);
    if (i % 1_000 === 0) options.onProgress?.('ledger from the global log', i, log.size);
  }
  beliefs.finish(log.size, ledger, found);
  for (const [asset, sum] of ledger.sums()) {
    found.count('assets whose balances sum to zero');
    if (sum !== 0n) found.fail(log.dir, `balances of ${asset} sum to ${sum}, not to zero`);
  }
  found.count('account balances recomputed', ledger.accounts);
  let beyond = 0;
  for (const node of nodes.values()) beyond += node.log.size - node.settled;
  if (beyond > 0) {
    found.note(`${counted(beyond, 'entry', 'entries')} of edge logs ${beyond === 1 ? 'is' : 'are'} younger than the global `
      + 'checkpoint, without an outcome in this export yet');
  }
  options.onLedger?.(ledger);
}

/** The outcome, at global index `at`, has to be the one that comes next: of the next entry of its region's next batch. */
function follow(
  entry: OutcomeEntry, at: number, open: RegionWalk | null, walks: ReadonlyMap<string, RegionWalk>,
  nodes: ReadonlyMap<string, Node>, leftOut: ReadonlySet<string>, found: Findings,
): RegionWalk | null {
  const walk = walks.get(entry.region);
  if (walk === undefined) throw new Error(`outcome of region ${entry.region}, whose log is unknown or could not be read`);
  if (open !== null && open !== walk && open.batch !== null) {
    throw new Error(`interrupts the outcomes of the batch of ${open.batch.node} from ${open.batch.from}`);
  }
  while (walk.batch === null) {
    if (walk.next >= walk.log.size) {
      throw new Error(`outcome of ${entry.region}, all of whose ${walk.log.size} batches have theirs`);
    }
    const next = decodeBatch(walk.log.entry(walk.next));
    walk.next += 1;
    if (next.size > (nodes.get(next.node)?.malformedAt ?? Infinity)) continue;
    walk.batch = next;
    walk.index = next.from;
  }
  const { batch, index } = walk;
  walk.index += 1;
  if (walk.index >= batch.size) walk.batch = null;
  if (entry.node !== batch.node || entry.index !== index) {
    throw new Error(`is the outcome of ${entry.node} entry ${entry.index}; expected that of ${batch.node} entry ${index}`);
  }
  if (leftOut.has(entry.node)) return walk;
  const node = nodes.get(entry.node);
  if (node === undefined) throw new Error(`the log of ${entry.node} could not be read`);
  node.settled = index + 1;
  const decided = decodeDecision(node.log.entry(index));
  if (!sameInstruction(decided.instruction, entry.instruction)) {
    throw new Error(`${entry.instruction.id}: is not the instruction that ${entry.node} decided at ${index}`);
  }
  const { debit } = decided.inputs;
  if (debit !== null && debit.asOf > at) {
    found.fail(node.log.fileOf(index), `${entry.instruction.id}: decided on the state of ${debit.account} at size ${debit.asOf} `
      + `of the global log, which has the outcome of this very decision at ${at} already`, index);
  }
  const refused = decided.decision.result === 'refused';
  // What its id became before stands above the edge's refusal; whether it is so is for the ledger to say.
  const earlier = entry.duplicateOf !== undefined || entry.reason === 'id-conflict';
  if (entry.refusedAtEdge === true ? !refused : refused && !earlier) {
    throw new Error(`${entry.instruction.id}: ${entry.node} ${refused ? 'refused' : 'accepted'} it, the outcome says otherwise`);
  }
  if (entry.refusedAtEdge === true && entry.reason !== decided.decision.reason) {
    throw new Error(`${entry.instruction.id}: ${entry.node} refused it for ${decided.decision.reason}, the outcome says `
      + `${entry.reason}`);
  }
  return walk;
}

