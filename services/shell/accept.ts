/** Which of the media types that we have a client would rather get (RFC 9110, section 12.5.1). */

interface Range {
  readonly type: string;
  readonly parameters: ReadonlyMap<string, string>;
  readonly quality: number;
}

/** More ranges than any client of ours sends. */
const RANGES_MAX = 32;

/**
 * @param accept what the client sent, if anything
 * @param offers media types with their parameters, ours first where the client does not mind
 * @returns one of `offers`; the first one when none fits, because an answer is better than none
 */
export function negotiate(accept: string | undefined, offers: readonly [string, ...string[]]): string {
  if (accept === undefined || accept.trim() === '') return offers[0];
  const ranges = accept.split(',', RANGES_MAX).map(readRange).filter((r) => r !== null);
  let [best, bestQuality] = [offers[0], 0];
  for (const offer of offers) {
    const quality = qualityOf(readRange(offer)!, ranges);
    if (quality > bestQuality) [best, bestQuality] = [offer, quality];
  }
  return best;
}

function readRange(text: string): Range | null {
  const [type = '', ...rest] = text.split(';').map((part) => part.trim().toLowerCase());
  if (!/^[^\s/]+\/[^\s/]+$/.test(type)) return null;
  const parameters = new Map<string, string>();
  for (const parameter of rest) {
    const [name = '', value = ''] = parameter.split('=', 2).map((part) => part.trim().replace(/^"(.*)"$/, '$1'));
    parameters.set(name, value);
  }
  const quality = parameters.has('q') ? Number(parameters.get('q')) : 1;
  parameters.delete('q');
  return { type, parameters, quality: quality >= 0 && quality <= 1 ? quality : 0 };
}

/** Of the most specific range that fits. Parameters that only one side has do not keep them apart: there are ever new ones. */
function qualityOf(offer: Range, ranges: readonly Range[]): number {
  let [quality, specificity] = [0, -1];
  for (const range of ranges) {
    const fit = range.type === offer.type ? 2 : range.type === `${offer.type.split('/')[0]}/*` ? 1 : range.type === '*/*' ? 0 : -1;
    if (fit < 0 || [...range.parameters].some(([name, value]) => offer.parameters.has(name) && offer.parameters.get(name) !== value)) continue;
    if (fit > specificity || (fit === specificity && range.quality > quality)) [quality, specificity] = [range.quality, fit];
  }
  return quality;
}
