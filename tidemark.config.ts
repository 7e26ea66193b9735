/** The deployment in use: what `npm start` runs on this machine, and what the stacks will build on AWS. */
import { definePlatform } from './platform/index.ts';

export default definePlatform({
  name: 'tidemark',
  origin: 'tidemark.example',
  assets: [
    { code: 'EUR', scale: 2, name: 'Euro' },
    { code: 'USD', scale: 2, name: 'US dollar' },
    { code: 'CZK', scale: 2, name: 'Czech koruna' },
  ],
  controlPlane: { location: 'eu-west-1' },
  regions: [
    {
      id: 'eu',
      location: 'eu-central-1',
      replicas: 3,
      edges: [
        { id: 'eu-fra-1', location: 'eu-central-1' },
        { id: 'eu-waw-1', location: 'eu-central-1-waw-1' },
      ],
    },
    {
      id: 'us',
      location: 'us-east-1',
      replicas: 1,
      edges: [
        { id: 'us-iad-1', location: 'us-east-1' },
        { id: 'us-nyc-1', location: 'us-east-1-nyc-1' },
      ],
    },
  ],
  // With two regions the centre's checkpoint counts when either has cosigned it, so that one may be cut off.
  witnessQuorum: 1,
  policy: {
    version: 1,
    offlineAfterMs: 2_000,
    maxStalenessMs: 86_400_000,
    // Minor units: 40,000.00 EUR, 40,000.00 USD and 1,000,000.00 CZK an account, five hundred times that a node.
    offlinePerAccount: { EUR: '4000000', USD: '4000000', CZK: '100000000' },
    offlinePerNode: { EUR: '2000000000', USD: '2000000000', CZK: '50000000000' },
  },
  slas: [
    {
      id: 'acknowledgement', indicator: 'provisional-ack', objective: 0.99, thresholdMs: 25, scope: 'site',
      severity: 'page', owner: 'settlement', runbook: 'docs/operations.md#provisional-acknowledgement',
    },
    {
      id: 'ordered', indicator: 'ordering', objective: 0.99, thresholdMs: 250, scope: 'region',
      severity: 'ticket', owner: 'settlement', runbook: 'docs/operations.md#ordering',
    },
    {
      id: 'final', indicator: 'finality', objective: 0.99, thresholdMs: 1_000, scope: 'global',
      severity: 'page', owner: 'settlement', runbook: 'docs/operations.md#finality',
    },
    {
      id: 'provisional-states', indicator: 'provisional-ratio', objective: 0.99, thresholdRatio: 0.05, scope: 'site',
      severity: 'ticket', owner: 'settlement', runbook: 'docs/operations.md#share-of-provisional-states',
    },
    {
      id: 'reconciled', indicator: 'reconciliation', objective: 0.95, thresholdMs: 60_000, windowDays: 90, scope: 'region',
      severity: 'ticket', owner: 'settlement', runbook: 'docs/operations.md#reconciliation-window',
    },
    {
      id: 'cache-truth', indicator: 'cache-drift', objective: 0.999, scope: 'global',
      severity: 'ticket', owner: 'settlement', runbook: 'docs/operations.md#cache-drift',
    },
    {
      id: 'peering', indicator: 'peering-rtt', objective: 0.99, thresholdMs: 150, scope: 'global',
      severity: 'ticket', owner: 'network', runbook: 'docs/operations.md#round-trip-between-sites',
    },
    {
      id: 'edge-available', indicator: 'availability', objective: 0.999, scope: 'site',
      severity: 'page', owner: 'settlement', runbook: 'docs/operations.md#availability',
    },
  ],
  // On AWS; nothing here matters on this machine. Names and addresses are ones that nobody has: put yours in their places.
  deploy: {
    environment: 'production',
    shape: 'production',
    accountId: '111122223333',
    state: { bucket: 'tidemark-state-111122223333', region: 'eu-west-1' },
    domain: 'clearing.example.com',
    hostedZoneId: 'Z0123456789ABCDEFGHIJ',
    replicaRegion: 'eu-central-1',
    contacts: { page: ['on-call@example.com'], ticket: ['settlement@example.com'] },
  },
});
