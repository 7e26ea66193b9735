import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, hostname, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { InvalidArgumentError, type Command } from 'commander';
import { loadPlatform, type Platform } from '../../platform/index.ts';
import { SCENARIOS, type Scenario } from '../../loadtests/scenarios.ts';
import { createControlClient, createEdgeClient } from '../../services/protocol/client.ts';
import { createHttpClient } from '../../services/protocol/http-client.ts';
import type { LocalPlatform, WanMode } from '../../services/local/index.ts';
import type { Signer, Verifier } from '../../services/transparency/index.ts';
import { CONFIG_FILE } from '../config-file.ts';
import { CliError, EXIT } from '../errors.ts';
import { onInterrupt } from '../interrupt.ts';
import { DATA_DEFAULT, table, withJson, type Io } from '../io.ts';
import { makeOutFolder } from '../out-folder.ts';
import { createProgress } from '../progress.ts';
import type { Ending } from '../program.ts';
import { attest, verifyEvidence } from '../load/attestation.ts';
import { toHtml } from '../load/html.ts';
import { checkFile, readFileSettlements } from '../load/file.ts';
import { findK6, K6_BREACHED } from '../load/k6.ts';
import { mergeReports, readReport } from '../load/merge.ts';
import { parseDuration, planLoad } from '../load/plan.ts';
import { latencyRows, toJunit, verdictRows, type LoadReport } from '../load/report.ts';
import { runLoad } from '../load/run.ts';
import { wanMode } from './up.ts';

interface LoadOptions {
  readonly target?: readonly string[];
  readonly control?: string;
  readonly tokenFile?: string;
  readonly rate?: number;
  readonly duration?: number;
  readonly replay?: string;
  readonly seed: number;
  readonly config: string;
  readonly wan: WanMode;
  readonly report?: string;
  readonly sign?: string;
  readonly merge?: readonly string[];
  readonly verify?: string;
  readonly key?: string;
  readonly list?: boolean;
  readonly json?: boolean;
}

const RATE_MAX = 100_000;
const SECONDS_MAX = 7 * 86_400;

function rate(text: string): number {
  const n = Number(text);
  if (!Number.isInteger(n) || n < 1 || n > RATE_MAX) throw new InvalidArgumentError(`expected settlements a second, a whole number from 1 to ${RATE_MAX}`);
  return n;
}

function duration(text: string): number {
  const seconds = parseDuration(text);
  if (seconds === null || seconds < 2 || seconds > SECONDS_MAX) throw new InvalidArgumentError('expected a time from 2s to 168h: 30s, 10m, 1h30m');
  return seconds;
}

function seedOf(text: string): number {
  const n = Number(text);
  if (!Number.isInteger(n) || n < 0 || n >= 2 ** 31) throw new InvalidArgumentError('expected a whole number from 0 to 2147483647');
  return n;
}

export function addLoad(program: Command, io: Io, ending: Ending): void {
  withJson(
    program.command('load').description('load a platform with k6 and judge its SLAs; ends with 0 when all hold, 99 when one is breached')
      .argument('[scenario]', [...SCENARIOS.keys()].join(', '))
      .option('--merge <reports...>', 'no run: the report.json of several hosts as one, judged from all their events together')
      .option('--verify <folder>', 'no run: whether report.json there is what was signed, with --key')
      .option('--key <vkey>', 'with --verify: public key (note format) of who signed')
      .option('--list', 'the scenarios, and what each is for')
      .option('--target <urls...>', 'edge nodes of a running platform (a platform of its own in a temporary folder, when left out)')
      .option('--control <url>', 'with --target: the control plane, where accounts are opened')
      .option('--token-file <file>', 'with --target: the operator\'s token')
      .option('--rate <n>', 'settlements a second of the good clients (the scenario\'s own, when left out)', rate)
      .option('--duration <time>', 'how long: 30s, 10m, 1h30m (the scenario\'s own, when left out)', duration)
      .option('--replay <file>', 'settlements of a CSV file instead of generated ones, over and over (as `tidemark replay` reads it)')
      .option('--seed <n>', 'of the generated settlements', seedOf, 1)
      .option('--config <file>', 'the definition of the deployment: its SLAs are judged (or set TIDEMARK_CONFIG)', io.env['TIDEMARK_CONFIG'] ?? CONFIG_FILE)
      .option('--wan <mode>', 'without --target: emulated round trips between sites: on or off', wanMode, 'off')
      .option('--report <folder>', 'write report.html, report.json and report.xml (JUnit) there')
      .option('--sign <keyfile>', 'with --report: sign report.json as evidence (in-toto test-result in DSSE) with this note key'),
    [
      'tidemark load --list', 'tidemark load steady --rate 500 --duration 10s', 'tidemark load partition --duration 30s --report out/',
      'tidemark load ramp --rate 2000 --target http://127.0.0.1:4601 --control http://127.0.0.1:4600 --token-file .tidemark/token',
    ],
  ).addHelpText('after', '  99   an SLA is breached').action(async (name: string | undefined, options: LoadOptions) => {
    if (options.list === true) {
      list(io, options.json === true);
      return;
    }
    // Told before the load, not after it.
    if (options.report !== undefined) makeOutFolder(resolve(options.report), '--report');
    if (options.merge !== undefined) {
      const merged = mergeReports(options.merge.map(readReport), options.merge);
      await writeReport(merged, options.report, null, '', io);
      tell(merged, options.json === true, io);
      ending.code = codeOf(merged);
      return;
    }
    if (options.verify !== undefined) {
      await verifyReport(options.verify, options.key, options.json === true, io);
      return;
    }
    const scenario = scenarioOf(name);
    const platform = await loadPlatform(options.config);
    const k6 = findK6(io.env);
    if (options.replay !== undefined) checkFile(options.replay);
    const signer = options.sign === undefined ? null : await signerOf(options.sign, options.report);
    const interrupt = onInterrupt('interrupted; what was started is stopped');
    let target: Target | null = null;
    const progress = createProgress(scenario.name);
    const folder = mkdtempSync(join(tmpdir(), 'tidemark-load-'));
    try {
      target = await openTarget(options, platform, io);
      const file = options.replay === undefined ? undefined : await readFileSettlements(options.replay, platform, target.edges.map((e) => e.id), folder);
      const request = {
        scenario, platform, edges: target.edges, seed: options.seed, run: randomBytes(4).toString('hex'),
        rate: options.rate ?? scenario.rate, seconds: options.duration ?? scenario.seconds, ...(target.local === undefined ? {} : { local: target.local }),
        ...(file === undefined ? {} : { file }),
      };
      const plan = planLoad(request);
      const http = createHttpClient();
      const client = { http, signal: interrupt.signal, ...(target.token === undefined ? {} : { token: target.token }) };
      const history = historyFile(io, scenario.name, JSON.stringify([target.name, plan.data, plan.slas]));
      let report: LoadReport;
      try {
        report = await runLoad({
          plan, scenario, k6, target: target.name, fileAccounts: file?.accounts, before: readHistory(history), signal: interrupt.signal, say: io.err,
          control: createControlClient(target.control, client), edges: target.edges.map((e) => createEdgeClient(e.url, client)),
          onProgress: (done, all, note) => progress.update(done, all, note),
        });
      } finally {
        await http.close();
      }
      progress.stop();
      writeFileSync(history, JSON.stringify(report));
      const { drill: _token, ...withoutToken } = plan;
      await writeReport(report, options.report, signer, JSON.stringify(withoutToken), io);
      tell(report, options.json === true, io);
      ending.code = codeOf(report);
    } finally {
      progress.stop();
      await target?.close();
      rmSync(folder, { recursive: true, force: true });
      interrupt.stop();
    }
  });
}

/** 99 for a breached SLA, as k6 itself has it; 1 for what is wrong beside the SLAs. */
const codeOf = (report: LoadReport): number =>
  (report.pass ? EXIT.ok : report.verdicts.every((v) => v.pass) && report.knee === undefined ? EXIT.failed : K6_BREACHED);

function list(io: Io, json: boolean): void {
  const all = [...SCENARIOS.values()];
  if (json) io.out(JSON.stringify({ scenarios: all.map(({ name, title, what, rate: perSecond, seconds }) => ({ name, title, what, rate: perSecond, seconds })) }));
  else io.out(table([['SCENARIO', 'RATE', 'SECONDS', 'FOR'], ...all.map((s) => [s.name, String(s.rate), String(s.seconds), s.what])]));
}

function scenarioOf(name: string | undefined): Scenario {
  const known = [...SCENARIOS.keys()].join(', ');
  if (name === undefined) throw new CliError(EXIT.usage, 'usage', `which scenario? ${known}; --list says what each is for`);
  const scenario = SCENARIOS.get(name);
  if (scenario === undefined) throw new CliError(EXIT.usage, 'unknown-scenario', `no scenario ${JSON.stringify(name)}; there are ${known}`);
  return scenario;
}

interface Target {
  readonly name: string;
  readonly edges: readonly { readonly id: string; readonly url: string }[];
  readonly control: string;
  readonly token?: string;
  readonly local?: { readonly url: string; readonly token: string };
  readonly close: () => Promise<void>;
}

async function openTarget(options: LoadOptions, platform: Platform, io: Io): Promise<Target> {
  if (options.target !== undefined) {
    if (options.control === undefined || options.tokenFile === undefined) {
      throw new CliError(EXIT.usage, 'usage', '--target: accounts have to be opened first, so say where: --control <url> --token-file <file>');
    }
    const edges = options.target.map((text) => text.replace(/\/$/, ''));
    for (const url of [...edges, options.control]) {
      if (!/^https?:\/\/[^\s/]+$/.test(url.replace(/\/$/, ''))) throw new CliError(EXIT.usage, 'usage', `${JSON.stringify(url)}: expected a base URL, such as http://127.0.0.1:4601`);
    }
    const token = readFileSync(options.tokenFile, 'utf8').trim();
    const http = createHttpClient();
    try {
      const named = await Promise.all(edges.map(async (url) => ({ id: (await createEdgeClient(url, { http, patienceMs: 0 }).status()).id, url })));
      return { name: edges.join(' '), edges: named, control: options.control.replace(/\/$/, ''), token, close: async () => {} };
    } finally {
      await http.close();
    }
  }
  const { startLocalPlatform } = await import('../../services/local/index.ts');
  const dataDir = mkdtempSync(join(tmpdir(), 'tidemark-load-platform-'));
  io.err('starting a platform of its own in a temporary folder');
  let local: LocalPlatform;
  try {
    local = await startLocalPlatform(platform, { dataDir, portBase: 0, wan: options.wan, logLevel: 'warn' });
  } catch (error) {
    rmSync(dataDir, { recursive: true, force: true });
    throw error;
  }
  const token = readFileSync(local.tokenFile, 'utf8').trim();
  return {
    name: `a local platform (${platform.name}, wan ${options.wan === 'emulated' ? 'on' : options.wan})`, control: local.controlUrl, token,
    edges: local.edges.map(({ id, url }) => ({ id, url })), local: { url: local.localUrl, token },
    close: async () => {
      await local.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

async function signerOf(file: string, report: string | undefined): Promise<Signer> {
  if (report === undefined) throw new CliError(EXIT.usage, 'usage', '--sign: what is signed is report.json; say where it goes with --report <folder>');
  const { parseSigner } = await import('../../services/transparency/index.ts');
  try {
    return parseSigner(readFileSync(file, 'utf8').trim());
  } catch (error) {
    throw new CliError(EXIT.usage, 'key', `--sign: ${file}: ${(error as Error).message}`);
  }
}

async function verifyReport(folder: string, key: string | undefined, asJson: boolean, io: Io): Promise<void> {
  if (key === undefined) throw new CliError(EXIT.usage, 'usage', '--verify: whose signature counts? --key <vkey>, from somewhere else than the report');
  const { parseVerifier } = await import('../../services/transparency/index.ts');
  let verifier: Verifier;
  try {
    verifier = parseVerifier(key);
  } catch (error) {
    throw new CliError(EXIT.usage, 'key', `--key: ${(error as Error).message}`);
  }
  try {
    const verified = verifyEvidence(readFileSync(join(folder, 'report.json.intoto'), 'utf8'), readFileSync(join(folder, 'report.json')), verifier);
    io.out(asJson ? JSON.stringify({ ok: true, signer: verifier.name, ...verified })
      : `signed by ${verifier.name}, about this report.json: ${verified.result}${verified.failed.length === 0 ? '' : ` (${verified.failed.join(', ')})`}`);
  } catch (error) {
    throw new CliError(EXIT.failed, 'evidence', `${folder}: ${(error as Error).message}`);
  }
}

/** One file a scenario, machine and set-up (target, settlements, SLAs): what is compared has to be comparable. */
function historyFile(io: Io, scenario: string, setup: string): string {
  const folder = join(resolve(io.env['TIDEMARK_DATA'] ?? DATA_DEFAULT), 'load');
  mkdirSync(folder, { recursive: true });
  const machine = createHash('sha256').update(`${hostname()} ${cpus().length} ${setup}`).digest('hex').slice(0, 12);
  return join(folder, `${scenario}-${machine}.json`);
}

function readHistory(file: string): LoadReport | null {
  try {
    const report = JSON.parse(readFileSync(file, 'utf8')) as LoadReport;
    return report.v === 1 ? report : null;
  } catch {
    // The first run, or the file of a run that was cut short: there is nothing to compare with.
    return null;
  }
}

async function writeReport(
  report: LoadReport, folder: string | undefined, signer: Signer | null, plan: string, io: Io,
): Promise<void> {
  if (folder === undefined) return;
  const json = `${JSON.stringify(report, null, 1)}\n`;
  const files: [string, string][] = [['report.json', json], ['report.html', toHtml(report)], ['report.xml', toJunit(report)]];
  if (signer !== null) {
    const envelope = await attest({
      name: 'report.json', report: Buffer.from(json), pass: report.pass, passed: report.verdicts.filter((v) => v.pass).map((v) => v.sla),
      failed: [...report.verdicts.filter((v) => !v.pass).map((v) => v.sla), ...report.problems], configuration: [{ name: 'plan.json', content: plan }],
    }, signer);
    files.push(['plan.json', plan], ['report.json.intoto', `${JSON.stringify(envelope)}\n`]);
  }
  for (const [name, text] of files) writeFileSync(join(folder, name), text);
  io.err(`${files.map(([name]) => name).join(', ')} in ${folder}`);
}

function tell(report: LoadReport, json: boolean, io: Io): void {
  if (json) {
    const { timeline: _timeline, client, ...rest } = report;
    io.out(JSON.stringify({ ...rest, client: Object.fromEntries(Object.entries(client).map(([name, { p50, p95, p99 }]) => [name, { p50, p95, p99 }])) }));
    return;
  }
  io.out(table(verdictRows(report)));
  for (const { sla, why } of report.unjudged) io.out(`${sla}: not judged: ${why}`);
  io.out('');
  io.out(table(latencyRows(report)));
  if (report.knee !== undefined) io.out(report.knee.rate === null ? '\nnot even the lowest rate kept the SLA' : `\nthe knee: the SLA held up to ${report.knee.rate} settlements a second${
    { sla: '', none: ', to the end of the ramp: try a higher rate', generator: '; above that the load generator could not keep the rate' }[report.knee.limitedBy]}`);
  for (const line of [...report.problems, ...report.correlation.disagreements]) io.out(`! ${line}`);
  io.out(`\n${report.title}: ${report.pass ? 'passed' : 'FAILED'} (${report.counts['sent']?.toLocaleString('en')} settlements in ${report.seconds.toFixed(1)} s)`);
}
