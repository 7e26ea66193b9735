/**
 * Production: three regions of three replicas each, and one edge site of every kind: plain AWS region, Local Zone, Wavelength Zone,
 * Outpost, on premises.
 *
 *     npx tidemark config check examples/production.config.ts
 *
 * Networks are planned once and recorded in addresses.lock.json beside the config; commit it, and no site ever moves.
 */
import { definePlatform } from '../platform/index.ts';

export default definePlatform({
  name: 'tidemark',
  origin: 'tidemark.example',
  assets: [
    { code: 'EUR', scale: 2, name: 'Euro' },
    { code: 'USD', scale: 2, name: 'US dollar' },
    { code: 'JPY', scale: 0, name: 'Yen' },
  ],
  // Places of one's own: where they hang on AWS, and the round trip to there as measured.
  locations: [
    { id: 'brno', near: 'eu-central-1', roundTripMs: 9 },
    { id: 'osaka-office', near: 'ap-northeast-3', roundTripMs: 3 },
  ],
  controlPlane: { location: 'eu-west-1' },
  regions: [
    {
      id: 'eu',
      location: 'eu-central-1',
      replicas: 3,
      edges: [
        { id: 'eu-fra-1', location: 'eu-central-1' },
        { id: 'eu-ham-1', location: 'eu-central-1-ham-1' },
        // At a mobile carrier's site. The host has no carrier address: it is reached from the region's network.
        { id: 'eu-lon-1', location: 'eu-west-2-wl1-lon-wlz-1' },
        // A machine of one's own, registered with AWS Systems Manager.
        { id: 'eu-brq-1', location: 'brno' },
      ],
    },
    {
      id: 'us',
      location: 'us-east-1',
      replicas: 3,
      edges: [
        { id: 'us-iad-1', location: 'us-east-1' },
        { id: 'us-nyc-1', location: 'us-east-1-nyc-1' },
      ],
    },
    {
      id: 'ap',
      location: 'ap-northeast-1',
      replicas: 3,
      edges: [
        { id: 'ap-nrt-1', location: 'ap-northeast-1' },
        // A rack of AWS's in one's own building; `deploy.edges` says which.
        { id: 'ap-kix-1', location: 'osaka-office' },
      ],
    },
  ],
  // Two of three must have seen a checkpoint of the centre before it counts; one may be cut off.
  witnessQuorum: 2,
  policy: {
    version: 1,
    offlineAfterMs: 2_000,
    maxStalenessMs: 86_400_000,
    offlinePerAccount: { EUR: '4000000', USD: '4000000', JPY: '6000000' },
    offlinePerNode: { EUR: '2000000000', USD: '2000000000', JPY: '3000000000' },
  },
  slas: [
    {
      id: 'acknowledgement', indicator: 'provisional-ack', objective: 0.99, thresholdMs: 25, scope: 'site',
      severity: 'page', owner: 'settlement', runbook: 'docs/operations.md#provisional-acknowledgement',
    },
    {
      id: 'final', indicator: 'finality', objective: 0.99, thresholdMs: 1_000, scope: 'region',
      severity: 'page', owner: 'settlement', runbook: 'docs/operations.md#finality',
    },
    {
      id: 'edge-available', indicator: 'availability', objective: 0.999, scope: 'site',
      severity: 'page', owner: 'settlement', runbook: 'docs/operations.md#availability',
    },
  ],
  deploy: {
    environment: 'production',
    shape: 'production',
    // Credentials of any other account are refused. Quoted, as it may begin with a 0.
    accountId: '123456789012',
    domain: 'clearing.example.com',
    hostedZoneId: 'Z0123456789ABCDEFGHIJ',
    replicaRegion: 'eu-central-1',
    // Room for 256 networks of /18, or for 16,384 of /24.
    cidr: '10.64.0.0/10',
    contacts: { page: ['on-call@example.com', 'https://pager.example.com/v1/events'], ticket: ['settlement@example.com'] },
    state: { bucket: 'tidemark-terraform-state', region: 'eu-west-1' },
    // Compliance mode: nobody, not even the account's owner, deletes audit data before ten years are over.
    retention: { logDays: 365, backupDays: 35, auditDays: 3_650 },
    tags: { 'cost-centre': 'clearing', owner: 'settlement' },
    regions: { us: { size: 'large' } },
    edges: {
      'eu-fra-1': { size: 'medium', clientCidrs: ['10.20.0.0/16'] },
      // A network of one's own choosing, agreed with whoever plans addresses.
      'eu-lon-1': { cidr: '10.200.7.0/24' },
      'ap-kix-1': {
        kind: 'outpost',
        outpost: { arn: 'arn:aws:outposts:ap-northeast-3:123456789012:outpost/op-0123456789abcdef0', zone: 'ap-northeast-3a' },
        diskGib: 200,
      },
    },
  },
});
