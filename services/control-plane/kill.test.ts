import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FRAME_TYPE } from '../protocol/index.ts';
import { createHttpClient, UnreachableError } from '../shell/index.ts';
import { openCheckpoint, parseVerifier } from '../transparency/index.ts';
import { json, pay } from './testing-service.ts';
import { encodeDecisions, fakePlatform, fakeWitness, frameOf } from './testing.ts';

const SEED = 20_260_101;
const BATCHES = 24;
const PER_BATCH = 200;

/** Park and Miller's generator: the same points in every run. */
function random(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
}

test(`killed at random points (seed ${SEED}) it loses nothing that it acknowledged, and doubles nothing`, { timeout: 60_000 }, async () => {
  const next = random(SEED);
  const platform = fakePlatform({ regions: 1, nodes: 1, replicas: 1, quorum: 1 });
  const [region] = platform.regions;
  const log = parseVerifier(platform.global.signer.vkey);
  const witness = await fakeWitness(region!.replicas[0]!, log);
  const folder = mkdtempSync(join(tmpdir(), 'control-plane-kill-'));
  const client = createHttpClient();
  writeFileSync(join(folder, 'trust.json'), JSON.stringify(platform.trustFile));
  writeFileSync(join(folder, 'key'), platform.global.skey);
  writeFileSync(join(folder, 'token'), 'f00d');
  let child: ChildProcess | null = null;
  let url = '';
  const start = async (): Promise<void> => {
    child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts')], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: {
        TIDEMARK_SITE: 'centre', TIDEMARK_DATA: folder, TIDEMARK_TRUST: join(folder, 'trust.json'), TIDEMARK_KEY: join(folder, 'key'),
        TIDEMARK_TOKEN_FILE: join(folder, 'token'), TIDEMARK_LOG_LEVEL: 'silent', TIDEMARK_WITNESS_URLS: JSON.stringify({ r0: [witness.url] }),
      },
    });
    const [line] = await once(child.stdout!, 'data') as [Buffer];
    url = /^listening (http:\S+)/.exec(line.toString())![1]!;
  };
  const kill = async (): Promise<void> => {
    const gone = once(child!, 'exit');
    child!.kill('SIGKILL');
    await gone;
  };
  try {
    await start();
    await client.json(`${url}/v1/accounts`, {
      method: 'POST', token: 'f00d', json: { accounts: [{ account: 'bank', asset: 'EUR', overdraftLimit: null }, { account: 'alice', asset: 'EUR', overdraftLimit: '0' }] },
    });
    let acknowledged = 0;
    let kills = 0;
    for (let n = 0; n < BATCHES; n += 1) {
      await region!.order('r0-n0', encodeDecisions(Array.from({ length: PER_BATCH }, (_, i) => pay(`s${n}-${i}`, 'bank', 'alice', 1n))));
      for (let done = false; !done;) {
        const state = json(await client.call(`${url}/v1/regions/r0`));
        expect(state.applied).toBeGreaterThanOrEqual(acknowledged);
        const body = frameOf(await region!.block(state.applied, state.size));
        const answer = client.call(`${url}/v1/blocks`, { method: 'POST', body, type: FRAME_TYPE });
        if (kills < 8 && next() < 0.4) {
          kills += 1;
          answer.catch(() => {});
          for (let turns = Math.floor(next() * 60); turns > 0; turns -= 1) await new Promise(setImmediate);
          await kill();
          acknowledged = await answer.then((a) => (a.status === 200 ? json(a).applied : acknowledged), (error: unknown) => {
            if (!(error instanceof UnreachableError)) throw error;
            return acknowledged;
          });
          await start();
        } else {
          expect((await answer).status).toBe(200);
          acknowledged = n + 1;
          done = true;
        }
      }
    }
    expect(kills).toBe(8);
    const total = BATCHES * PER_BATCH;
    expect(json(await client.call(`${url}/v1/accounts/alice`)).balance).toBe(String(total));
    expect(json(await client.call(`${url}/v1/ledger`))).toEqual({ assets: { EUR: { sum: '0', accounts: 2 } }, settlements: total });
    expect(json(await client.call(`${url}/v1/status`)).counts).toMatchObject({ applied: total, final: total, duplicates: 0 });
    let size = 0;
    while (size < total + 2) {
      const note = await client.call(`${url}/checkpoint`);
      if (note.status === 200) size = openCheckpoint(note.body, log).size;
    }
    expect(size).toBe(total + 2);
  } finally {
    if (child !== null && (child as ChildProcess).exitCode === null) await kill();
    await witness.close();
    await client.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
