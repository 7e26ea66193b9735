/** Serves a log to the world: `/checkpoint` and `/tile/...` as C2SP tlog-tiles lays them out. */
import { Problem } from '../protocol/errors.ts';
import { parseTilePath } from '../transparency/index.ts';
import { CLIENT_ERRORS, type Server } from './server.ts';

export interface ServedLog {
  /** Signed checkpoint to show, or null before there is one. */
  readonly checkpoint: () => string | null | Promise<string | null>;
  readonly size: () => number;
  readonly tile: (level: number, index: number, width: number) => Uint8Array | Promise<Uint8Array>;
  readonly bundle: (index: number, width: number) => Uint8Array | Promise<Uint8Array>;
}

const TILE = 256;

const tilePath = {
  type: 'object', required: ['path'],
  properties: { path: { type: 'string', description: 'level, index and width as C2SP tlog-tiles writes them, slashes as they are: 0/x001/234.p/5, entries/000' } },
} as const;
const binary = { description: 'Hashes, or entries in bundle encoding', content: { 'application/octet-stream': { schema: { type: 'string', format: 'binary' } } } } as const;
const note = { description: 'A signed note', content: { 'text/plain': { schema: { type: 'string' } } } } as const;

export function serveLog(server: Server, log: ServedLog): void {
  const tags = ['log'];
  server.get('/checkpoint', { schema: { tags, summary: 'The newest checkpoint', response: { 200: note, ...CLIENT_ERRORS } } }, async (_request, reply) => {
    const checkpoint = await log.checkpoint();
    if (checkpoint === null) throw new Problem(404, 'no-checkpoint', 'this log has no checkpoint yet');
    return reply.type('text/plain; charset=utf-8').header('cache-control', 'no-cache').send(checkpoint);
  });
  server.get('/tile/*', {
    schema: { tags, summary: 'A tile of hashes, or a bundle of entries', response: { 200: binary, ...CLIENT_ERRORS } },
    // OpenAPI has no name for what a star stands for.
    config: { swaggerTransform: ({ schema }) => ({ schema: { ...schema, params: tilePath }, url: '/tile/:path' }) },
  }, async (request, reply) => {
    const path = request.url.slice(1);
    const tile = parseTilePath(path);
    if (tile === null) throw new Problem(404, 'no-such-tile', `${path.slice(0, 100)} is not a tile path of C2SP tlog-tiles`);
    const have = Math.floor(log.size() / TILE ** ((tile.kind === 'entries' ? 0 : tile.level)));
    if (tile.index * TILE + tile.width > have) throw new Problem(404, 'no-such-tile', `${path}: the log has ${log.size()} entries`);
    const bytes = tile.kind === 'entries' ? await log.bundle(tile.index, tile.width) : await log.tile(tile.level, tile.index, tile.width);
    // A full tile never changes; neither does a partial one, but a fuller one will stand beside it.
    return reply.type('application/octet-stream').header('cache-control', 'public, max-age=31536000, immutable').send(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  });
}
