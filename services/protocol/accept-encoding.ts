/** Which content codings a client takes (RFC 9110, section 12.5.3). */

/** More than any client of ours names. */
const CODINGS_MAX = 32;

/**
 * @param header `Accept-Encoding` as it came, if it did
 * @param offers ours, the best first; how much the client likes each does not matter, but that it takes it
 * @returns null when it takes none: the answer is sent as it is
 */
export function acceptedEncoding<E extends string>(header: string | undefined, offers: readonly E[]): E | null {
  const taken = new Map<string, boolean>();
  for (const part of (header ?? '').split(',', CODINGS_MAX)) {
    const [coding = '', ...parameters] = part.trim().toLowerCase().split(/\s*;\s*/);
    taken.set(coding, !parameters.some((parameter) => /^q=0(?:\.0*)?$/.test(parameter)));
  }
  return offers.find((offer) => taken.get(offer) ?? taken.get('*') ?? false) ?? null;
}
