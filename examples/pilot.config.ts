/**
 * A pilot on AWS: one region, two sites, embedded storage. What it costs is mostly four small machines and the way out of their networks;
 * there is no database and no cluster. What it can't do is lose a machine without a pause: each disk is on one.
 *
 *     npx tidemark config check examples/pilot.config.ts
 *     npx tidemark keys create examples/keys --config examples/pilot.config.ts
 *     npm run synth -- --config examples/pilot.config.ts
 *
 * Put your own domain, hosted zone and addresses in the places of those with `example`.
 */
import { definePlatform } from '../platform/index.ts';

export default definePlatform({
  name: 'tidemark',
  origin: 'pilot.tidemark.example',
  assets: [{ code: 'EUR', scale: 2, name: 'Euro' }],
  // AWS regions, as both are spread over three zones. Edge nodes may be elsewhere.
  controlPlane: { location: 'eu-west-1' },
  regions: [
    {
      id: 'eu',
      location: 'eu-central-1',
      edges: [
        { id: 'eu-fra-1', location: 'eu-central-1' },
        // A Local Zone, to see what being near is worth.
        { id: 'eu-waw-1', location: 'eu-central-1-waw-1' },
      ],
    },
  ],
  policy: { offlinePerAccount: { EUR: '100000' }, offlinePerNode: { EUR: '10000000' } },
  slas: [
    {
      id: 'final', indicator: 'finality', objective: 0.99, thresholdMs: 2_000, owner: 'settlement', runbook: 'docs/operations.md#finality',
    },
  ],
  deploy: {
    environment: 'pilot',
    // Small machines, embedded storage, audit data locked for 30 days instead of ten years: nobody can delete it earlier, so try first.
    shape: 'pilot',
    // Credentials for another account are refused.
    accountId: '111122223333',
    // Make the bucket first; without this line, state is a file beside cdktf.out.
    state: { bucket: 'tidemark-state-111122223333', region: 'eu-west-1' },
    domain: 'pilot.example.com',
    hostedZoneId: 'Z0123456789ABCDEFGHIJ',
    // Never where the control plane is: audit data is to outlive the loss of an AWS region.
    replicaRegion: 'eu-west-3',
    contacts: { page: ['settlement@example.com'], ticket: ['settlement@example.com'] },
    retention: { logDays: 30, backupDays: 7 },
  },
});
