/**
 * Round trips between the places where sites can be, in milliseconds.
 *
 * Between AWS regions they are measured: the 50th percentile over one year, TCP from region to region, as published by
 * cloudping.co (https://www.cloudping.co/grid/p_50/timeframe/1Y) and saved on 2022-04-08 by bc-computing/gus-automation
 * (on GitHub, generate_server_ping_latencies/all_latencies.json). The two directions of a pair, measured apart,
 * are averaged, and rounded to 0.1 ms. On the diagonal: from a region to itself, so between any two of its zones.
 *
 * For Local Zones and Wavelength Zones (near-zones.ts) nothing comparable is published. Their round trip to the parent region
 * follows from the distance, by the line that fits the measured pairs of regions less than 1,500 km apart (19 pairs; rtt.test.ts
 * fits it again): 2.1 ms, and 2.3 ms for each 100 km of great circle. Everything else reaches a zone through its parent region.
 */
import type { Platform } from './model.ts';
import { LOCAL_ZONES, nearZone, WAVELENGTH_ZONES, type Coordinates } from './near-zones.ts';
import { nearest } from './nearest.ts';

interface MeasuredRegion {
  readonly city: string;
  readonly at: Coordinates;
  /** To each region above this one in the table, then to itself. */
  readonly roundTripsMs: readonly number[];
}

const MEASURED: ReadonlyMap<string, MeasuredRegion> = new Map(Object.entries({
  'af-south-1': { city: 'Cape Town', at: [-33.92, 18.42], roundTripsMs: [8.2] },
  'ap-east-1': { city: 'Hong Kong', at: [22.32, 114.17], roundTripsMs: [259.2, 2.2] },
  'ap-northeast-1': { city: 'Tokyo', at: [35.68, 139.69], roundTripsMs: [359.9, 53.4, 3.5] },
  'ap-northeast-2': { city: 'Seoul', at: [37.57, 126.98], roundTripsMs: [388.3, 38.4, 34.6, 2.3] },
  'ap-northeast-3': { city: 'Osaka', at: [34.69, 135.5], roundTripsMs: [366.1, 47.4, 10.5, 30.4, 2.4] },
  'ap-south-1': { city: 'Mumbai', at: [19.08, 72.88], roundTripsMs: [165.1, 98.5, 131.8, 131.2, 126.4, 2.4] },
  'ap-southeast-1': { city: 'Singapore', at: [1.35, 103.82], roundTripsMs: [214.3, 40.6, 74.3, 75.1, 72.2, 59.9, 2.1] },
  'ap-southeast-2': { city: 'Sydney', at: [-33.87, 151.21], roundTripsMs: [413.9, 134.4, 110.8, 146.5, 120, 149.1, 93.6, 3.3] },
  'ca-central-1': {
    city: 'Montreal', at: [45.5, -73.57],
    roundTripsMs: [229.5, 194.6, 144.3, 172.8, 150.2, 190.2, 210.7, 198.3, 3.2],
  },
  'eu-central-1': {
    city: 'Frankfurt', at: [50.11, 8.68],
    roundTripsMs: [164.2, 197.6, 225.1, 231.3, 226.4, 121.6, 157.1, 268.1, 92.4, 3.2],
  },
  'eu-north-1': {
    city: 'Stockholm', at: [59.33, 18.07],
    roundTripsMs: [180.6, 217.9, 244.5, 253.8, 246.5, 141.9, 177.2, 295.9, 109.4, 22.6, 3.6],
  },
  'eu-south-1': {
    city: 'Milan', at: [45.46, 9.19],
    roundTripsMs: [189.8, 189.3, 217.6, 223.3, 218.9, 114.1, 148.6, 240.1, 102.4, 11.8, 31.5, 2.5],
  },
  'eu-west-1': {
    city: 'Dublin', at: [53.35, -6.26],
    roundTripsMs: [159.8, 222.3, 202, 230.3, 208.5, 123.1, 180.6, 257.2, 70.8, 25.9, 42.7, 35.7, 2.1],
  },
  'eu-west-2': {
    city: 'London', at: [51.51, -0.13],
    roundTripsMs: [150.2, 211.2, 210.5, 238.8, 216.4, 113.7, 171.4, 265.6, 79.1, 16.6, 33, 26.3, 13, 2.4],
  },
  'eu-west-3': {
    city: 'Paris', at: [48.86, 2.35],
    roundTripsMs: [157.7, 204.7, 216.5, 245.2, 222.3, 106.6, 164.6, 279.6, 85.6, 10.4, 29.9, 19.3, 18.8, 10, 1.9],
  },
  'me-south-1': {
    city: 'Bahrain', at: [26.07, 50.56],
    roundTripsMs: [160.9, 128.1, 164.6, 162.8, 158.6, 38.6, 88.5, 181.5, 201.3, 117.5, 138, 110.7, 135.5, 126, 119.6, 2],
  },
  'sa-east-1': {
    city: 'São Paulo', at: [-23.55, -46.63],
    roundTripsMs: [
      337.4, 308.2, 257.8, 286.1, 263.9, 301.6, 324.3, 312.9, 126.9, 205.2, 218.4, 214.7, 178.8, 188.8, 198.1, 313.3, 3.8,
    ],
  },
  'us-east-1': {
    city: 'Northern Virginia', at: [38.95, -77.45],
    roundTripsMs: [
      223.2, 195.7, 146.5, 174.8, 151.8, 187.6, 214.4, 199, 16.4, 90.6, 110.1, 99.9, 68.1, 77, 83.1, 190.1, 116.5, 5,
    ],
  },
  'us-east-2': {
    city: 'Columbus, Ohio', at: [39.96, -83],
    roundTripsMs: [
      234, 182.5, 132.7, 161.3, 138.7, 197.9, 199.7, 188.5, 27, 100.7, 121.1, 110.2, 78.2, 86.8, 93.6, 205.1, 126.7, 14.7,
      5.1,
    ],
  },
  'us-west-1': {
    city: 'San Francisco', at: [37.77, -122.42],
    roundTripsMs: [
      293.4, 155.3, 108.5, 136.8, 109.8, 233, 177.3, 138.9, 79.8, 150.8, 173.1, 160.2, 138.8, 146.2, 143.4, 260.4, 176.8,
      62.7, 52.5, 2.4,
    ],
  },
  'us-west-2': {
    city: 'Boardman, Oregon', at: [45.84, -119.7],
    roundTripsMs: [
      279.1, 144.6, 99.2, 126.4, 99.5, 223.1, 168.4, 140.6, 65.7, 145.8, 162.6, 155.5, 124.5, 133, 139, 246.9, 180.3, 69.7,
      51.9, 22.1, 2.6,
    ],
  },
}));

/** The line fitted to the measured pairs of near regions; see above. */
export const NEAR_BASE_MS = 2.1;
export const NEAR_MS_PER_100_KM = 2.3;

const EARTH_RADIUS_KM = 6371;

/** Great-circle distance (haversine). Kilometres. */
export function distanceKm(a: Coordinates, b: Coordinates): number {
  const radians = Math.PI / 180;
  const dLatitude = ((b[0] - a[0]) * radians) / 2;
  const dLongitude = ((b[1] - a[1]) * radians) / 2;
  const h = Math.sin(dLatitude) ** 2 + Math.cos(a[0] * radians) * Math.cos(b[0] * radians) * Math.sin(dLongitude) ** 2;
  return 2 * EARTH_RADIUS_KM * Math.asin(Math.sqrt(h));
}

export type LocationKind = 'region' | 'local-zone' | 'wavelength';

export interface KnownLocation {
  readonly id: string;
  readonly kind: LocationKind;
  readonly city: string;
  readonly at: Coordinates;
  /** The region through which a zone is reached; absent for a region. */
  readonly parent?: string;
}

/** Every AWS region, Local Zone and Wavelength Zone of the tables. */
export const KNOWN_LOCATIONS: readonly KnownLocation[] = [
  ...[...MEASURED].map(([id, { city, at }]) => ({ id, kind: 'region' as const, city, at })),
  ...[...LOCAL_ZONES].map(([id, zone]) => ({ id, kind: 'local-zone' as const, ...zone })),
  ...[...WAVELENGTH_ZONES].map(([id, zone]) => ({ id, kind: 'wavelength' as const, ...zone })),
];

const REGION_INDEX: ReadonlyMap<string, number> = new Map([...MEASURED.keys()].map((id, i) => [id, i]));

export const isRegionLocation = (location: string): boolean => MEASURED.has(location);
export const isKnownLocation = (location: string): boolean => MEASURED.has(location) || nearZone(location) !== undefined;

/** The way from a location to the region it hangs on: nothing for a region itself. */
type Approach = { readonly region: string; readonly ms: number };

function knownApproach(location: string): Approach | null {
  if (MEASURED.has(location)) return { region: location, ms: 0 };
  const zone = nearZone(location);
  if (zone === undefined) return null;
  const parent = MEASURED.get(zone.parent) as MeasuredRegion;
  return { region: zone.parent, ms: round(NEAR_BASE_MS + (NEAR_MS_PER_100_KM * distanceKm(zone.at, parent.at)) / 100) };
}

const round = (ms: number): number => Math.round(ms * 10) / 10;

function measured(a: string, b: string): number {
  const i = REGION_INDEX.get(a) as number;
  const j = REGION_INDEX.get(b) as number;
  const [later, column] = i > j ? [a, j] : [b, i];
  return (MEASURED.get(later) as MeasuredRegion).roundTripsMs[column] as number;
}

/** From one location to another and back. Milliseconds. */
export type RoundTrips = (a: string, b: string) => number;

/** The part of a platform that says more than the table. */
export interface OwnFigures {
  readonly locations: Platform['locations'];
  readonly wan: Pick<Platform['wan'], 'roundTrips'>;
}

const pairKey = (a: string, b: string): string => (a < b ? `${a} ${b}` : `${b} ${a}`);

/**
 * Round trips with a deployment's own locations and figures: `roundTrips` first, then the table, the long way through the
 * regions that both hang on. Two sites in one place are as far apart as two zones of the region there.
 */
export function createRoundTrips(own: OwnFigures): RoundTrips {
  const overrides = new Map(own.wan.roundTrips.map((pair) => [pairKey(...pair.between), pair.roundTripMs]));
  const locations = new Map(own.locations.map(({ id, near, roundTripMs: ms }): [string, Approach] => [id, { region: near, ms }]));
  const approach = (location: string): Approach => {
    const found = locations.get(location) ?? knownApproach(location);
    if (found === null) {
      const suggestion = nearest(location, [...locations.keys(), ...KNOWN_LOCATIONS.map((known) => known.id)]);
      const hint = suggestion === null ? '' : `; did you mean ${suggestion}?`;
      throw new RangeError(`no location ${JSON.stringify(location)} in the table of round trips${hint}`);
    }
    return found;
  };
  /** From a location to the region it hangs on: an override for that leg counts on longer ways, too. */
  const leg = (location: string, { region, ms }: Approach): number =>
    (location === region ? 0 : overrides.get(pairKey(location, region)) ?? ms);
  const backbone = (a: string, b: string): number => overrides.get(pairKey(a, b)) ?? measured(a, b);
  return (a, b) => {
    const override = overrides.get(pairKey(a, b));
    if (override !== undefined) return override;
    const [from, to] = [approach(a), approach(b)];
    if (a === b) return backbone(from.region, from.region);
    // From a zone to its own parent region the leg is all there is.
    if (a === to.region || b === from.region) return round(leg(a, from) + leg(b, to));
    return round(leg(a, from) + backbone(from.region, to.region) + leg(b, to));
  };
}

/**
 * Round trip between two AWS regions or zones by the tables alone. Milliseconds.
 * @throws RangeError when a location is not in the table
 */
export const roundTripMs: RoundTrips = createRoundTrips({ locations: [], wan: { roundTrips: [] } });
