/** Whether traces and metrics can be sent to an address: for the setting, and for whoever wants to know before anything is started with it. */

export interface EndpointMistake {
  readonly why: string;
  /** Whether the address may be shown with it: one that may hold a password may not. */
  readonly shown: boolean;
}

/**
 * @param text base URL of an OTLP/HTTP receiver
 * @param headers where headers are set, as its reader knows it
 * @returns null when it is one
 */
export function endpointMistake(text: string, headers: string): EndpointMistake | null {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !['http:', 'https:'].includes(url.protocol)) return { why: 'expected a URL that begins with http:// or https://', shown: !text.includes('@') };
  if (url.username !== '' || url.password !== '') return { why: `a user or a password does not belong in it; set ${headers}`, shown: false };
  if (url.search !== '' || url.hash !== '') return { why: 'a query or a fragment does not belong in it', shown: false };
  if (/\/v1\/(?:traces|metrics|logs)\/?$/.test(url.pathname)) return { why: 'the path of a signal is appended to it; leave that out', shown: true };
  return null;
}
