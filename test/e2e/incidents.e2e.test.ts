/** A real platform with an SLA that cannot be kept while a witness is cut off: breach, incident, signed webhook; healed, it closes. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { run } from '../../cli/program.ts';
import { definePlatform } from '../../platform/index.ts';
import { replaceFile } from '../../platform/whole-file.ts';
import { startReceiver, verifies } from '../../services/control-plane/incidents/testing.ts';
import { layoutOf, startLocalPlatform } from '../../services/local/index.ts';
import { createControlClient, createEdgeClient, type IncidentView } from '../../services/protocol/client.ts';
import type { Instruction } from '../../services/protocol/index.ts';

const MINUTE = 60_000;
const program = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

test('an SLA that is not kept opens an incident and tells the receiver; healed, it closes', async () => {
  const receiver = await startReceiver((response, _request, n) => void response.writeHead(n === 1 ? 503 : 204).end());
  onTestFinished(receiver.close);
  const dataDir = mkdtempSync(join(tmpdir(), 'tidemark-incidents-'));
  onTestFinished(() => rmSync(dataDir, { recursive: true, force: true }));
  const model = definePlatform({
    name: 'incidents', origin: 'incidents.example', assets: [{ code: 'EUR', scale: 2 }], controlPlane: { location: 'eu-central-1' },
    regions: [{ id: 'eu', location: 'eu-central-1', edges: [{ id: 'eu-a', location: 'eu-central-1' }] }, { id: 'us', location: 'us-east-1' }],
    // Nothing becomes final while either is cut off.
    witnessQuorum: 2, wan: { enabled: false },
    slas: [{ id: 'final', indicator: 'finality', objective: 0.9, thresholdMs: 3_000, windowDays: 1, severity: 'page', owner: 'settlement', runbook: 'runbooks/finality.ts' }],
    webhooks: [{ id: 'pager', url: receiver.url }],
  });
  const platform = await startLocalPlatform(model, { dataDir, portBase: 0, programs: { global: program('centre-with-clock.ts'), edge: program('edge-that-tells-often.ts') } });
  onTestFinished(() => platform.stop(5_000));
  const token = readFileSync(platform.tokenFile, 'utf8').trim();
  const control = createControlClient(platform.controlUrl, { token });
  const edge = createEdgeClient(platform.edges[0]!.url, { token });
  onTestFinished(async () => {
    await control.close();
    await edge.close();
  });
  await control.openAccounts([{ account: 'bank', asset: 'EUR', overdraftLimit: null }, { account: 'shop', asset: 'EUR', overdraftLimit: null }]);
  let n = 0;
  const settle = async (count: number): Promise<void> => {
    const batch = Array.from({ length: count }, (): Instruction => ({ id: `s${n += 1}`, asset: 'EUR', debitAccount: 'bank', creditAccount: 'shop', amount: 1n }));
    await edge.settleMany(batch);
  };
  const until = async <T>(look: () => Promise<T | undefined>): Promise<T> => {
    for (;;) {
      const found = await look();
      if (found !== undefined) return found;
      await pause(100);
    }
  };
  const burning = async (): Promise<IncidentView | undefined> => (await control.incidents({ state: 'all' })).incidents.find(({ kind }) => kind === 'burn-rate');

  await platform.partition('us');
  await settle(40);
  const opened = await until(async () => {
    const incident = await burning();
    return incident?.severity === 'page' ? incident : undefined;
  });
  expect(opened).toMatchObject({
    sla: 'final', scope: 'global', severity: 'page', owner: 'settlement', runbook: 'runbooks/finality.ts', state: 'open', closedAt: null,
    known: { events: 40, badEvents: 40, budgetLeft: -9, sites: { most: [{ site: 'eu-a', events: 40, badEvents: 40 }], silent: [], expected: 1 } },
  });
  // The first attempt is answered 503; it comes again.
  const told = await until(async () => receiver.received.find(({ event }, i) => i > 0 && event.id === `${opened.id}-opened`));
  const secrets = JSON.parse(readFileSync(layoutOf(dataDir).webhookSecrets, 'utf8')) as Record<string, string>;
  expect(verifies(secrets['pager']!, told, Date.now() / 1_000)).toBe(true);
  expect(told.event).toMatchObject({ type: 'example.incidents.incident.opened', data: { id: opened.id, state: 'open', severity: 'page' } });

  // It outlives the centre's death, as does what is still to be told.
  await platform.kill('global');
  await platform.ready('global');
  expect(await burning()).toMatchObject({ id: opened.id, state: 'open' });

  await platform.heal();
  const final = (count: number): Promise<true> => until(async () => ((await edge.status()).counts['final']! >= count ? true : undefined));
  await final(40);
  for (let i = 1; i <= 10; i += 1) {
    await settle(200);
    await final(40 + i * 200);
  }
  // The site goes on telling, and time passes, by less at once than what makes a site silent.
  let aheadMs = 0;
  const deltas = async (): Promise<number> => {
    const { progress } = await (await fetch(`${platform.controlUrl}/v1/telemetry/deltas?node=eu-a&limit=1`)).json() as { progress: { max: number }[] };
    return progress[0]!.max;
  };
  const closed = await until(async () => {
    aheadMs += MINUTE;
    replaceFile(join(layoutOf(dataDir).site('global'), 'clock'), String(aheadMs), { durable: false });
    const before = await deltas();
    await settle(1);
    await until(async () => ((await deltas()) > before ? true : undefined));
    const incident = await burning();
    return incident?.state === 'closed' ? incident : undefined;
  });
  expect(closed).toMatchObject({ id: opened.id, closedBy: 'recovery', knownAtClose: { badEvents: expect.any(Number) } });
  await until(async () => receiver.received.find(({ event }) => event.id === `${opened.id}-closed`));

  let out = '';
  const io = { out: (text: string) => void (out += text), err: () => undefined, env: {} };
  expect(await run(['incidents', '--data', dataDir, '--json'], io)).toBe(0);
  const listed = (JSON.parse(out) as { incidents: IncidentView[] }).incidents;
  expect(listed.map(({ kind }) => kind)).toEqual(['burn-rate']);
  expect(listed.find(({ id }) => id === opened.id)!.deliveries.map(({ event, state }) => `${event} ${state}`)).toEqual(expect.arrayContaining(['opened delivered', 'closed delivered']));
}, 240_000);
