/**
 * The smallest platform: one region, one edge node, everything on this machine.
 *
 *     npx tidemark up --config examples/laptop.config.ts
 *
 * It has no `deploy` section, so nothing of it goes to AWS. Locations still matter: the local platform holds messages up for as long
 * as the network between them would.
 */
import { definePlatform } from '../platform/index.ts';

export default definePlatform({
  name: 'laptop',
  // Every key and every signature names it, so it is chosen once.
  origin: 'laptop.example',
  assets: [{ code: 'EUR', scale: 2, name: 'Euro' }],
  controlPlane: { location: 'eu-west-1' },
  regions: [
    // One replica, so nothing of it may fail. Try `replicas: 3`, and end one of the processes.
    { id: 'eu', location: 'eu-central-1', edges: [{ id: 'eu-1', location: 'eu-central-1' }] },
  ],
  policy: {
    // Minor units: 100.00 EUR an account, and 10,000.00 EUR an edge node, may be promised while the centre can't be reached.
    offlinePerAccount: { EUR: '10000' },
    offlinePerNode: { EUR: '1000000' },
  },
});
