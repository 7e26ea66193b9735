/**
 * Delivers what receivers are to be told, at least once each: a loop for each receiver, so that a slow one holds nobody else up.
 * Where it stands is in the store, so a restart carries on.
 */
import type { Webhook } from '../../../platform/index.ts';
import { startLoop, type Logger, type Loop, type Metric } from '../../shell/index.ts';
import { GIVE_UP_MS, verdictOf } from '../core/webhooks.ts';
import { CLOUD_EVENT_TYPE } from './events.ts';
import type { Sender } from './send.ts';
import { signatureHeaders, type SigningKeys } from './sign.ts';
import type { IncidentStore } from './store.ts';

/** Looks again at least so often: the clock may have been set. */
const SLEEP_MAX_MS = 60_000;
const STORE_FAILED_MS = 5_000;

export interface OutboxOptions {
  readonly store: IncidentStore;
  readonly webhooks: readonly Webhook[];
  readonly keys: SigningKeys;
  readonly sender: Sender;
  readonly logger: Logger;
  readonly now: () => number;
  /** From 0 to below 1. */
  readonly random: () => number;
}

export interface Outbox {
  /** There may be something new. */
  readonly wake: () => void;
  /** Gives up what is too old. */
  readonly expire: () => void;
  readonly metrics: () => Metric[];
  /** Waits for no receiver: what is under way is sent again after the next start. */
  readonly stop: () => Promise<void>;
}

type Counted = 'delivered' | 'failed' | 'given-up';

interface Courier {
  readonly step: (signal: AbortSignal) => Promise<number>;
  readonly counts: Record<Counted, number>;
}

export function createOutbox(o: OutboxOptions): Outbox {
  const couriers = new Map(o.webhooks.map((webhook) => [webhook.id, createCourier(webhook, o)]));
  const expire = (): void => {
    for (const [webhook, count] of o.store.giveUp([...couriers.keys()], o.now() - GIVE_UP_MS, o.now())) {
      const courier = couriers.get(webhook);
      if (courier !== undefined) courier.counts['given-up'] += count;
      o.logger.error({ webhook, count }, 'webhook deliveries given up');
    }
  };
  expire();
  const loops: Loop[] = [...couriers].map(([webhook, { step }]) => startLoop(step, (error) => {
    o.logger.error({ err: error, webhook }, 'a webhook delivery could not be looked up or noted');
    return STORE_FAILED_MS;
  }));
  return {
    expire,
    wake() {
      for (const loop of loops) loop.wake();
    },
    metrics: () => [
      {
        name: 'tidemark_webhook_deliveries_total', type: 'counter',
        help: 'Attempts to deliver an event that ended so, by webhook, since this service started; given-up counts deliveries.',
        samples: [...couriers].flatMap(([webhook, { counts }]) => Object.entries(counts).map(([state, value]) => ({ labels: { webhook, state }, value }))),
      },
      {
        name: 'tidemark_webhook_waiting', type: 'gauge', help: 'Events that wait to be delivered, by webhook.',
        samples: [...couriers.keys()].map((webhook) => ({ labels: { webhook }, value: o.store.waiting(webhook) })),
      },
    ],
    async stop() {
      await Promise.all(loops.map((loop) => loop.stop()));
    },
  };
}

function createCourier({ id: webhook, url }: Webhook, { store, keys, sender, logger, now, random }: OutboxOptions): Courier {
  const counts: Record<Counted, number> = { delivered: 0, failed: 0, 'given-up': 0 };
  let quietUntil = 0;
  let isGone = false;

  /** @returns until when there is nothing to do, milliseconds */
  async function step(signal: AbortSignal): Promise<number> {
    if (isGone) return Infinity;
    const at = now();
    if (quietUntil > at) return Math.min(SLEEP_MAX_MS, quietUntil - at);
    const due = store.due(webhook, at);
    if (due === null) {
      const next = store.nextAt(webhook);
      return next === null ? Infinity : Math.min(SLEEP_MAX_MS, Math.max(1, next - at));
    }
    const headers = {
      'content-type': CLOUD_EVENT_TYPE, 'user-agent': 'tidemark-webhooks/1', ...signatureHeaders(keys.get(webhook)!, due.id, at, due.body),
    };
    const sent = await sender.post(url, headers, due.body, signal);
    if (signal.aborted) return 0;
    const ended = now();
    const attempts = due.attempts + 1;
    const verdict = verdictOf(sent, attempts, due.createdAt, ended, random());
    const state = verdict.kind === 'delivered' || verdict.kind === 'given-up' ? verdict.kind : 'waiting';
    store.attempted(due.n, { state, attempts, status: sent.status, error: sent.error, at: ended, nextAt: verdict.kind === 'again' ? verdict.at : ended });
    if (verdict.kind === 'delivered') counts.delivered += 1;
    else {
      counts.failed += 1;
      const told = { webhook, event: due.id, attempts, status: sent.status, why: sent.error };
      if (verdict.kind === 'given-up') {
        counts['given-up'] += 1;
        logger.error(told, 'a webhook delivery is given up');
      } else if (verdict.kind === 'gone') {
        isGone = true;
        logger.error(told, 'the receiver of a webhook is gone; nothing is sent to it until this service starts again');
      } else {
        quietUntil = verdict.quietUntil;
        logger.warn(told, 'a webhook delivery failed; it is tried again');
      }
    }
    return 0;
  }
  return { step, counts };
}
