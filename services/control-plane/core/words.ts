/** Shares and budgets as people read them. */

/** `98.5%`, without what doubles add. */
export const percent = (share: number, digits = 6): string => `${Number((share * 100).toPrecision(digits))}%`;

/**
 * What is left of an error budget, or how much more than all of it was used.
 * @param left share; negative when more was bad than allowed
 */
export function budgetWords(left: number): string {
  if (left > 0) return `${percent(left)} of the error budget left`;
  const times = 1 - left;
  return times === 1 ? 'all of the error budget used' : `${times >= 10 ? Math.round(times) : Number(times.toPrecision(3))} times the error budget used`;
}
