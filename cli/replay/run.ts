/** A replay from beginning to end: accounts, settlements, waiting, and the check of everything that came of it. */
import { mkdtempSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  BATCH_MAX, Problem, type Drift, type Instruction, type OutcomeEntry, type ServiceStatus,
} from '../../services/protocol/index.ts';
import { toJson as toHistogramJson } from '../../services/telemetry/index.ts';
import { hashLeaf, parseProof, parseTrust, verifyInclusion } from '../../services/transparency/index.ts';
import { CliError, EXIT } from '../errors.ts';
import { each, writeExport } from '../export/write.ts';
import { logSources, type Connected } from '../platform.ts';
import { logNames, openLogCheckpoint, verifyFolder } from '../verify/folder.ts';
import { filesOf, type Report } from '../verify/index.ts';
import type { AuditLedger } from '../verify/ledger.ts';
import { logOf } from '../verify/receipt.ts';
import { createLogReader, createProver } from '../verify/log.ts';
import { checkBalances, OutcomeBook, type BalanceCheck, type OutcomeCheck } from './check.ts';
import {
  addDrift, addLag, driftSince, emptyDrift, emptyStages, lagSince, stageQuantiles, type StageHistograms, type StageQuantiles,
} from './lag.ts';
import type { Mapping } from './mapping.ts';
import type { Plan } from './scan.ts';
import { send, type Barrier, type Outgoing, type Sent } from './send.ts';
import { chooseSite } from './sites.ts';
import { orderedRows } from './source.ts';
import { readState, statePath, writeState, type ReplayState } from './state.ts';

export type Target = Pick<Connected, 'control' | 'edges' | 'regions' | 'trust' | 'dataDir'>;

export interface ReplayOptions {
  readonly path: string;
  readonly mapping: Mapping;
  readonly plan: Plan;
  readonly target: Target;
  readonly limit: number;
  /** Settlements per second; Infinity for as fast as it goes. */
  readonly rate: number;
  readonly batch: number;
  /** Send everything again, from the first row. */
  readonly restart: boolean;
  /** Receipts that are fetched and verified one by one, spread over the file. */
  readonly receipts: number;
  /** Version of this program, for the export that is checked. */
  readonly version: string;
  /** Row -> what is to be done when all rows before it are answered, and before it is sent: where a drill cuts off and heals. */
  readonly drill?: ReadonlyMap<number, () => Promise<void>>;
  readonly onProgress: (phase: Phase, done: number, total: number, note?: string) => void;
  readonly say: (line: string) => void;
  /** Nothing became final for this long: the rest counts as lost. Milliseconds. @default 120000 */
  readonly stalledMs?: number;
}

export type Phase = 'accounts' | 'sending' | 'settling' | 'export' | 'checking' | 'receipts';

export interface ReplayResult {
  readonly ok: boolean;
  /** Rows of the file that were replayed. */
  readonly transactions: number;
  /** Of those, rows that move nothing. */
  readonly zeroAmount: number;
  /** Opening settlements, for accounts that do not start from zero. */
  readonly openings: number;
  readonly accounts: number;
  readonly accountsMatching: number;
  readonly accountsExact: number;
  /** Largest difference between ledger and record, minor units. */
  readonly differenceMax: string;
  /** Sum of all balances of the asset, minor units: "0". */
  readonly ledgerSum: string;
  readonly lost: number;
  readonly duplicated: number;
  readonly rejected: number;
  readonly refused: number;
  readonly failed: number;
  readonly provisionalLeft: number;
  readonly decidedOffline: number;
  readonly repeated: number;
  readonly proofsChecked: number;
  readonly proofsFailed: number;
  /** Of the whole platform, each log from its first entry. */
  readonly checked: Readonly<Record<string, number>>;
  /** Seconds: of everything, and of its parts. */
  readonly seconds: number;
  readonly secondsSending: number;
  readonly secondsToFinal: number;
  readonly secondsChecking: number;
  /** Region -> stage -> quantiles during this replay, milliseconds; `all` is the whole platform. */
  readonly lag: Readonly<Record<string, StageQuantiles>>;
  /** Region -> drift during this replay; `all` is the whole platform. Minor units; `amountMax` is an upper bound. */
  readonly drift: Readonly<Record<string, Drift>>;
  readonly problems: readonly string[];
}

const CONCURRENT = 16;
const POLL_MS = 200;
const CURSOR_EVERY_MS = 1_000;

/** @throws CliError when it cannot be done; what it finds wrong with the platform is in the result */
export async function replay(o: ReplayOptions): Promise<ReplayResult> {
  const started = performance.now();
  const { target, plan, mapping } = o;
  if (plan.rows === 0) throw new CliError(EXIT.usage, 'nothing-to-replay', `${o.path}: has no rows`);
  const firstId = await firstInstructionId(o);
  const path = statePath(target.dataDir, mapping.file.name, firstId);
  const before = await statuses(target);
  const created = await openAccounts(o, [...plan.accounts.keys()]);
  const state = await prepare(o, path, firstId, created);
  await prefetch(o, state);

  const sendStarted = performance.now();
  const sent = await sendAll(o, state, path);
  const sendEnded = performance.now();
  const provisionalLeft = await waitUntilFinal(o);
  const settled = performance.now();
  const after = await statuses(target);

  const audit = await auditAll(o, state);
  const ended = performance.now();
  const problems = [
    ...sent.failures.map((f) => `${f.id}: ${f.why}`), ...audit.outcomes.examples, ...audit.balances.examples,
    ...audit.report.failures.slice(0, 20).map(
      (f) => `${f.file}${f.entry === undefined ? '' : ` entry ${f.entry}`}: ${f.what}`,
    ), ...audit.problems,
  ];
  if (provisionalLeft > 0) problems.push(`${provisionalLeft} settlements are still provisional at edge nodes`);
  const openings = Object.values(state.openings).filter((v) => v !== '0').length;
  const { outcomes, balances } = audit;
  const ok = balances.matching === balances.accounts && audit.ledgerSum === 0n && outcomes.lost + outcomes.duplicated + outcomes.rejected === 0
    && sent.failed === 0 && provisionalLeft === 0 && audit.proofsFailed === 0 && audit.report.ok && problems.length === 0;
  return {
    ok, transactions: plan.rows, zeroAmount: plan.zeroRows, openings, accounts: balances.accounts, accountsMatching: balances.matching,
    accountsExact: balances.exact, differenceMax: balances.differenceMax.toString(), ledgerSum: audit.ledgerSum.toString(),
    lost: outcomes.lost, duplicated: outcomes.duplicated, rejected: outcomes.rejected, refused: sent.refused, failed: sent.failed,
    provisionalLeft, decidedOffline: sent.offline, repeated: sent.repeated, proofsChecked: audit.proofsChecked, proofsFailed: audit.proofsFailed,
    checked: audit.report.checked, seconds: seconds(ended - started), secondsSending: seconds(sendEnded - sendStarted),
    secondsToFinal: seconds(settled - sendStarted), secondsChecking: seconds(ended - settled),
    ...figures(target, before, after), problems,
  };
}

const seconds = (ms: number): number => Math.round(ms) / 1_000;

async function firstInstructionId(o: ReplayOptions): Promise<string> {
  for await (const row of orderedRows(o.path, o.mapping, o.plan.sorted)) if (row.instruction !== null) return row.instruction.id;
  throw new CliError(EXIT.usage, 'nothing-to-replay', `${o.path}: no row moves anything`);
}

async function statuses(target: Target): Promise<Map<string, ServiceStatus>> {
  return new Map(
    await Promise.all(target.edges.map(async (e): Promise<[string, ServiceStatus]> => [e.id, await e.client.status()])),
  );
}

/** Opens accounts at the centre. @returns those that did not exist before */
async function openAccounts(o: ReplayOptions, all: readonly string[]): Promise<Set<string>> {
  const { asset, overdraft } = o.mapping.file;
  const created = new Set<string>();
  for (let i = 0; i < all.length; i += BATCH_MAX) {
    const answers = await o.target.control.openAccounts(
      all.slice(i, i + BATCH_MAX).map((account) => ({ account, asset, overdraftLimit: overdraft.limit })),
    );
    for (const a of answers) {
      if (a.status === 201) created.add(a.account);
      else if (a.status !== 200) {
        throw new CliError(
          EXIT.failed, a.problem?.code ?? 'account-refused',
          `account ${a.account}: ${a.problem?.detail ?? `answered ${a.status}`}`,
        );
      }
    }
    o.onProgress('accounts', Math.min(all.length, i + BATCH_MAX), all.length);
  }
  return created;
}

/** The state to start from: what an earlier run wrote down, and what each account's opening settlement has to move. */
async function prepare(o: ReplayOptions, path: string, firstId: string, created: ReadonlySet<string>): Promise<ReplayState> {
  const { target, plan, mapping } = o;
  const ids = target.edges.map((e) => e.id).sort();
  if (ids.length === 0) throw new CliError(EXIT.unreachable, 'no-edge-node', 'this platform has no edge node to settle at');
  const found = readState(path);
  if (found === null && created.size < plan.accounts.size && await isKnown(target, firstId)) {
    throw new CliError(EXIT.failed, 'replayed-before', `this platform has settled ${firstId} before, and what that replay `
      + `wrote down (${path}) is gone: from which balances the accounts started can't be told any more. Replay into a `
      + `platform of its own`);
  }
  if ((found?.rowsMost ?? 0) > plan.rows) {
    throw new CliError(EXIT.usage, 'fewer-rows', `${found!.rowsMost} rows of this file were replayed here before; what the `
      + `first ${plan.rows} alone come to can't be checked any more. Raise --limit, or replay into a platform of its own`);
  }
  const gone = found?.edges.filter((e) => !ids.includes(e)) ?? [];
  if (gone.length > 0) {
    throw new CliError(EXIT.failed, 'sites-changed', `the replay under way uses edge nodes that this platform no longer has: `
      + `${gone.join(', ')}`);
  }
  const openings: Record<string, string> = { ...found?.openings };
  const missing = plan.expected.filter((e) => openings[e.account] === undefined);
  await each(missing, CONCURRENT, async (e) => {
    const present = created.has(e.account) ? 0n : BigInt((await target.control.account(e.account)).balance);
    openings[e.account] = (e.start - present).toString();
  });
  const resumes = found !== null && found.digest === plan.digest && !o.restart;
  const state: ReplayState = {
    v: 1, file: o.path, mapping: mapping.file.name, digest: plan.digest, edges: found?.edges ?? ids, openings, cursor: resumes ? found.cursor : 0, rowsMost: plan.rows,
  };
  if (resumes && state.cursor > 0) o.say(`going on behind row ${state.cursor} of ${plan.rows}, where the last run stopped`);
  writeState(path, state, true);
  return state;
}

async function isKnown(target: Target, id: string): Promise<boolean> {
  try {
    await target.control.settlement(id);
    return true;
  } catch (error) {
    if (error instanceof Problem && error.status === 404) return false;
    throw error;
  }
}

const hasOpenings = (state: ReplayState): boolean => Object.values(state.openings).some((v) => v !== '0');

/** Every edge node learns the accounts that it will need, so that it can settle with them when it is cut off. */
async function prefetch(o: ReplayOptions, state: ReplayState): Promise<void> {
  const wanted = new Map(state.edges.map((id): [string, string[]] => [id, []]));
  for (const [account, sites] of o.plan.accounts) {
    for (const edge of new Set([...sites].map((site) => chooseSite(site, state.edges)))) wanted.get(edge)!.push(account);
  }
  const opening = o.mapping.file.balance?.opening.account;
  if (opening !== undefined && hasOpenings(state)) {
    await openAccounts(o, [opening]);
    for (const accounts of wanted.values()) accounts.push(opening);
  }
  for (const { id, client } of o.target.edges) {
    const unknown = await client.prefetch(wanted.get(id) ?? []);
    if (unknown.length > 0) {
      throw new CliError(EXIT.failed, 'account-unknown', `${id} does not know ${unknown.length} accounts that were opened, `
        + `such as ${unknown[0]}`);
    }
  }
}

/** What is sent, in order: before the first row of an account its opening settlement, where it has one. */
async function* outgoing(o: ReplayOptions, state: ReplayState, cursor: number): AsyncGenerator<Outgoing | Barrier> {
  const opened = new Set<string>();
  const openingIds = new Map(o.plan.expected.map((e) => [e.account, e.openingId]));
  let position = 0;
  for await (const row of orderedRows(o.path, o.mapping, o.plan.sorted)) {
    if (position >= o.limit) return;
    const barrier = o.drill?.get(position);
    if (barrier !== undefined) yield { barrier };
    const edge = chooseSite(row.site, state.edges);
    const opening = opened.has(row.own) ? null : openingOf(o.mapping, row.own, openingIds.get(row.own) ?? null, state);
    opened.add(row.own);
    if (position >= cursor) {
      if (opening !== null) yield { position, edge, instruction: opening };
      if (row.instruction !== null) yield { position, edge, instruction: row.instruction };
    }
    position += 1;
  }
}

function openingOf(mapping: Mapping, account: string, id: string | null, state: ReplayState): Instruction | null {
  const amount = BigInt(state.openings[account] ?? '0');
  if (amount === 0n || id === null) return null;
  const from = mapping.file.balance!.opening.account;
  return {
    id, asset: mapping.file.asset, debitAccount: amount > 0n ? from : account, creditAccount: amount > 0n ? account : from,
    amount: amount > 0n ? amount : -amount,
  };
}

async function sendAll(o: ReplayOptions, state: ReplayState, path: string): Promise<Sent> {
  const clients = new Map(o.target.edges.map((e) => [e.id, e.client]));
  const first = state.cursor;
  let written = performance.now();
  try {
    return await send(outgoing(o, state, first), {
      edges: state.edges, batch: o.batch, rate: o.rate,
      settle: (edge, batch) => clients.get(edge)!.settleMany(batch),
      onAcknowledged(answered, cursor) {
        state.cursor = cursor;
        o.onProgress('sending', Math.min(o.plan.rows, first + answered), o.plan.rows);
        if (performance.now() - written < CURSOR_EVERY_MS) return;
        written = performance.now();
        writeState(path, state, false);
      },
    });
  } finally {
    writeState(path, state, false);
  }
}

/** @returns how many settlements are still provisional: 0, unless nothing moved for too long */
async function waitUntilFinal(o: ReplayOptions): Promise<number> {
  const stalledMs = o.stalledMs ?? 120_000;
  let least = Infinity;
  let most = 0;
  let since = performance.now();
  for (;;) {
    const all = [...(await statuses(o.target)).values()];
    const left = all.reduce((sum, s) => sum + (s.provisional?.count ?? 0), 0);
    most = Math.max(most, left);
    o.onProgress('settling', most - left, most);
    if (left === 0) return 0;
    if (left < least) {
      least = left;
      since = performance.now();
    } else if (performance.now() - since > stalledMs) {
      return left;
    }
    await new Promise((resolve) => {
      setTimeout(resolve, POLL_MS);
    });
  }
}

interface Audit {
  readonly report: Report;
  readonly outcomes: OutcomeCheck;
  readonly balances: BalanceCheck;
  readonly ledgerSum: bigint;
  readonly proofsChecked: number;
  readonly proofsFailed: number;
  readonly problems: readonly string[];
}

/** Fetches every log as an auditor would, verifies it offline, and reads the answers from there, not from the services. */
async function auditAll(o: ReplayOptions, state: ReplayState): Promise<Audit> {
  const folder = join(o.target.dataDir, 'replay');
  mkdirSync(folder, { recursive: true });
  const dir = mkdtempSync(join(folder, 'audit-'));
  try {
    await writeExport(dir, {
      trust: o.target.trust, sources: logSources(o.target), version: o.version, now: () => new Date(),
      onProgress: (log, done, total) => o.onProgress('export', done, total, log),
    });
    const book = new OutcomeBook();
    const found: { ledger: AuditLedger | null } = { ledger: null };
    const files = filesOf(dir);
    const report = verifyFolder(files, {
      trust: o.target.trust, onOutcome: (outcome: OutcomeEntry, index) => book.add(outcome, index),
      onLedger: (ledger) => {
        found.ledger = ledger;
      },
      onProgress: (what, done, total) => o.onProgress('checking', done, total, what),
    });
    const ids: string[] = [];
    for await (const step of outgoing(o, state, 0)) if ('instruction' in step) ids.push(step.instruction.id);
    const outcomes = book.check(ids);
    const { ledger } = found;
    const balances = checkBalances(o.plan.expected, (account) => ledger?.balance(account), o.mapping.tolerancePerEntry);
    const problems: string[] = [];
    if (ledger !== null) await compareWithCentre(o, ledger, problems);
    await compareWithFeed(o, ids, problems);
    const proofs = checkProofs(files, book, ids, o);
    const receipts = await checkReceipts(o, ids);
    problems.push(...proofs.problems, ...receipts.problems);
    return {
      report, outcomes, balances, ledgerSum: ledger?.sums().get(o.mapping.file.asset) ?? 0n,
      proofsChecked: proofs.checked + receipts.checked, proofsFailed: proofs.failed + receipts.failed + report.failureCount, problems,
    };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** What the control plane says of each account, against what follows from its log. */
async function compareWithCentre(o: ReplayOptions, ledger: AuditLedger, problems: string[]): Promise<void> {
  await each([...o.plan.accounts.keys()], CONCURRENT, async (account) => {
    const said = (await o.target.control.account(account)).posted;
    const is = ledger.balance(account);
    if (said !== String(is) && problems.length < 20) {
      problems.push(`${account}: the control plane says ${said}, its log comes to ${is}`);
    }
  });
}

/** The feed of outcomes has each id exactly once. */
async function compareWithFeed(o: ReplayOptions, ids: readonly string[], problems: string[]): Promise<void> {
  const seen = new Map(ids.map((id) => [id, 0]));
  let after: number | null = null;
  for (;;) {
    const page = await o.target.control.outcomes(after, 1_000);
    for (const { id } of page.outcomes) {
      const count = seen.get(String(id));
      if (count !== undefined) seen.set(String(id), count + 1);
    }
    if (page.next === null || page.next === after) break;
    after = page.next;
  }
  const wrong = [...seen].filter(([, n]) => n !== 1);
  if (wrong.length > 0) {
    problems.push(`the feed of outcomes has ${wrong.length} ids not exactly once, such as ${wrong[0]![0]} `
      + `(${wrong[0]![1]} times)`);
  }
}

interface ProofCheck {
  readonly checked: number;
  readonly failed: number;
  readonly problems: readonly string[];
}

/** An inclusion proof of every settlement's outcome, verified against the witnessed checkpoint. */
function checkProofs(files: ReturnType<typeof filesOf>, book: OutcomeBook, ids: readonly string[], o: ReplayOptions): ProofCheck {
  const problems: string[] = [];
  let failed = 0;
  const checkpoint = openLogCheckpoint(
    files.read('logs/global/checkpoint').toString('utf8'), 'global', parseTrust(o.target.trust),
  );
  const log = createLogReader(files, 'logs/global', checkpoint);
  const proofs = createProver(log);
  // In the order of the log: each bundle is read once.
  const places = ids.map(
    (id): [string, number | undefined] => [id, book.indexOf(id)],
  ).sort((a, b) => (a[1] ?? -1) - (b[1] ?? -1));
  places.forEach(([id, index], i) => {
    try {
      if (index === undefined) throw new Error('has no outcome to prove');
      verifyInclusion(hashLeaf(log.entry(index)), index, checkpoint.size, proofs(index), checkpoint.root);
    } catch (error) {
      failed += 1;
      if (problems.length < 20) problems.push(`${id}: ${(error as Error).message}`);
    }
    if (i % 1_000 === 0) o.onProgress('checking', i, ids.length, 'inclusion proofs');
  });
  return { checked: ids.length, failed, problems };
}

/** Receipts as clients get them, edge log and global log, of settlements spread over the file. */
async function checkReceipts(o: ReplayOptions, ids: readonly string[]): Promise<ProofCheck> {
  const problems: string[] = [];
  let checked = 0;
  let failed = 0;
  const trust = parseTrust(o.target.trust);
  const clients = new Map(o.target.edges.map((e) => [e.id, e.client]));
  const step = Math.max(1, Math.ceil(ids.length / Math.max(1, o.receipts)));
  const sample = o.receipts === 0 ? [] : ids.filter((_, i) => i % step === 0);
  const names = new Set(logNames(trust));
  await each(sample, CONCURRENT, async (id) => {
    try {
      const outcome = await o.target.control.settlement(id);
      const client = clients.get(outcome.node);
      if (client === undefined) throw new Error(`was decided at ${outcome.node}, which is not here`);
      const verify = (receipt: string, leaf: Uint8Array): void => {
        checked += 1;
        const proof = parseProof(receipt);
        const name = logOf(proof.checkpoint, trust);
        if (!names.has(name)) throw new Error(`receipt of unknown log ${name}`);
        const checkpoint = openLogCheckpoint(proof.checkpoint, name, trust);
        verifyInclusion(leaf, proof.index, checkpoint.size, proof.proof, checkpoint.root);
      };
      const decision = await client.provenance(id);
      verify(await client.receipt(id, 'edge'), hashLeaf(Buffer.from(decision.entry)));
      const final = hashLeaf(Buffer.from((await o.target.control.provenance(id)).entry));
      verify(await client.receipt(id, 'global'), final);
      verify(await o.target.control.receipt(id), final);
    } catch (error) {
      failed += 1;
      if (problems.length < 20) problems.push(`receipt of ${id}: ${(error as Error).message}`);
    }
    o.onProgress('receipts', checked, sample.length * 3);
  });
  return { checked, failed, problems };
}

function figures(
  target: Target, before: ReadonlyMap<string, ServiceStatus>, after: ReadonlyMap<string, ServiceStatus>,
): Pick<ReplayResult, 'lag' | 'drift'> {
  const lag: Record<string, StageHistograms> = { all: emptyStages() };
  const drift: Record<string, Drift> = { all: emptyDrift() };
  for (const { id, region } of target.edges) {
    const now = after.get(id);
    if (now === undefined) continue;
    const since = {
      lag: Object.fromEntries(Object.entries(lagSince(before.get(id)?.lag, now.lag)).map(([s, h]) => [s, toHistogramJson(h)])),
    };
    for (const key of ['all', region]) {
      addLag(lag[key] ??= emptyStages(), since);
      drift[key] = addDrift(drift[key] ?? emptyDrift(), driftSince(before.get(id)?.drift, now.drift));
    }
  }
  return { lag: Object.fromEntries(Object.entries(lag).map(([k, v]) => [k, stageQuantiles(v)])), drift };
}
