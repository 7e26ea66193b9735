/** Which SLAs are measured over what: `site` in an SLA becomes `site:eu-fra-1`, `site:eu-waw-1`, ... of a platform. */
import { SITE_ID_PATTERN, type Platform, type Sla } from '../../platform/model.ts';
import { inIdOrder } from '../../platform/order.ts';

/** One thing that an SLA is measured over, as the metrics' label `scope` names it. */
export type ScopeInstance = 'global' | `region:${string}` | `site:${string}`;

export interface SlaInstance {
  readonly sla: Sla;
  readonly scope: ScopeInstance;
}

const ID = SITE_ID_PATTERN.slice(1, -1);
export const SCOPE_PATTERN = new RegExp(`^(?:global|(?:region|site):${ID})$`);
export const SCOPE_ALLOWED = 'global, region:<id> or site:<id>';

/** Whether an SLA is measured over this. */
export const covers = (sla: Pick<Sla, 'scope'>, scope: ScopeInstance): boolean =>
  sla.scope === scope || (sla.scope !== 'global' && scope.startsWith(`${sla.scope}:`));

/** Each SLA with each of the scopes that it is measured over, in order. */
export const instancesOf = (slas: readonly Sla[], scopes: readonly ScopeInstance[]): SlaInstance[] =>
  slas.flatMap((sla) => scopes.filter((scope) => covers(sla, scope)).map((scope) => ({ sla, scope })));

/** All of a platform: global, its regions by id, their sites by id. */
export function scopesOf(platform: Pick<Platform, 'regions'>): ScopeInstance[] {
  const { regions } = inIdOrder(platform);
  return [
    'global',
    ...regions.map((region): ScopeInstance => `region:${region.id}`),
    ...regions.flatMap((region) => region.edges.map((edge): ScopeInstance => `site:${edge.id}`)),
  ];
}

/** For names: `global`, `region-eu`, `site-eu-fra-1`. */
export const scopeSlug = (scope: ScopeInstance): string => scope.replace(':', '-');

/** For people: `global`, `region eu`, `site eu-fra-1`. */
export const scopeTitle = (scope: ScopeInstance): string => scope.replace(':', ' ');
