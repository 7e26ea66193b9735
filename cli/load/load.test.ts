/** What is made of a run's samples: shares, histograms, verdicts, reports, and several hosts' reports as one. */
import { createPublicKey, verify } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { JudgedSla, LoadPlan } from '../../loadtests/plan.ts';
import { emptyHistogram, record, toJson } from '../../services/telemetry/index.ts';
import { generateSigner, parseVerifier } from '../../services/transparency/index.ts';
import { attest, EvidenceError, PAYLOAD_TYPE, preAuthEncoding, verifyEvidence } from './attestation.ts';
import { correlate, type Snapshot } from './correlate.ts';
import { parseSample } from './k6.ts';
import { createMeasured, verdictOf } from './measured.ts';
import { mergeReports } from './merge.ts';
import { parseDuration } from './plan.ts';
import { clientOf, kneeOf, toJunit, type LoadReport } from './report.ts';

const SLA: JudgedSla = { id: 'acknowledgement', indicator: 'provisional-ack', objective: 0.9, thresholdMs: 25, samplesMin: 10 };
const point = (metric: string, value: number, time = 0): string =>
  JSON.stringify({ metric, type: 'Point', data: { time: new Date(time).toISOString(), value, tags: { population: 'clients' } } });

describe('samples', () => {
  test('are taken from k6\'s lines, and nothing else is', () => {
    expect(parseSample(point('sla_acknowledgement', 1, 5))).toEqual({ metric: 'sla_acknowledgement', value: 1, time: 5, population: 'clients' });
    expect(parseSample('{"metric":"http_req_duration","type":"Point","data":{"time":"2026-01-01T00:00:00Z","value":1}}')).toBeNull();
    expect(parseSample('{"type":"Metric","data":{},"metric":"sla_x"}')).toBeNull();
    expect(parseSample('{"metric":"sla_x","type":"Point","data":{"time":"2026')).toBeNull();
    fc.assert(fc.property(fc.string(), (text) => {
      expect(() => parseSample(`{"metric":"sla_${text}`)).not.toThrow();
    }));
  });
});

describe('a verdict', () => {
  const of = (good: number, bad: number): ReturnType<typeof verdictOf> => {
    const m = createMeasured();
    for (let i = 0; i < good + bad; i++) m.add({ metric: 'sla_acknowledgement', value: i < good ? 1 : 0, time: i * 10, population: 'clients' });
    return verdictOf(SLA, m);
  };
  test('needs samples, and enough of them', () => {
    expect(of(0, 0)).toMatchObject({ pass: false, measured: null, samples: 0, why: expect.stringContaining('no samples') });
    expect(of(9, 0)).toMatchObject({ pass: false, measured: 1, why: '9 samples are too few for a verdict; at least 10 are needed' });
    expect(of(10, 0)).toMatchObject({ pass: true, samples: 10 });
  });
  test('is the objective\'s, with an interval around what was measured', () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: 400 }), fc.integer({ min: 0, max: 400 }), (good, bad) => {
      fc.pre(good + bad >= 10);
      const v = of(good, bad);
      expect(v.pass).toBe(good / (good + bad) >= 0.9);
      expect(v.interval.low! - 1e-9 <= v.measured! && v.measured! <= v.interval.high! + 1e-9).toBe(true);
    }));
  });
});

let runs = 0;
const report = (good: number, events: number, ms: readonly number[]): LoadReport => {
  const m = createMeasured();
  for (let i = 0; i < events; i++) m.add({ metric: 'sla_acknowledgement', value: i < good ? 1 : 0, time: 0, population: 'clients' });
  for (const v of ms) m.add({ metric: 'client_acknowledged_ms', value: v, time: 0, population: 'clients' });
  const verdict = verdictOf(SLA, m);
  return {
    v: 1, scenario: 'steady', title: 'Steady <load>', started: '2026-01-01T00:00:00Z', seconds: 1, seed: 1, data: 'generated', run: `run-${runs += 1}`, versions: { tidemark: '0', k6: '2', node: '26' },
    machine: { cpus: 2, model: 'm', memoryGib: 1 }, target: 't', verdicts: [verdict], unjudged: [], pass: verdict.pass, problems: [], client: clientOf(m), counts: { sent: events },
    correlation: { acknowledgement: [], decided: events, disagreements: [] }, timeline: [],
  };
};

describe('several hosts', () => {
  test('are judged from all their events, and their quantiles are those of all values', () => {
    // Apart, one passes and one fails; together 92% are good.
    const [a, b] = [report(100, 100, [1, 1, 1]), report(84, 100, [100])];
    const merged = mergeReports([a, b], ['a.json', 'b.json']);
    expect(merged.verdicts[0]).toMatchObject({ samples: 200, good: 184, measured: 0.92, pass: true });
    expect(merged.pass).toBe(true);
    expect(merged.client['acknowledged']?.p50).toBeCloseTo(1, 1);
    expect(merged.client['acknowledged']?.histogram.count).toBe(4);
    expect(merged.counts['sent']).toBe(200);
  });
  test('of other runs are refused', () => {
    expect(() => mergeReports([report(1, 1, []), { ...report(1, 1, []), scenario: 'soak' }], ['a.json', 'b.json'])).toThrow('b.json: is about another scenario');
    expect(() => mergeReports([report(1, 1, [])], ['a.json'])).toThrow('two reports or more');
    const once = report(1, 1, []);
    expect(() => mergeReports([once, once], ['a.json', 'a.json'])).toThrow('a.json: is the same run');
    expect(() => mergeReports([report(1, 1, []), { ...report(1, 1, []), started: '2025-12-01T00:00:00Z' }], ['a.json', 'old.json'])).toThrow('did not run at the same time');
  });
});

describe('the knee', () => {
  const stages = [10, 20, 30].flatMap((rate) => [{ rate, seconds: 0.1 }, { rate, seconds: 9.9 }]);
  const plan = { scenario: 'ramp', slas: [SLA], populations: { clients: { role: 'settle', judged: true, arrivals: { kind: 'ramp', stages } } } } as unknown as LoadPlan;
  const ramp = (steps: readonly { sent: number; ms: number }[]): ReturnType<typeof kneeOf> => {
    const m = createMeasured();
    for (const [i, { sent, ms }] of steps.entries()) {
      for (let k = 0; k < sent; k++) {
        const time = (i * 10 + (k % 10)) * 1_000;
        m.add({ metric: 'client_sent', value: 1, time, population: 'clients' });
        m.add({ metric: 'client_acknowledged_ms', value: ms, time, population: 'clients' });
      }
    }
    return kneeOf(plan, m);
  };
  test('is the highest rate that kept the SLA', () => {
    expect(ramp([{ sent: 100, ms: 5 }, { sent: 200, ms: 5 }, { sent: 300, ms: 90 }])).toMatchObject({ rate: 20, limitedBy: 'sla' });
    expect(ramp([{ sent: 100, ms: 5 }, { sent: 200, ms: 5 }, { sent: 300, ms: 5 }])).toMatchObject({ rate: 30, limitedBy: 'none' });
    expect(ramp([{ sent: 100, ms: 90 }, { sent: 200, ms: 5 }, { sent: 300, ms: 5 }])).toMatchObject({ rate: null, limitedBy: 'sla' });
  });
  test('is no rate that was never sent', () => {
    expect(ramp([{ sent: 100, ms: 5 }, { sent: 120, ms: 5 }, { sent: 130, ms: 5 }])).toMatchObject({ rate: 10, limitedBy: 'generator' });
  });
});

test('JUnit has a case for each SLA and problem, and stays XML whatever was said', () => {
  const xml = toJunit({ ...report(1, 100, []), problems: ['<b>&"\u0000'] });
  expect(xml).toMatch(/tests="2" failures="2"/);
  expect(xml).not.toContain('<b>');
  expect(xml).not.toContain('\u0000');
});

test('clients and servers are compared, and the difference that the network does not explain is told', () => {
  const histogram = (ms: number): ReturnType<typeof toJson> => {
    const h = emptyHistogram();
    record(h, ms, 100);
    return toJson(h);
  };
  const at = (size: number, ms: number | null): Snapshot[] =>
    [{ node: 'n', status: { id: 'n', log: { origin: 'o', size }, ...(ms === null ? { lag: { provisional: toJson(emptyHistogram()) } } : { lag: { provisional: histogram(ms) } }) } as unknown as Snapshot['status'] }];
  const client = emptyHistogram();
  record(client, 50, 100);
  const apart = correlate(client, at(0, null), at(100, 5), 1);
  expect(apart.decided).toBe(100);
  expect(apart.disagreements[0]).toMatch(/p50 of the acknowledgement is 50\.\d ms at the clients and 5\.0 ms at the nodes/);
  expect(correlate(client, at(0, null), at(100, 49), 1).disagreements).toEqual([]);
  // A node that was restarted counts anew.
  expect(correlate(client, at(100, 5), at(20, null), 1).decided).toBeNull();
});

test('evidence is DSSE over an in-toto statement: the example of the specification, and a signature that others verify', async () => {
  // https://github.com/secure-systems-lab/dsse/blob/master/protocol.md, test vector.
  expect(preAuthEncoding('http://example.com/HelloWorld', Buffer.from('hello world')).toString()).toBe('DSSEv1 29 http://example.com/HelloWorld 11 hello world');
  const { signer } = generateSigner('example.com/sre');
  const envelope = await attest({ name: 'r', report: Buffer.from('{}'), pass: true, passed: ['a'], failed: [], configuration: [] }, signer);
  const raw = Buffer.from(signer.vkey.split('+').slice(2).join('+'), 'base64').subarray(1);
  const key = createPublicKey({ key: Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), raw]), format: 'der', type: 'spki' });
  const payload = Buffer.from(envelope.payload, 'base64');
  const sig = Buffer.from(envelope.signatures[0]!.sig, 'base64');
  expect(verify(null, preAuthEncoding(PAYLOAD_TYPE, payload), key, sig)).toBe(true);
  expect(verify(null, preAuthEncoding(PAYLOAD_TYPE, Buffer.from(`${payload.toString()} `)), key, sig)).toBe(false);

  const verifier = parseVerifier(signer.vkey);
  const text = JSON.stringify(envelope);
  expect(verifyEvidence(text, Buffer.from('{}'), verifier)).toEqual({ result: 'PASSED', passed: ['a'], failed: [] });
  expect(() => verifyEvidence(text, Buffer.from('{ }'), verifier)).toThrow('about another report');
  expect(() => verifyEvidence(text, Buffer.from('{}'), parseVerifier(generateSigner('example.com/sre').signer.vkey))).toThrow('no signature of example.com/sre');
  const forged = Buffer.from(payload.toString().replace('PASSED', 'FAILED')).toString('base64');
  expect(() => verifyEvidence(JSON.stringify({ ...envelope, payload: forged }), Buffer.from('{}'), verifier)).toThrow('no signature');
  for (const broken of ['', 'null', '[]', '{"payloadType":"text/plain"}', JSON.stringify({ ...envelope, signatures: [null, { sig: 1 }] })]) {
    expect(() => verifyEvidence(broken, Buffer.from('{}'), verifier), broken).toThrow(EvidenceError);
  }
});

test.each([['90', 90], ['90s', 90], ['10m', 600], ['1h30m', 5_400], ['1h1m1s', 3_661], ['', null], ['s', null], ['-5s', null], ['5x', null]])('%s is %s seconds', (text, seconds) => {
  expect(parseDuration(text)).toBe(seconds);
});
