/** The command line against a platform that it started: every command once, as a user would. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { run } from './program.ts';
import type { ReplayResult } from './replay/run.ts';
import type { PlatformStatus } from './status.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidemark-e2e-'));
const data = join(folder, 'data');
const MAIN = join(import.meta.dirname, 'main.ts');

const CONFIG = {
  name: 'small', origin: 'small.example', assets: [
    { code: 'EUR', scale: 2 }, { code: 'CZK', scale: 2 },
  ], controlPlane: { location: 'eu-west-1' }, witnessQuorum: 1,
  regions: [
    { id: 'eu', location: 'eu-central-1', replicas: 1, edges: [{ id: 'eu-fra-1', location: 'eu-central-1' }] },
    { id: 'us', location: 'us-east-1', replicas: 1, edges: [{ id: 'us-a', location: 'us-east-1' }] },
  ],
  policy: { offlineAfterMs: 1_000, offlinePerAccount: { EUR: '100000' }, offlinePerNode: { EUR: '1000000' } },
};

async function tidemark(...args: string[]): Promise<{ code: number; out: string; err: string; json: <T>() => T }> {
  let out = '';
  let err = '';
  const code = await run(args, {
    out: (text) => {
      out += `${text}\n`;
    },
    err: (text) => {
      err += `${text}\n`;
    },
    env: { TIDEMARK_DATA: data },
  });
  return { code, out, err, json: <T>() => JSON.parse(out.trimEnd().split('\n').at(-1)!) as T };
}

interface Up {
  readonly child: ChildProcess;
  readonly output: () => string;
  readonly ended: Promise<number | null>;
}

/** Starts `tidemark up` and waits for its line `ready <url>`. */
function up(config: string): Promise<Up> {
  const child = spawn(
    process.execPath,
    [MAIN, 'up', '--config', config, '--data', data, '--port-base', '0', '--wan', 'off', '--log-level', 'warn'],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let output = '';
  let errors = '';
  const ended = new Promise<number | null>((resolve) => {
    child.on('exit', resolve);
  });
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  return new Promise((resolve, reject) => {
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      if (/^ready http:\/\/\S+\n/m.test(output)) resolve({ child, output: () => output, ended });
    });
    ended.then((code) => reject(new Error(`tidemark up ended with ${code} before it was ready:\n${errors}`)), reject);
  });
}

let platform: Up;
const config = join(folder, 'small.json');
beforeAll(async () => {
  writeFileSync(config, JSON.stringify(CONFIG));
  platform = await up(config);
}, 60_000);
afterAll(async () => {
  platform.child.kill('SIGKILL');
  await platform.ended;
  rmSync(folder, { recursive: true, force: true });
});

describe('a platform from beginning to end', { timeout: 60_000 }, () => {
  test('up says where everything is and what to try', () => {
    const text = platform.output();
    for (const part of ['eu-fra-1', 'us-a', 'eu/1', 'Dashboard: http://127.0.0.1:', 'Try:', `account open alice EUR --data ${data}`, 'curl -s http://']) {
      expect(text).toContain(part);
    }
  });

  test('accounts are opened, and opened again, and not in another asset', async () => {
    expect(
      (await tidemark('account', 'open', 'treasury', 'EUR', '--overdraft', 'none', '--json')).json(),
    ).toMatchObject({ account: 'treasury', asset: 'EUR', overdraftLimit: null, balance: '0' });
    expect((await tidemark('account', 'open', 'alice', 'EUR')).code).toBe(0);
    expect(
      (await tidemark('account', 'open', 'alice', 'EUR', '--overdraft', '5.00')).out,
    ).toContain('may go 5.00 EUR below zero');
    expect(
      await tidemark('account', 'open', 'alice', 'CZK'),
    ).toMatchObject({ code: 1, err: expect.stringContaining('asset-mismatch') });
    expect(await tidemark('account', 'show', 'nobody')).toMatchObject({ code: 1 });
  });

  test('a settlement becomes final; the same id again is the same, with other content refused', async () => {
    const first = await tidemark(
      'settle', 'treasury', 'alice', '12.50', 'EUR', '--id', 'pay-1', '--site', 'eu-fra-1', '--wait', '--json',
    );
    expect(first.code).toBe(0);
    expect(first.json()).toMatchObject({ id: 'pay-1', state: 'final', amount: '1250' });
    expect(
      (await tidemark(
        'settle', 'treasury', 'alice', '1250', 'EUR', '--minor', '--id', 'pay-1', '--site', 'eu-fra-1', '--json',
      )).json(),
    ).toMatchObject({ id: 'pay-1', state: 'provisional' });
    expect(
      await tidemark('settle', 'treasury', 'alice', '13', 'EUR', '--id', 'pay-1', '--site', 'eu-fra-1'),
    ).toMatchObject({ code: 1, err: expect.stringContaining('id-conflict') });
    expect(
      await tidemark('settle', 'alice', 'treasury', '500', 'EUR', '--site', 'eu-fra-1'),
    ).toMatchObject({ code: 1, out: expect.stringContaining('insufficient-funds') });
    expect(
      await tidemark('settle', 'alice', 'treasury', '1', 'EUR', '--site', 'nowhere'),
    ).toMatchObject({ code: 2, err: expect.stringContaining('eu-fra-1, us-a') });
    expect((await tidemark('account', 'show', 'alice')).out).toContain('12.50 EUR (posted 12.50 EUR');
    expect(
      (await tidemark('account', 'show', 'alice', '--site', 'eu-fra-1', '--json')).json(),
    ).toMatchObject({ balance: '1250', reserved: '0', connected: true });
  });

  test('its receipt and its provenance verify', async () => {
    const state = JSON.parse(
      readFileSync(join(data, 'platform.json'), 'utf8'),
    ) as { controlUrl: string; sites: { id: string; url: string }[] };
    const edge = state.sites.find((s) => s.id === 'eu-fra-1')!.url;
    const save = async (name: string, url: string): Promise<string> => {
      writeFileSync(join(folder, name), await (await fetch(url)).text());
      return join(folder, name);
    };
    const edgeReceipt = await save('edge.tlog-proof', `${edge}/v1/settlements/pay-1/receipt?log=edge`);
    const decision = await save('decision.json', `${edge}/v1/settlements/pay-1/provenance`);
    const receipt = await save('global.tlog-proof', `${edge}/v1/settlements/pay-1/receipt`);
    const outcome = await save('outcome.json', `${state.controlUrl}/v1/settlements/pay-1/provenance`);
    const verified = await tidemark('verify', edgeReceipt, decision, receipt, outcome);
    expect(verified.out).not.toContain('FAIL');
    expect(verified).toMatchObject({ code: 0, out: expect.stringContaining('pay-1 is final') });
    const central = await save('central.tlog-proof', `${state.controlUrl}/v1/settlements/pay-1/receipt`);
    for (const alone of [receipt, edgeReceipt, central]) {
      expect((await tidemark('verify', alone, '--json')).json()).toMatchObject({ ok: true, results: [{ trust: 'given' }] });
    }
    // The receipt of the one log, the provenance of the other: of the same settlement.
    for (const pair of [[receipt, decision], [edgeReceipt, outcome]]) {
      expect((await tidemark('verify', ...pair)).out).toContain(`of the same settlement as ${pair[1]!}`);
    }
  });

  test('cut off it goes on, and status shows it; healed it catches up', async () => {
    let status: PlatformStatus;
    // Until its next sign of life from the centre the node has not heard of the accounts.
    do status = (await tidemark('status', '--json')).json();
    while ((status.sites.find((s) => s.id === 'us-a')!.counts?.['accounts'] ?? 0) < 2);
    expect((await tidemark('partition', 'us', '--for', '1h', '--json')).json()).toMatchObject({ site: 'us' });
    expect(
      await tidemark('partition', 'atlantis'),
    ).toMatchObject({ code: 2, err: expect.stringContaining('atlantis') });
    do status = (await tidemark('status', '--json')).json();
    while (status.sites.find((s) => s.id === 'us-a')!.state !== 'disconnected');
    expect(status.sites.map((s) => s.id)).toEqual(['global', 'eu-fra-1', 'us-a', 'eu/1', 'us/1']);
    for (const s of status.sites) {
      expect(s).toMatchObject(
        {
          id: expect.any(String), tier: expect.stringMatching(/^(edge|region|global)$/),
          url: expect.stringMatching(/^http:/), state: expect.any(String),
        },
      );
    }
    expect(status.partitions).toMatchObject([{ site: 'us' }]);
    const waited = await tidemark(
      'settle', 'treasury', 'alice', '1', 'EUR', '--site', 'us-a', '--id', 'cut-1', '--wait', '300ms',
    );
    // The node has heard of the accounts, though nothing named them there before; it is not final as long as the centre is away.
    expect(waited.code).toBe(1);
    expect(waited.out).toMatch(/^cut-1: provisional.*decided offline/);
    expect((await tidemark('heal', '--json')).json()).toEqual({ healed: ['us'] });
    expect((await tidemark('heal')).out).toContain('nothing was cut off');
    do status = (await tidemark('status', '--json')).json();
    while (status.sites.find((s) => s.id === 'us-a')!.state !== 'ready');
    expect((await tidemark('settle', 'treasury', 'alice', '2', 'EUR', '--site', 'us-a', '--wait')).code).toBe(0);
    expect((await tidemark('status')).out).toContain('region us');
  });

  test('a file is replayed, stopped, gone on with, extended, and checked each time', async () => {
    const lines = ['trans_id,account_id,date,type,operation,amount,balance,k_symbol,bank,account'];
    const balances = new Map<number, number>();
    for (let i = 0; i < 600; i += 1) {
      const account = i % 7;
      // Some start with money: they were opened before the file begins.
      const before = balances.get(account) ?? account * 1_000;
      const after = before + (i % 3 === 0 ? -150 : 225);
      balances.set(account, after);
      lines.push(
        `${i},${account},${930_101 + Math.floor(i / 20)},${after > before ? 'PRIJEM' : 'VYDAJ'},${after > before ? 'VKLAD' : 'VYBER'},${Math.abs(after - before)}.00,${after}.00,,,`,
      );
    }
    const file = join(folder, 'bank.csv');
    writeFileSync(file, `${lines.join('\n')}\n`);
    const some = await tidemark('replay', file, '--limit', '250', '--batch', '20', '--json');
    expect(some.json<ReplayResult>()).toMatchObject({
      ok: true, transactions: 250, openings: 6, accounts: 7, accountsMatching: 7, accountsExact: 7, ledgerSum: '0', lost: 0, duplicated: 0, provisionalLeft: 0, proofsFailed: 0, problems: [],
    });
    expect(some.code).toBe(0);
    const all = (await tidemark('replay', file, '--json')).json<ReplayResult>();
    expect(all).toMatchObject({ ok: true, transactions: 600, openings: 6, accountsExact: 7, repeated: 256 });
    expect(all.proofsChecked).toBeGreaterThanOrEqual(606);
    const { lag } = all;
    expect(Object.keys(lag).sort()).toEqual(['all', 'eu', 'us']);
    expect(lag['all']!.whole.count).toBe(350);
    expect((await tidemark('replay', file, '--restart', '--json')).json()).toMatchObject({ ok: true, repeated: 606 });
    expect((await tidemark('replay', file)).out).toContain('Everything holds.');
    expect(
      await tidemark('replay', file, '--limit', '10'),
    ).toMatchObject({ code: 2, err: expect.stringContaining('600 rows of this file were replayed here before') });
    // What was written down is gone: from where the accounts started can't be told.
    rmSync(join(data, 'replay'), { recursive: true });
    expect(await tidemark('replay', file)).toMatchObject({ code: 1, err: expect.stringContaining('has settled trans:0 before') });
  });

  test('an export is written once, verifies, and shows any damage', async () => {
    const dir = join(folder, 'audit');
    const exported = await tidemark('export', dir, '--json');
    expect(
      exported.json<{ logs: { name: string }[] }>().logs.map((l) => l.name),
    ).toEqual(['global', 'region-eu', 'region-us', 'edge-eu-fra-1', 'edge-us-a']);
    expect((await tidemark('verify', dir, '--trust', join(data, 'trust.json'))).out).toContain('everything holds');
    const own = await tidemark('verify', dir);
    expect(own.code).toBe(0);
    expect(own.out).toMatch(/holds, under the keys that the export itself brings \(compare trust\.json's SHA-256 [0-9a-f]{64} /);
    expect((await tidemark('verify', dir, '--json')).json()).toMatchObject({ results: [{ trust: 'own' }] });
    expect((await tidemark('verify', dir, '--data', data, '--json')).json()).toMatchObject({ results: [{ trust: 'given' }] });
    expect(await tidemark('export', dir)).toMatchObject({ code: 1, err: expect.stringContaining('--force') });
    expect((await tidemark('export', dir, '--force')).code).toBe(0);
    const path = join(dir, 'logs', 'edge-eu-fra-1', 'tile', 'entries', '000');
    const bytes = readFileSync(path);
    bytes[1_000]! ^= 4;
    writeFileSync(path, bytes);
    const damaged = await tidemark('verify', dir, '--json');
    expect(damaged.code).toBe(1);
    expect(
      damaged.json<{ results: { failures: { file: string }[] }[] }>().results[0]!.failures.map((f) => f.file),
    ).toContain('logs/edge-eu-fra-1/tile/entries/000');
  });

  test('the same settlement at another site moves nothing, and settle says so', async () => {
    expect((await tidemark('settle', 'treasury', 'alice', '0.01', 'EUR', '--site', 'us-a', '--wait')).code).toBe(0);
    const again = await tidemark('settle', 'treasury', 'alice', '12.50', 'EUR', '--id', 'pay-1', '--site', 'us-a', '--wait');
    expect(again.out).toMatch(/pay-1: final, entry \d+ of the global log: duplicate of entry \d+: nothing moved again/);
    expect((await tidemark('settle', 'alice', 'treasury', '0.01', 'EUR', '--wait')).code).toBe(0);
  });

  test('a token that is gone, or not the running platform\'s, is told with its file', async () => {
    const file = join(data, 'token');
    const token = readFileSync(file, 'utf8');
    try {
      rmSync(file);
      const missing = await tidemark('account', 'open', 'carol', 'EUR');
      expect(missing).toMatchObject({ code: 2, err: expect.stringContaining(`${file} is missing`) });
      expect(missing.err).not.toMatch(/unexpected|internal|\n {4}at /);
      writeFileSync(file, `${'0'.repeat(64)}\n`, { mode: 0o600 });
      for (const args of [['account', 'open', 'carol', 'EUR'], ['partition', 'us']]) {
        expect(await tidemark(...args)).toMatchObject(
          { code: 1, err: expect.stringMatching(/token is not the token of the running platform at http:\/\/127\.0\.0\.1:\d+:/) },
        );
      }
    } finally {
      writeFileSync(file, token, { mode: 0o600 });
    }
  });

  test('Ctrl-C stops it cleanly, and it goes on from what is on disk', async () => {
    platform.child.kill('SIGINT');
    expect(await platform.ended).toBe(0);
    expect(existsSync(join(data, 'platform.json'))).toBe(false);
    expect((await tidemark('status')).code).toBe(3);
    platform = await up(config);
    expect((await tidemark('account', 'show', 'alice', '--json')).json()).toMatchObject({ balance: '1550' });
  });

  test('the five minutes of the README, word for word', async () => {
    const readme = readFileSync(join(import.meta.dirname, '..', 'README.md'), 'utf8');
    const section = /^## Five minutes$(.*?)^## /ms.exec(readme)![1]!;
    const commands = [...section.matchAll(/^```sh$(.*?)^```$/gms)].flatMap(([, block]) => block!.split('\n'))
      .filter((line) => line.startsWith('npx tidemark ')).map((line) => line.replace(/\s+#.*$/, ''));
    expect(commands.length).toBeGreaterThan(8);
    const said = new Map<string, string>();
    for (const command of commands) {
      const args = command.replaceAll('/tmp/audit', join(folder, 'five-minutes')).split(/\s+/).slice(2);
      const { code, out, err } = await tidemark(...args);
      expect(code, `${command}\n${out}${err}`).toBe(0);
      said.set(command, out);
      if (args[0] !== 'partition') continue;
      // What `sleep` is for there.
      let status: PlatformStatus;
      do status = (await tidemark('status', '--json')).json();
      while (status.sites.find((site) => site.id === args[1])!.state !== 'disconnected');
    }
    const settled = [...said].filter(([command]) => command.includes(' settle ')).map(([, out]) => out);
    expect(settled[0]).toMatch(/: final, entry \d+ of the global log\n$/);
    expect(settled[1]).toContain('decided offline');
    expect([...said.values()].at(-1)).toContain('holds, under the keys');
  });
});
