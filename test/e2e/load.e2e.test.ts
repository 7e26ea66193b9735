/**
 * `tidemark load` with the real k6: every scenario runs, judges what it measured, and says so by its exit code. How fast the
 * machine is decides nothing here: the SLAs are wide where a run has to pass, and impossible where it has to fail.
 */
import { createHash, verify } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { preAuthEncoding, type Envelope } from '../../cli/load/attestation.ts';
import { findK6 } from '../../cli/load/k6.ts';
import type { LoadReport } from '../../cli/load/report.ts';
import { run } from '../../cli/program.ts';
import { SCENARIOS } from '../../loadtests/scenarios.ts';
import { definePlatform, type SlaInput } from '../../platform/index.ts';
import { startLocalPlatform, type LocalPlatform } from '../../services/local/index.ts';
import { generateSigner } from '../../services/transparency/index.ts';

const missing = ((): string | null => {
  try {
    findK6(process.env);
    return null;
  } catch (error) {
    return (error as Error).message.split('.')[0]!;
  }
})();
const skipped = missing !== null && process.env['CI'] !== 'true';
if (skipped) console.warn(`load.e2e.test.ts: skipped: ${missing}`);

const folder = mkdtempSync(join(tmpdir(), 'tidemark-load-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const common = { severity: 'page', owner: 'settlement', runbook: 'runbooks/x.ts' } as const;
const WIDE: readonly SlaInput[] = [
  { id: 'acknowledgement', indicator: 'provisional-ack', objective: 0.5, thresholdMs: 20_000, scope: 'site', ...common },
  { id: 'ordered', indicator: 'ordering', objective: 0.5, thresholdMs: 50_000, scope: 'region', ...common },
  { id: 'final', indicator: 'finality', objective: 0.5, thresholdMs: 50_000, ...common },
  { id: 'reconciled', indicator: 'reconciliation', objective: 0.5, thresholdMs: 100_000, windowDays: 90, scope: 'region', ...common },
  { id: 'edge-available', indicator: 'availability', objective: 0.9, scope: 'site', ...common },
  { id: 'peering', indicator: 'peering-rtt', objective: 0.9, thresholdMs: 5_000, ...common },
];

const definition = (slas: readonly SlaInput[]): object => ({
  name: 'loaded', origin: 'loaded.example', assets: [{ code: 'EUR', scale: 2 }], controlPlane: { location: 'eu-west-1' }, witnessQuorum: 1,
  regions: [
    { id: 'eu', location: 'eu-central-1', edges: [{ id: 'eu-a', location: 'eu-central-1' }] },
    { id: 'us', location: 'us-east-1', edges: [{ id: 'us-a', location: 'us-east-1' }] },
  ],
  policy: { offlineAfterMs: 1_000, offlinePerAccount: { EUR: '100000000000' }, offlinePerNode: { EUR: '100000000000000' } },
  slas,
});

const configFile = (name: string, slas: readonly SlaInput[]): string => {
  const file = join(folder, `${name}.json`);
  writeFileSync(file, JSON.stringify(definition(slas)));
  return file;
};

interface Ended {
  readonly code: number;
  readonly report: Omit<LoadReport, 'timeline'> & { readonly error?: { readonly code: string; readonly message: string } };
  readonly err: string;
}

async function load(...args: string[]): Promise<Ended> {
  let [out, err] = ['', ''];
  const code = await run(['load', ...args, '--json'], {
    out: (text) => {
      out += `${text}\n`;
    },
    err: (text) => {
      err += `${text}\n`;
    },
    env: { ...process.env, TIDEMARK_DATA: join(folder, 'data') },
  });
  return { code, report: JSON.parse(out.trim().split('\n').at(-1)!) as Ended['report'], err };
}

describe.skipIf(skipped)('on a platform that runs already', () => {
  let platform: LocalPlatform;
  let wide: string;
  beforeAll(async () => {
    wide = configFile('wide', WIDE);
    platform = await startLocalPlatform(definePlatform(definition(WIDE) as Parameters<typeof definePlatform>[0]), { dataDir: join(folder, 'platform'), portBase: 0, wan: 'off', logLevel: 'warn' });
  });
  afterAll(() => platform?.stop());
  const target = (): string[] => ['--target', ...platform.edges.map((e) => e.url), '--control', platform.controlUrl, '--token-file', platform.tokenFile];

  test.each([...SCENARIOS.keys()].filter((name) => name !== 'partition'))('%s', async (name) => {
    const { code, report, err } = await load(name, '--config', wide, '--rate', name === 'ramp' ? '40' : '20', '--duration', '5s', ...target());
    expect(report.error, err).toBeUndefined();
    expect(report.scenario).toBe(name);
    expect(report.counts['wrong']).toBe(0);
    expect(report.counts['sent']).toBeGreaterThan(20);
    // What the nodes decided is what was sent, repetitions and nonsense aside.
    if (report.correlation.decided !== null && !['retry-storm', 'abuse', 'malformed', 'batches'].includes(name)) {
      expect(report.correlation.decided).toBe(report.counts['sent']! - report.counts['failed']!);
    }
    for (const v of report.verdicts) {
      expect(v.samples, v.sla).toBeGreaterThan(0);
      expect(v.pass, JSON.stringify(v)).toBe(v.why === undefined);
      expect(v.interval.low! <= v.measured! + 1e-9 && v.measured! <= v.interval.high! + 1e-9, JSON.stringify(v)).toBe(true);
    }
    expect([...report.verdicts.map((v) => v.sla), ...report.unjudged.map((u) => u.sla)].sort()).toEqual(WIDE.map((s) => s.id).sort());
    // A busy machine may fall behind the rate; that is said, and is no pass.
    expect(report.pass, JSON.stringify(report.problems)).toBe(report.problems.length === 0 || name === 'ramp');
    expect(code).toBe(report.pass ? 0 : 1);
  }, 120_000);

  test('an SLA that cannot be kept fails with 99, and is compared with the last run', async () => {
    const tight = configFile('tight', WIDE.map((sla) => (sla.id === 'acknowledgement' ? { ...sla, objective: 0.99, thresholdMs: 0.001 } : sla)));
    const out = join(folder, 'report');
    const { signer, skey } = generateSigner('loaded.example/sre', 'ed25519');
    const keyFile = join(folder, 'sre.key');
    writeFileSync(keyFile, skey);
    // No run with other SLAs is what it is compared with.
    const first = await load('steady', '--config', tight, '--rate', '20', '--duration', '2s', ...target());
    expect(first.code).toBe(99);
    expect(first.report.before).toBeUndefined();
    const { code, report } = await load('steady', '--config', tight, '--rate', '20', '--duration', '3s', '--report', out, '--sign', keyFile, ...target());
    expect(code).toBe(99);
    expect(report.before?.started).toBe(first.report.started);
    expect(report.verdicts.find((v) => v.sla === 'acknowledgement')).toMatchObject({ pass: false, measured: 0 });
    expect(report.before?.verdicts.map((v) => v.sla)).toContain('acknowledgement');

    expect(readdirSync(out).sort()).toEqual(['plan.json', 'report.html', 'report.json', 'report.json.intoto', 'report.xml']);
    const html = readFileSync(join(out, 'report.html'), 'utf8');
    expect(html).not.toMatch(/https?:\/\/(?!127\.0\.0\.1)|<script/);
    expect(html).toContain('<svg');
    expect(readFileSync(join(out, 'report.xml'), 'utf8')).toMatch(/<testsuite [^>]*failures="[1-9]/);
    const envelope = JSON.parse(readFileSync(join(out, 'report.json.intoto'), 'utf8')) as Envelope;
    const payload = Buffer.from(envelope.payload, 'base64');
    const spki = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), Buffer.from(signer.vkey.split('+').slice(2).join('+'), 'base64').subarray(1)]);
    const key = { key: spki, format: 'der', type: 'spki' } as const;
    expect(verify(null, preAuthEncoding(envelope.payloadType, payload), key, Buffer.from(envelope.signatures[0]!.sig, 'base64'))).toBe(true);
    const statement = JSON.parse(payload.toString('utf8')) as { subject: { digest: { sha256: string } }[]; predicate: { result: string; failedTests: string[] } };
    expect(statement.subject[0]!.digest.sha256).toBe(createHash('sha256').update(readFileSync(join(out, 'report.json'))).digest('hex'));
    expect(statement.predicate).toMatchObject({ result: 'FAILED', failedTests: expect.arrayContaining(['acknowledgement']) });
    let said = '';
    const io = { out: (text: string): void => void (said += text), err: (text: string): void => void (said += text), env: {} };
    expect(await run(['load', '--verify', out, '--key', signer.vkey], io)).toBe(0);
    expect(said).toContain('signed by loaded.example/sre, about this report.json: FAILED');
    writeFileSync(join(out, 'report.json'), '{}');
    expect(await run(['load', '--verify', out, '--key', signer.vkey], io)).toBe(1);
  }, 120_000);

  test('too few samples are no pass', async () => {
    const { code, report } = await load('steady', '--config', wide, '--rate', '1', '--duration', '2s', ...target());
    expect(report.verdicts.find((v) => v.sla === 'final')).toMatchObject({ pass: false });
    expect(report.verdicts.find((v) => v.sla === 'final')?.why).toMatch(/too few|no samples/);
    expect(code).toBe(99);
  }, 120_000);
});

describe.skipIf(skipped)('with a platform of its own', () => {
  test('partition: a region is cut off, goes on, and reconciles', async () => {
    const { code, report, err } = await load('partition', '--config', configFile('cut', WIDE), '--rate', '20', '--duration', '12s');
    expect(report.error, err).toBeUndefined();
    expect(report.counts['wrong']).toBe(0);
    expect(report.verdicts.find((v) => v.sla === 'reconciled')).toMatchObject({ samples: 1, pass: true });
    expect(report.unjudged.map((u) => u.sla)).toContain('final');
    expect(code).toBe(report.pass ? 0 : 1);
  }, 180_000);
});

describe('what can\'t be run', () => {
  test.each([
    ['an unknown scenario', ['stedy'], {}, 'no scenario "stedy"; there are steady'],
    ['no scenario', [], {}, 'which scenario?'],
    ['no k6', ['steady'], { TIDEMARK_K6: '/nowhere/k6' }, 'Get k6 2.x from'],
    ['a program that is not k6', ['steady'], { TIDEMARK_K6: process.execPath }, 'does not say that it is k6'],
    ['a target without control plane', ['steady', '--target', 'http://127.0.0.1:1'], {}, 'accounts have to be opened first'],
  ])('%s says so', async (_, args, env, message) => {
    let err = '';
    const code = await run(['load', ...args], {
      out: () => {}, env: { ...process.env, ...env, TIDEMARK_DATA: join(folder, 'data') },
      err: (text) => {
        err += text;
      },
    });
    if (skipped && err.includes('k6 is not on this machine')) return;
    expect(code).toBe(2);
    expect(err).toContain(message);
  });

  test.each([['--rate', '0'], ['--rate', '1.5'], ['--duration', '1s'], ['--duration', 'ten'], ['--seed', '-1']])('%s %s is refused', async (...args) => {
    expect(await run(['load', 'steady', ...args], { out: () => {}, err: () => {}, env: {} })).toBe(2);
  });
});
