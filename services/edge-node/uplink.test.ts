/** The uplink against a region that takes what it is sent, on a clock that stands still until told otherwise. */
import pino from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decodeFrame } from '../protocol/index.ts';
import type { HttpClient } from '../shell/index.ts';
import { bundleLeafHashes, encodeBundle, generateSigner } from '../transparency/index.ts';
import { createLink, type Link } from './link.ts';
import { openEdgeStore, type EdgeStore } from './store.ts';
import { startUplink, type Uplink } from './uplink.ts';

const REPLICAS = ['http://r0', 'http://r1', 'http://r2'];
const MINUTE_MS = 60_000;

let time: number;
let ordered: number;
let store: EdgeStore;
let link: Link;
let uplink: Uplink;
/** Where each batch went, and the log size that it led to. */
let taken: { readonly url: string; readonly size: number }[];

beforeEach(() => {
  time = 1_790_000_000_000;
  ordered = 0;
  taken = [];
  store = openEdgeStore(':memory:');
  link = createLink(REPLICAS, 60_000);
  const json: HttpClient['json'] = async <T>(url: string, call?: Parameters<HttpClient['json']>[1]) => {
    const { size } = decodeFrame(call!.body as Buffer).header as unknown as { size: number };
    taken.push({ url: url.replace('/v1/batches', ''), size });
    return { size } as T;
  };
  uplink = startUplink({
    node: 'n1', signer: generateSigner('t.example/edge/n1', 'ed25519').signer, store, link, http: { json } as HttpClient,
    logger: pino({ level: 'silent' }), now: () => time, orderedSize: () => ordered, quorum: 1, halted: () => false,
    halt: () => undefined, incident: () => undefined,
  });
});
afterEach(async () => {
  await uplink.stop();
  store.close();
});

/** A settlement more on the log, and the region has taken it. */
async function settle(): Promise<void> {
  const entry = Buffer.from(`{"n":${store.log.size}}`);
  const bundle = encodeBundle([entry]);
  store.claimId(`s${store.log.size}`);
  store.append(bundle, bundleLeafHashes(bundle).hashes);
  time += 20;
  uplink.wake();
  while (taken.at(-1)?.size !== store.log.size) await new Promise(setImmediate);
  await new Promise(setImmediate);
}

const order = (): void => {
  ordered = store.log.size;
  uplink.ordered();
};
/** What every answer that comes down says. */
const told = (): void => uplink.regionHas(taken.at(-1)?.size ?? 0, link.url());

describe('a replica that takes batches', () => {
  it('is not doubted for the time in which there was nothing to order', async () => {
    told();
    await settle();
    order();
    told();
    time += MINUTE_MS;
    await settle();
    told();
    expect(link.url()).toBe(REPLICAS[0]);
    expect(uplink.sent()).toBe(2);
  });

  it('is not doubted right after the start for what was left from before', async () => {
    told();
    await settle();
    time += MINUTE_MS;
    // Only now somebody says so: nothing is known of how long it has had the batch.
    told();
    expect(link.url()).toBe(REPLICAS[0]);
  });

  it('is doubted when they stay unordered, and so is the next one after as long', async () => {
    told();
    await settle();
    told();
    time += 4_900;
    told();
    expect(link.url()).toBe(REPLICAS[0]);
    time += 200;
    told();
    expect([link.url(), uplink.sent()]).toEqual([REPLICAS[1], 0]);
    told();
    time += 4_900;
    told();
    expect(link.url()).toBe(REPLICAS[1]);
    time += 200;
    told();
    expect(link.url()).toBe(REPLICAS[2]);
  });

  it('is not doubted while they get ordered, however many are on the way', async () => {
    told();
    await settle();
    told();
    for (let i = 0; i < 5; i += 1) {
      time += 4_000;
      await settle();
      told();
      ordered += 1;
      uplink.ordered();
      told();
    }
    expect([link.url(), store.log.size - ordered]).toEqual([REPLICAS[0], 1]);
    time += 5_100;
    told();
    expect(link.url()).toBe(REPLICAS[1]);
  });
});
