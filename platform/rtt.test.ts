import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRoundTrips, KNOWN_LOCATIONS, roundTripMs } from './index.ts';
import { distanceKm, NEAR_BASE_MS, NEAR_MS_PER_100_KM } from './rtt.ts';

const regions = KNOWN_LOCATIONS.filter((known) => known.parent === undefined);
const location = fc.constantFrom(...KNOWN_LOCATIONS.map((known) => known.id));
const pairs = regions.flatMap((a, i) => regions.slice(0, i).map((b) => (
  { a, b, km: distanceKm(a.at, b.at), ms: roundTripMs(a.id, b.id) }
)));

describe('the table', () => {
  it('has 21 regions and a figure for every pair', () => {
    expect(regions).toHaveLength(21);
    expect(pairs).toHaveLength(210);
    for (const { ms } of pairs) expect(ms).toBeGreaterThan(5);
  });

  it('holds what the source says: both directions averaged', () => {
    // eu-central-1 -> us-east-1 90.42, back 90.81; us-east-1 -> us-west-2 69.81, back 69.52; sa-east-1 to itself 3.84.
    expect(roundTripMs('eu-central-1', 'us-east-1')).toBe(90.6);
    expect(roundTripMs('us-west-2', 'us-east-1')).toBe(69.7);
    expect(roundTripMs('sa-east-1', 'sa-east-1')).toBe(3.8);
  });

  it('is nowhere faster than light in glass, 200,000 km/s', () => {
    for (const { a, b, km, ms } of pairs) expect(ms, `${a.id} ${b.id}`).toBeGreaterThan((2 * km) / 200);
  });

  it('gives the line for Local Zones: least squares over the pairs less than 1,500 km apart', () => {
    const near = pairs.filter(({ km }) => km < 1_500);
    expect(near).toHaveLength(19);
    const mean = (of: (pair: (typeof near)[number]) => number): number =>
      near.reduce((sum, pair) => sum + of(pair), 0) / near.length;
    const [km, ms] = [mean((pair) => pair.km), mean((pair) => pair.ms)];
    const slope = mean((pair) => (pair.km - km) * (pair.ms - ms)) / mean((pair) => (pair.km - km) ** 2);
    expect(slope * 100).toBeCloseTo(NEAR_MS_PER_100_KM, 1);
    expect(ms - slope * km).toBeCloseTo(NEAR_BASE_MS, 1);
  });

  it('knows the parent of every zone, as its name says', () => {
    for (const { id, parent } of KNOWN_LOCATIONS) if (parent !== undefined) expect(id.startsWith(`${parent}-`), id).toBe(true);
  });
});

describe('roundTripMs', () => {
  it('is the same both ways, and never nothing', () => {
    fc.assert(fc.property(location, location, (a, b) => {
      expect(roundTripMs(a, b)).toBe(roundTripMs(b, a));
      expect(roundTripMs(a, b)).toBeGreaterThanOrEqual(1.9);
    }));
  });

  it('goes through the parents of zones', () => {
    const warsaw = roundTripMs('eu-central-1-waw-1', 'eu-central-1');
    expect(warsaw).toBe(22.6);
    expect(roundTripMs('eu-central-1-waw-1', 'us-east-1')).toBe(113.2);
    const hamburg = roundTripMs('eu-central-1', 'eu-central-1-ham-1');
    expect(roundTripMs('eu-central-1-waw-1', 'eu-central-1-ham-1')).toBeCloseTo(warsaw + 3.2 + hamburg, 5);
    expect(roundTripMs('eu-central-1-waw-1', 'eu-central-1-waw-1')).toBe(3.2);
  });

  it('names the nearest location for one it does not know', () => {
    expect(() => roundTripMs('eu-centrl-1', 'us-east-1'))
      .toThrow('no location "eu-centrl-1" in the table of round trips; did you mean eu-central-1?');
    expect(() => roundTripMs('us-east-1', 'mars')).toThrow(RangeError);
  });
});

describe('createRoundTrips', () => {
  const own = createRoundTrips({
    locations: [{ id: 'brno', near: 'eu-central-1', roundTripMs: 11 }],
    wan: {
      roundTrips: [
        { between: ['us-east-1', 'eu-central-1'], roundTripMs: 80 },
        { between: ['eu-central-1', 'eu-central-1'], roundTripMs: 0.5 },
        { between: ['eu-central-1-waw-1', 'eu-central-1'], roundTripMs: 20 },
        { between: ['brno', 'eu-central-1-waw-1'], roundTripMs: 12 },
      ],
    },
  });

  it('knows own locations', () => {
    expect([own('brno', 'eu-central-1'), own('brno', 'us-west-2')]).toEqual([11, 156.8]);
  });

  it('prefers what is known better, on the way, too', () => {
    expect(own('eu-central-1', 'us-east-1')).toBe(80);
    expect(own('brno', 'us-east-1')).toBe(91);
    expect(own('eu-central-1-waw-1', 'us-east-1')).toBe(100);
    expect(own('eu-central-1-waw-1', 'brno')).toBe(12);
    expect([own('eu-central-1', 'eu-central-1'), own('brno', 'brno')]).toEqual([0.5, 0.5]);
    expect(own('brno', 'eu-central-1-ham-1')).toBe(11 + 0.5 + own('eu-central-1', 'eu-central-1-ham-1'));
  });
});
