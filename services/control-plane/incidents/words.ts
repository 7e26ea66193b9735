/** An incident in a sentence or two, for whoever is called at night. */
import { goodEventOf, type Sla } from '../../../platform/index.ts';
import type { Breach } from '../core/incidents.ts';
import type { KnownOfSla } from './model.ts';

const percent = (share: number): string => `${Number((share * 100).toPrecision(6))}%`;

export function summaryOf(breach: Breach, sla: Sla, scope: string, known: KnownOfSla): string {
  const attained = known.attainment === null ? 'nothing counted' : `${percent(known.attainment)} good of ${known.events} events in ${known.windowDays} d, objective ${percent(known.objective)}`;
  const left = known.budgetLeft <= 0 ? 'no error budget is left' : `${percent(known.budgetLeft)} of the error budget is left`;
  const silent = known.sites.silentCount === 0 ? '' : ` ${known.sites.silentCount} of ${known.sites.expected} sites are silent.`;
  const what = breach === 'burn-rate' ? 'the error budget goes too fast' : 'the error budget is used up';
  return `${sla.id}, ${scope}: ${what}. ${attained}; ${left}.${silent} Good is ${goodEventOf(sla)}.`;
}
