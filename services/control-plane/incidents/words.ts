/** An incident in a sentence or two, for whoever is called at night. */
import { goodEventOf, type Sla } from '../../../platform/index.ts';
import type { Breach } from '../core/incidents.ts';
import { budgetWords, percent } from '../core/words.ts';
import type { KnownOfSla } from './model.ts';

/** Figures are those of the opening, and say so: an incident is read hours later, when they are others. */
export function summaryOf(breach: Breach, sla: Sla, scope: string, known: KnownOfSla): string {
  const attained = known.attainment === null ? 'nothing was counted' : `${percent(known.attainment)} of ${known.events} events in ${known.windowDays} d good, objective ${percent(known.objective)}`;
  const silent = known.sites.silentCount === 0 ? '' : ` ${known.sites.silentCount} of ${known.sites.expected} sites were silent.`;
  const what = breach === 'burn-rate' ? 'the error budget goes too fast' : 'the error budget is used up';
  return `${sla.id}, ${scope}: ${what}. When it opened: ${attained}, ${budgetWords(known.budgetLeft)}.${silent} Good is ${goodEventOf(sla)}.`;
}

/** Added when it is found later. @param at milliseconds since 1970 */
export const exhaustedSince = (at: number): string => `The error budget is used up since ${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC.`;
