/** A receiver of webhooks on loopback that does what it is told, and checks signatures as the documentation shows. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  // Tests look into events of any shape.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly event: any;
  readonly at: number;
}

export type Behaviour = (response: ServerResponse, request: IncomingMessage, n: number) => void;

export interface Receiver {
  readonly url: string;
  /** Everything that came, whatever it was answered. */
  readonly received: readonly Received[];
  /** Resolves once so many came. */
  came(count: number): Promise<readonly Received[]>;
  behave(behaviour: Behaviour): void;
  close(): Promise<void>;
}

const accept: Behaviour = (response) => void response.writeHead(204).end();

export async function startReceiver(behaviour: Behaviour = accept): Promise<Receiver> {
  let now = behaviour;
  const received: Received[] = [];
  const waiting = new Set<() => void>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', () => undefined).on('end', () => {
      const body = Buffer.concat(chunks).toString();
      received.push({ headers: request.headers, body, event: JSON.parse(body), at: Date.now() });
      now(response, request, received.length);
      for (const look of waiting) look();
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    received,
    came: (count) => new Promise((resolve) => {
      const look = (): void => {
        if (received.length < count) return;
        waiting.delete(look);
        resolve(received);
      };
      waiting.add(look);
      look();
    }),
    behave(next) {
      now = next;
    },
    close: () => new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    }),
  };
}

/** As in docs/telemetry.md, "Incidents and webhooks". */
export function verifies(secret: string, { headers, body }: Pick<Received, 'headers' | 'body'>, nowSeconds: number): boolean {
  const { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures } = headers as Record<string, string>;
  if (!(Math.abs(nowSeconds - Number(timestamp)) <= 300)) return false;
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
  const expected = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest();
  return (signatures ?? '').split(' ').some((signature) => {
    const given = Buffer.from(signature.slice('v1,'.length), 'base64');
    return signature.startsWith('v1,') && given.byteLength === expected.byteLength && timingSafeEqual(given, expected);
  });
}
