/** The setting TIDEMARK_PEERS: which other edge nodes are probed, and where they are. */
import { EDGE_SETTINGS, PEERS_MAX, type PeerAddress } from '../../platform/index.ts';
import { ID_PATTERN } from '../protocol/index.ts';
import { SettingsError } from '../shell/index.ts';

const idRegex = new RegExp(ID_PATTERN);

/**
 * @param taken ids that no peer can have: the node's own and its region's
 * @throws SettingsError naming every entry that is wrong
 */
export function parsePeers(value: unknown, taken: readonly string[]): PeerAddress[] {
  const { env } = EDGE_SETTINGS.peers;
  const shown = (v: unknown): string => (JSON.stringify(v) ?? 'nothing').slice(0, 80);
  if (!Array.isArray(value) || value.length > PEERS_MAX) {
    throw new SettingsError(`${env}: expected a JSON list of at most ${PEERS_MAX} {"site", "url"}, got ${Array.isArray(value) ? `${value.length} of them` : shown(value)}`);
  }
  const seen = new Set(taken);
  const mistakes: string[] = [];
  const peers = value.flatMap((entry: unknown, i): PeerAddress[] => {
    const wrong = (where: string, expected: string, got: unknown): [] => {
      mistakes.push(`${env}: [${i}]${where}: expected ${expected}, got ${shown(got)}`);
      return [];
    };
    if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) return wrong('', '{"site", "url"}', entry);
    const { site, url, ...more } = entry as Readonly<Record<string, unknown>>;
    if (Object.keys(more).length > 0) return wrong('', 'nothing but site and url', Object.keys(more));
    if (typeof site !== 'string' || !idRegex.test(site)) return wrong('.site', 'the id of an edge node', site);
    if (seen.has(site)) return wrong('.site', taken.includes(site) ? 'another edge node than this one' : 'each one once', site);
    seen.add(site);
    if (typeof url !== 'string' || !isBaseUrl(url)) return wrong('.url', 'a base URL such as https://eu-fra-1.example.com:8080', url);
    return [{ site, url }];
  });
  if (mistakes.length > 0) throw new SettingsError(mistakes.join('\n'));
  return peers;
}

function isBaseUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, origin } = new URL(text);
  return (protocol === 'http:' || protocol === 'https:') && (text === origin || text === `${origin}/`);
}
