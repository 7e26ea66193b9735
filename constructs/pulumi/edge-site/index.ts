/** EdgeSite: an edge site in a Pulumi program. */
export { siteName, type CloudPlace, type EdgeSiteArgs, type LinkArgs, type SecretSource, type SiteSecrets, type TelemetryArgs } from './args.ts';
export type { RegionLink } from './link.ts';
export { EdgeSite } from './site.ts';
export type { SiteTask } from './task.ts';
