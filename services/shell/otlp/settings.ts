/** Where traces and metrics are sent to, by the settings. */
import { COMMON_SETTINGS } from '../../../platform/index.ts';
import { parsed, readAll, SettingsError, type Settings } from '../settings.ts';
import { endpointMistake } from './endpoint.ts';
import { TEMPORALITIES, type Temporality } from './metrics.ts';

export interface OtlpTarget {
  /** Base URL without a slash at its end; `/v1/<signal>` goes behind it (OTLP 1.x, "OTLP/HTTP Request"). */
  readonly endpoint: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly temporality: Temporality;
}

export type OtlpSettings = Pick<Settings<typeof COMMON_SETTINGS>, 'otlp' | 'otlpHeaders' | 'otlpTemporality'>;

/** Headers that say how the message is framed: they are ours. */
const OWN_HEADERS: readonly string[] = [
  'content-type', 'content-length', 'content-encoding', 'transfer-encoding', 'host', 'connection', 'keep-alive', 'upgrade', 'expect', 'te', 'trailer',
];
const HEADERS_MAX = 32;
/** Servers take some 16 KiB of headers. */
const HEADER_VALUE_MAX = 4_096;
/** RFC 9110, sections 5.1 and 5.5; values in ASCII alone. */
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$/;
const VALUE = /^[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?$/;

/**
 * @returns null when nothing is to be sent anywhere
 * @throws SettingsError with every mistake; what a header holds is never part of it
 */
export function readOtlp(settings: OtlpSettings): OtlpTarget | null {
  const { otlp, otlpHeaders } = settings;
  if (otlp === undefined) {
    if (otlpHeaders === undefined) return null;
    throw new SettingsError(`${otlpHeaders.source} is set and ${COMMON_SETTINGS.otlp.env} is not: there is nobody to send these headers to (${COMMON_SETTINGS.otlp.what})`);
  }
  return readAll({
    endpoint: () => readEndpoint(otlp),
    temporality: () => readTemporality(settings.otlpTemporality),
    headers: () => (otlpHeaders === undefined ? {} : parsed(otlpHeaders, readHeaders)),
  });
}

function readEndpoint(text: string): string {
  const { env, what } = COMMON_SETTINGS.otlp;
  const mistake = endpointMistake(text, COMMON_SETTINGS.otlpHeaders.env);
  if (mistake !== null) throw new SettingsError(`${env}: ${mistake.why}${mistake.shown ? `, got ${JSON.stringify(text.slice(0, 200))}` : ''} (${what})`);
  return new URL(text).href.replace(/\/+$/, '');
}

function readTemporality(text: string): Temporality {
  const known = TEMPORALITIES.find((one) => one === text);
  if (known === undefined) throw new SettingsError(`${COMMON_SETTINGS.otlpTemporality.env}: expected ${TEMPORALITIES.join(' or ')}, got ${JSON.stringify(text.slice(0, 60))}`);
  return known;
}

function readHeaders(text: string): Record<string, string> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // What the parser has to say quotes the text.
    throw new Error('not JSON: expected an object of texts, {"authorization": "..."}');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('expected a JSON object of texts, {"authorization": "..."}');
  const entries = Object.entries(value);
  if (entries.length > HEADERS_MAX) throw new Error(`${entries.length} headers; at most ${HEADERS_MAX} are sent`);
  const headers: Record<string, string> = {};
  for (const [i, [name, content]] of entries.entries()) {
    // A secret may have come to stand where the name belongs.
    if (!NAME.test(name)) throw new Error(`header ${i + 1} of ${entries.length}: its name is none (RFC 9110, section 5.1); it is not shown`);
    const key = name.toLowerCase();
    if (OWN_HEADERS.includes(key)) throw new Error(`header ${i + 1}, ${key}: is said by the exporter itself; leave it out`);
    if (Object.hasOwn(headers, key)) throw new Error(`header ${i + 1}, ${key}: is there twice`);
    if (typeof content !== 'string' || content.length > HEADER_VALUE_MAX || !VALUE.test(content)) {
      throw new Error(`header ${i + 1}, ${key}: expected a text of 1 to ${HEADER_VALUE_MAX} printable ASCII characters, with no blank at its ends; it is not shown`);
    }
    headers[key] = content;
  }
  return headers;
}
