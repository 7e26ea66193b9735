import { describe, expect, test } from 'vitest';
import type { Sla } from '../../../platform/index.ts';
import { createJudge, type Commit, type Judge } from './judge.ts';
import { createMinutes } from './minutes.ts';

const sla = (id: string, more: Partial<Sla>): Sla =>
  ({ id, indicator: 'finality', objective: 0.9, windowDays: 30, scope: 'global', severity: 'ticket', owner: 'o', runbook: 'runbooks/x.ts', ...more });
const counts = (judge: Judge): unknown => Object.fromEntries(judge.counts.map((c) => [c.sla.id, [c.good, c.events]]));
const commit = (decidedAt: number, count = 1): Commit => ({ count, decidedAt, receivedAt: decidedAt - 10 });

describe('an SLA', () => {
  test('is measured where it is about this node, under the scope that it counts towards', () => {
    const scopes = ['global', 'region', 'site', 'region:eu', 'region:us', 'site:n1', 'site:n2'] as const;
    const judge = createJudge(scopes.map((scope) => sla(scope, { scope, indicator: 'availability' })), 'n1', 'eu');
    judge.event('availability', true);
    judge.event('availability', false);
    expect(judge.counts.map((c) => [c.sla.id, c.scope, c.good, c.events])).toEqual([
      ['global', 'global', 1, 2], ['region', 'region:eu', 1, 2], ['site', 'site:n1', 1, 2], ['region:eu', 'region:eu', 1, 2], ['site:n1', 'site:n1', 1, 2],
    ]);
  });

  test('of a time is good up to and including its threshold', () => {
    const judge = createJudge([sla('ack', { indicator: 'provisional-ack', thresholdMs: 25 })], 'n1', 'eu');
    judge.took('provisional-ack', 25, 3);
    judge.took('provisional-ack', 25.001, 2);
    judge.took('peering-rtt', 1, 1);
    expect(counts(judge)).toEqual({ ack: [3, 5] });
  });

  test('of finality counts what is overdue before it comes, once; ordering runs from the decision, finality from the request', () => {
    const judge = createJudge([sla('final', { thresholdMs: 100 }), sla('ordered', { indicator: 'ordering', thresholdMs: 100 })], 'n1', 'eu');
    let under = [commit(1_000, 3), commit(1_050, 2)];
    const at = (place: number): Commit | undefined => under[place];
    judge.overdue(at, 1_090);
    expect(counts(judge)).toEqual({ final: [0, 0], ordered: [0, 0] });
    judge.overdue(at, 1_091);
    judge.overdue(at, 1_095);
    expect(counts(judge)).toEqual({ final: [0, 3], ordered: [0, 0] });
    judge.reached('ordering', 0, under[0]!, 1_100);
    judge.reached('finality', 0, under[0]!, 1_120);
    under = under.slice(1);
    judge.shifted();
    judge.reached('ordering', 0, under[0]!, 1_130);
    judge.reached('finality', 0, under[0]!, 1_130);
    judge.overdue(at, 9_999);
    expect(counts(judge)).toEqual({ final: [2, 5], ordered: [5, 5] });
  });

  test('is not counted again after a restart', () => {
    const slas = [sla('final', { thresholdMs: 100 }), sla('ordered', { indicator: 'ordering', thresholdMs: 100 })];
    const under = [commit(0, 3), commit(500, 2)];
    const before = createJudge(slas, 'n1', 'eu');
    before.overdue((place) => under[place], 550);
    expect(before.marks()).toEqual({ final: 1, ordered: 1 });
    const after = createJudge(slas, 'n1', 'eu');
    after.restore(before.marks(), 0);
    after.overdue((place) => under[place], 550);
    expect(counts(after)).toEqual({ final: [0, 0], ordered: [0, 0] });
    after.overdue((place) => under[place], 700);
    expect(counts(after)).toEqual({ final: [0, 2], ordered: [0, 2] });
  });
});

test('minutes: the worst of each is told once it is over, and the last hour rolls', () => {
  const told: unknown[] = [];
  const minutes = createMinutes((...minute) => told.push(minute));
  minutes.tick(30_000);
  minutes.see('provisional-age', 5);
  minutes.see('provisional-age', 3);
  for (const lost of [false, true, false, false]) minutes.probe(lost);
  minutes.accepted(10);
  minutes.tick(59_999);
  expect(told).toEqual([]);
  minutes.tick(60_000);
  expect(told).toEqual([['provisional-age', 5], ['peering-loss', 0.25]]);
  minutes.tick(180_000);
  expect(told).toHaveLength(2);
  expect(minutes.lastHour()).toBe(10);
  minutes.tick(59 * 60_000);
  expect(minutes.lastHour()).toBe(10);
  minutes.tick(60 * 60_000);
  expect(minutes.lastHour()).toBe(0);
});

test('minutes: the share that is still provisional is one of the hour before, so traffic that begins or comes in bursts is no breach, and what stays provisional is', () => {
  const told: number[] = [];
  const minutes = createMinutes((indicator, worst) => void (indicator === 'provisional-ratio' && told.push(worst)));
  const minute = (accepted: number, provisional: number): void => {
    minutes.accepted(accepted);
    minutes.stillProvisional(provisional);
    time += 60_000;
    minutes.tick(time);
  };
  let time = 0;
  minutes.tick(time);
  minute(0, 0);
  // All of the first settlements are on their way at the turn of the minute; so is a burst that is as large as the hour before.
  minute(40, 40);
  minute(100, 60);
  expect(told).toEqual([0, 0, 0]);
  // Cut off: 5 of 140 of before stay, then everything that came since.
  minute(60, 65);
  minute(60, 125);
  expect(told.slice(3)).toEqual([5 / 140, 65 / 200]);
  // Of another life: how many there were in the hour before is not known, and all of these are late.
  const restarted = createMinutes((_indicator, worst) => void told.push(worst));
  restarted.tick(0);
  restarted.stillProvisional(7);
  restarted.tick(60_000);
  expect(told.at(-1)).toBe(1);
});
