/**
 * JSON answers, compressed for who takes it (RFC 9110, section 8.4): figures come in a fifth of their size, or less. For the control
 * plane, which people and their pages ask; services that are asked thousands of times a second for a few bytes do without.
 *
 * That the length of an answer then depends on its content gives nothing away (BREACH, CVE-2013-3587): that takes a secret and something
 * of the attacker's in one answer, and there are no secrets in answers. Tokens come in headers and are never sent back.
 */
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import { acceptedEncoding } from '../protocol/accept-encoding.ts';
import type { Server } from './server.ts';

/** Smaller answers fit one packet as they are. Bytes. */
export const COMPRESSED_MIN = 1_024;
/** Compressed at a time, each in a thread of its own; others are then sent as they are. */
const UNDER_WAY_MAX = 4;

const compressBr = promisify(brotliCompress);
const compressGzip = promisify(gzip);
/** Modest qualities: higher ones take many times as long. */
const COMPRESSIONS = {
  br: (bytes: Buffer): Promise<Buffer> => compressBr(bytes, {
    params: { [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT, [constants.BROTLI_PARAM_QUALITY]: 4, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length },
  }),
  gzip: (bytes: Buffer): Promise<Buffer> => compressGzip(bytes, { level: 5 }),
} as const;
const ENCODINGS = ['br', 'gzip'] as const satisfies readonly (keyof typeof COMPRESSIONS)[];

/** To be called before routes are added. Answers that have a tag or an encoding of their own, and those that are streams, stay as they are. */
export function compressAnswers(server: Server): void {
  let underWay = 0;
  server.addHook('onSend', async (request, reply, payload) => {
    const isJson = /^application\/json(?:;|$)/.test(String(reply.getHeader('content-type') ?? ''));
    if (request.method !== 'GET' || reply.statusCode !== 200 || !isJson || reply.hasHeader('content-encoding') || reply.hasHeader('etag')) return payload;
    if (!(typeof payload === 'string' || Buffer.isBuffer(payload)) || Buffer.byteLength(payload) < COMPRESSED_MIN) return payload;
    const vary = reply.getHeader('vary');
    reply.header('vary', vary === undefined ? 'accept-encoding' : `${String(vary)}, accept-encoding`);
    const encoding = acceptedEncoding(request.headers['accept-encoding'], ENCODINGS);
    if (encoding === null || underWay >= UNDER_WAY_MAX) return payload;
    underWay += 1;
    try {
      const compressed = await COMPRESSIONS[encoding](Buffer.from(payload));
      reply.header('content-encoding', encoding).removeHeader('content-length');
      return compressed;
    } finally {
      underWay -= 1;
    }
  });
}
