/**
 * The CDKTF app: from a platform to one stack for the control plane, one for each region, one for each edge site. Each is
 * deployed on its own, in this order; what one needs of another it reads from the facts that the other published.
 */
import { createRequire } from 'node:module';
import { App } from 'cdktf';
import { deployed, inIdOrder, planAddresses, type AddressPlan, type Platform } from '../platform/index.ts';
import { stackName } from '../constructs/common/index.ts';
import type { ImageLock } from '../constructs/service-image/index.ts';
import { stackId } from './common.ts';
import { EdgeStack } from './edge.ts';
import { GlobalStack } from './global.ts';
import { RegionStack } from './region.ts';

export interface AppOptions {
  /** Folder that `app.synth()` writes to. @default - CDKTF_OUTDIR, or cdktf.out */
  readonly outdir?: string;
  /** Networks planned before, which stay where they are. @default - planned anew */
  readonly addresses?: AddressPlan;
  /** Image digests. @default - a variable of each stack for each image */
  readonly images?: ImageLock | undefined;
  /** PEM certificates of the platform's own authority. @default - a variable of the stacks that need them */
  readonly authorities?: string | undefined;
  /** Only these stacks: `global`, `region-eu`, `edge-eu-fra-1`. @default - all */
  readonly only?: readonly string[];
}

/** Names of all stacks in the order of their deployment. */
export function stackNames(platform: Platform): string[] {
  return [
    'global',
    ...platform.regions.map((region) => stackName({ kind: 'region', id: region.id })),
    ...platform.regions.flatMap((region) => region.edges.map((edge) => stackName({ kind: 'edge', id: edge.id }))),
  ];
}

/**
 * cdktf takes a stack trace for every token, a quarter of the time of a large synthesis, and shows it only when a token can't be
 * resolved. Neither `stackTraces` of the app nor a setting of the environment reaches it.
 */
function withoutTokenTraces(): void {
  const traces = createRequire(import.meta.url)('cdktf/lib/tokens/private/stack-trace.js') as { captureStackTrace: () => string[] };
  traces.captureStackTrace = () => [];
}

/** Builds the tree; `app.synth()` writes it. @throws ConfigError, ConstructError */
export function buildApp(input: Platform, options: AppOptions = {}): App {
  const written = deployed(input);
  // A list that is put in another order in the definition is no change of what is deployed.
  const platform = inIdOrder(written);
  withoutTokenTraces();
  const app = new App({
    // Stack traces in metadata name folders of the machine that synthesized.
    stackTraces: false, ...(options.outdir === undefined ? {} : { outdir: options.outdir }),
  });
  const wanted = (name: string): boolean => options.only === undefined || options.only.includes(name);
  const props = { platform, addresses: options.addresses ?? planAddresses(written), images: options.images, authorities: options.authorities };
  if (wanted('global')) new GlobalStack(app, 'global', props);
  for (const region of platform.regions) {
    const name = stackName(stackId(platform, 'region', region.id));
    if (wanted(name)) new RegionStack(app, name, { ...props, region });
  }
  for (const region of platform.regions) {
    for (const edge of region.edges) {
      const name = stackName(stackId(platform, 'edge', edge.id));
      if (wanted(name)) new EdgeStack(app, name, { ...props, region, edge });
    }
  }
  return app;
}
