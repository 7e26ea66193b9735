/** The SLAs as services are given them: the platform's own objects, as a JSON list. */
import { INDICATORS, isIndicator } from '../../platform/indicators.ts';
import type { Sla } from '../../platform/model.ts';
import { ID_PATTERN } from '../protocol/grammar.ts';

const idRegex = new RegExp(ID_PATTERN);
const SCOPE = /^(?:global|region|site|(?:region|site):.+)$/;

/** @throws Error naming every SLA that is not one */
export function parseSlas(text: string): Sla[] {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch {
    throw new Error('not JSON; expected a list of SLAs as definePlatform() returns them');
  }
  if (!Array.isArray(list)) throw new Error('expected a list of SLAs as definePlatform() returns them');
  const seen = new Set<string>();
  const mistakes = list.flatMap((sla: unknown, i) => {
    const why = mistake(sla);
    if (why !== null) return [`[${i}]: ${why}`];
    const { id } = sla as Sla;
    if (seen.has(id)) return [`[${i}].id: ${id} is there already`];
    seen.add(id);
    return [];
  });
  if (mistakes.length > 0) throw new Error(`SLAs: ${mistakes.join('; ')}`);
  return list as Sla[];
}

function mistake(value: unknown): string | null {
  if (typeof value !== 'object' || value === null) return `expected an SLA, got ${JSON.stringify(value)}`;
  const { id, indicator, objective, thresholdMs, thresholdRatio, windowDays, scope, severity } = value as Partial<Record<keyof Sla, unknown>>;
  const got = (name: string, expected: string, v: unknown): string => `${name}: expected ${expected}, got ${JSON.stringify(v) ?? 'nothing'}`;
  if (typeof id !== 'string' || !idRegex.test(id)) return got('id', 'an id', id);
  if (!isIndicator(indicator)) return got('indicator', `one of ${Object.keys(INDICATORS).join(', ')}`, indicator);
  if (typeof objective !== 'number' || !(objective > 0 && objective < 1)) return got('objective', 'a share between 0 and 1', objective);
  const { threshold } = INDICATORS[indicator];
  if (threshold === 'ms' && !(typeof thresholdMs === 'number' && thresholdMs > 0)) return got('thresholdMs', 'milliseconds', thresholdMs);
  if (threshold === 'ratio' && !(typeof thresholdRatio === 'number' && thresholdRatio >= 0 && thresholdRatio < 1)) return got('thresholdRatio', 'a share', thresholdRatio);
  if (typeof windowDays !== 'number' || !(Number.isInteger(windowDays) && windowDays >= 1 && windowDays <= 90)) return got('windowDays', '1 to 90', windowDays);
  if (typeof scope !== 'string' || !SCOPE.test(scope)) return got('scope', 'global, region, site, region:ID or site:ID', scope);
  if (severity !== 'page' && severity !== 'ticket') return got('severity', 'page or ticket', severity);
  return null;
}

/** What an SLA's events at a node count towards: `site:eu-fra-1`, `region:eu`, `global`; null when it is about others. */
export function instanceAt(scope: string, node: string, region: string): string | null {
  if (scope === 'global') return 'global';
  if (scope === 'region' || scope === `region:${region}`) return `region:${region}`;
  return scope === 'site' || scope === `site:${node}` ? `site:${node}` : null;
}
