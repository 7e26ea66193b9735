/**
 * The typed model of a deployment. `tidemark.config.ts` calls `definePlatform`; all else reads the `Platform` that it makes.
 */
export { formatAddressLock, parseAddressLock, recordedPlan, withPlan, type AddressLock } from './address-lock.ts';
export { ADDRESSES_FILE, EDGE_PREFIX, NETWORK_PREFIX, planAddresses, type AddressPlan } from './addresses.ts';
export { formatAssetScales, parseAssetScales, type AssetScale } from './asset-scales.ts';
export {
  AWS_REGIONS, awsRegionOf, edgeHostOf, partitionOf, regionHostOf, ZONES, zonesOf, type EdgeHost, type RegionHost,
} from './aws.ts';
export { burnRates, isBurningNow, isExhausted, LONG_PER_SHORT, type BurnRate, type Counted } from './burn-rates.ts';
export { cidrAt, contains, formatCidr, isPrivate, overlap, parseCidr, type Cidr } from './cidr.ts';
export { checkPlatform, definePlatform } from './define.ts';
export { controlHost, replicaHosts, replicaUrls, siteHost, STREAM_SERVERS, streamHosts, witnessUrls } from './hosts.ts';
export { goodEventOf, INDICATORS, type Indicator, type IndicatorDefinition } from './indicators.ts';
export { ConfigError, type Issue } from './issues.ts';
export { ConfigFileError, loadPlatform } from './load.ts';
export * from './deploy.ts';
export { deployed, type DeployedPlatform } from './deployed.ts';
export * from './metrics.ts';
export * from './model.ts';
export { nearest } from './nearest.ts';
export { deployedPeersOf, peersOf, type DeployedPeers, type PeerAddress } from './peers.ts';
export { inIdOrder } from './order.ts';
export { createFloors, type Floor, type Floors, type Topology } from './physics.ts';
export { policyText, toPolicy } from './policy.ts';
export { LEDGER_SECRET, SECRET_BYTES_MAX, secretName, secretsOf, stackName, WEBHOOK_SECRETS, type StackRef } from './secrets.ts';
export * from './services.ts';
export { planEdgeSubnets, planSubnets, type EdgeSubnetPlan, type PlannedSubnet, type SubnetPlan } from './subnets.ts';
export { createRoundTrips, KNOWN_LOCATIONS, roundTripMs, type KnownLocation, type LocationKind, type OwnFigures, type RoundTrips } from './rtt.ts';
export * from './webhooks.ts';
