/**
 * Places near people that hang on an AWS region: Local Zones and Wavelength Zones. The id is the zone's network border group, the
 * group of addresses that AWS announces there.
 *
 * https://docs.aws.amazon.com/local-zones/latest/ug/available-local-zones.html
 * https://docs.aws.amazon.com/wavelength/latest/developerguide/available-wavelength-zones.html (the zones of Germany and Korea are
 * not in it any more, so they are not here)
 */

/** Latitude and longitude of the city that a region or zone is named after. Degrees. */
export type Coordinates = readonly [number, number];

export interface NearZone {
  readonly parent: string;
  readonly city: string;
  readonly at: Coordinates;
}

export const LOCAL_ZONES: ReadonlyMap<string, NearZone> = new Map(Object.entries({
  'af-south-1-los-1': { parent: 'af-south-1', city: 'Lagos', at: [6.52, 3.38] },
  'ap-northeast-1-tpe-1': { parent: 'ap-northeast-1', city: 'Taipei', at: [25.03, 121.57] },
  'ap-south-1-ccu-1': { parent: 'ap-south-1', city: 'Kolkata', at: [22.57, 88.36] },
  'ap-south-1-del-1': { parent: 'ap-south-1', city: 'Delhi', at: [28.61, 77.21] },
  'ap-southeast-1-bkk-1': { parent: 'ap-southeast-1', city: 'Bangkok', at: [13.76, 100.5] },
  'ap-southeast-1-mnl-1': { parent: 'ap-southeast-1', city: 'Manila', at: [14.6, 120.98] },
  'ap-southeast-2-akl-1': { parent: 'ap-southeast-2', city: 'Auckland', at: [-36.85, 174.76] },
  'ap-southeast-2-per-1': { parent: 'ap-southeast-2', city: 'Perth', at: [-31.95, 115.86] },
  'eu-central-1-ham-1': { parent: 'eu-central-1', city: 'Hamburg', at: [53.55, 9.99] },
  'eu-central-1-waw-1': { parent: 'eu-central-1', city: 'Warsaw', at: [52.23, 21.01] },
  'eu-north-1-cph-1': { parent: 'eu-north-1', city: 'Copenhagen', at: [55.68, 12.57] },
  'eu-north-1-hel-1': { parent: 'eu-north-1', city: 'Helsinki', at: [60.17, 24.94] },
  'me-south-1-mct-1': { parent: 'me-south-1', city: 'Muscat', at: [23.59, 58.41] },
  'us-east-1-atl-1': { parent: 'us-east-1', city: 'Atlanta', at: [33.75, -84.39] },
  'us-east-1-bos-1': { parent: 'us-east-1', city: 'Boston', at: [42.36, -71.06] },
  'us-east-1-bue-1': { parent: 'us-east-1', city: 'Buenos Aires', at: [-34.6, -58.38] },
  'us-east-1-chi-1': { parent: 'us-east-1', city: 'Chicago', at: [41.88, -87.63] },
  'us-east-1-dfw-1': { parent: 'us-east-1', city: 'Dallas', at: [32.78, -96.8] },
  'us-east-1-iah-1': { parent: 'us-east-1', city: 'Houston', at: [29.76, -95.37] },
  'us-east-1-mci-1': { parent: 'us-east-1', city: 'Kansas City', at: [39.1, -94.58] },
  'us-east-1-mia-1': { parent: 'us-east-1', city: 'Miami', at: [25.76, -80.19] },
  'us-east-1-msp-1': { parent: 'us-east-1', city: 'Minneapolis', at: [44.98, -93.27] },
  'us-east-1-nyc-1': { parent: 'us-east-1', city: 'New York City', at: [40.71, -74.01] },
  'us-east-1-phl-1': { parent: 'us-east-1', city: 'Philadelphia', at: [39.95, -75.17] },
  'us-east-1-qro-1': { parent: 'us-east-1', city: 'Querétaro', at: [20.59, -100.39] },
  'us-east-1-scl-1': { parent: 'us-east-1', city: 'Santiago', at: [-33.45, -70.67] },
  'us-west-2-den-1': { parent: 'us-west-2', city: 'Denver', at: [39.74, -104.99] },
  'us-west-2-hnl-1': { parent: 'us-west-2', city: 'Honolulu', at: [21.31, -157.86] },
  'us-west-2-las-1': { parent: 'us-west-2', city: 'Las Vegas', at: [36.17, -115.14] },
  'us-west-2-lax-1': { parent: 'us-west-2', city: 'Los Angeles', at: [34.05, -118.24] },
  'us-west-2-pdx-1': { parent: 'us-west-2', city: 'Portland', at: [45.52, -122.68] },
  'us-west-2-phx-1': { parent: 'us-west-2', city: 'Phoenix', at: [33.45, -112.07] },
  'us-west-2-sea-1': { parent: 'us-west-2', city: 'Seattle', at: [47.61, -122.33] },
}));

/** Data centres inside the networks of mobile carriers. */
export const WAVELENGTH_ZONES: ReadonlyMap<string, NearZone> = new Map(Object.entries({
  'ap-northeast-1-wl1-kix-wlz-1': { parent: 'ap-northeast-1', city: 'Osaka', at: [34.69, 135.5] },
  'ap-northeast-1-wl1-nrt-wlz-1': { parent: 'ap-northeast-1', city: 'Tokyo', at: [35.68, 139.69] },
  'ca-central-1-wl1-yto-wlz-1': { parent: 'ca-central-1', city: 'Toronto', at: [43.65, -79.38] },
  'eu-west-2-wl1-lon-wlz-1': { parent: 'eu-west-2', city: 'London', at: [51.51, -0.13] },
  'eu-west-2-wl1-man-wlz-1': { parent: 'eu-west-2', city: 'Manchester', at: [53.48, -2.24] },
  'eu-west-2-wl2-man-wlz-1': { parent: 'eu-west-2', city: 'Manchester', at: [53.48, -2.24] },
  'eu-west-3-cmn-wlz-1': { parent: 'eu-west-3', city: 'Casablanca', at: [33.57, -7.59] },
  'us-east-1-wl1-atl-wlz-1': { parent: 'us-east-1', city: 'Atlanta', at: [33.75, -84.39] },
  'us-east-1-wl1-bna-wlz-1': { parent: 'us-east-1', city: 'Nashville', at: [36.16, -86.78] },
  'us-east-1-wl1-bos-wlz-1': { parent: 'us-east-1', city: 'Boston', at: [42.36, -71.06] },
  'us-east-1-wl1-chi-wlz-1': { parent: 'us-east-1', city: 'Chicago', at: [41.88, -87.63] },
  'us-east-1-wl1-clt-wlz-1': { parent: 'us-east-1', city: 'Charlotte', at: [35.23, -80.84] },
  'us-east-1-wl1-dfw-wlz-1': { parent: 'us-east-1', city: 'Dallas', at: [32.78, -96.8] },
  'us-east-1-wl1-dtw-wlz-1': { parent: 'us-east-1', city: 'Detroit', at: [42.33, -83.05] },
  'us-east-1-wl1-iah-wlz-1': { parent: 'us-east-1', city: 'Houston', at: [29.76, -95.37] },
  'us-east-1-wl1-mia-wlz-1': { parent: 'us-east-1', city: 'Miami', at: [25.76, -80.19] },
  'us-east-1-wl1-msp-wlz-1': { parent: 'us-east-1', city: 'Minneapolis', at: [44.98, -93.27] },
  'us-east-1-wl1-nyc-wlz-1': { parent: 'us-east-1', city: 'New York City', at: [40.71, -74.01] },
  'us-east-1-wl1-tpa-wlz-1': { parent: 'us-east-1', city: 'Tampa', at: [27.95, -82.46] },
  'us-east-1-wl1-was-wlz-1': { parent: 'us-east-1', city: 'Washington', at: [38.91, -77.04] },
  'us-west-2-wl1-den-wlz-1': { parent: 'us-west-2', city: 'Denver', at: [39.74, -104.99] },
  'us-west-2-wl1-las-wlz-1': { parent: 'us-west-2', city: 'Las Vegas', at: [36.17, -115.14] },
  'us-west-2-wl1-lax-wlz-1': { parent: 'us-west-2', city: 'Los Angeles', at: [34.05, -118.24] },
  'us-west-2-wl1-phx-wlz-1': { parent: 'us-west-2', city: 'Phoenix', at: [33.45, -112.07] },
  'us-west-2-wl1-sea-wlz-1': { parent: 'us-west-2', city: 'Seattle', at: [47.61, -122.33] },
  'us-west-2-wl1-sfo-wlz-1': { parent: 'us-west-2', city: 'San Francisco', at: [37.77, -122.42] },
}));

export const nearZone = (location: string): NearZone | undefined => LOCAL_ZONES.get(location) ?? WAVELENGTH_ZONES.get(location);
