/** A JetStream client for tests in the words of the protocol (https://docs.nats.io/reference/reference-protocols/nats-protocol): one request at a time. */
import { connect, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';

export interface NatsOptions {
  readonly host: string;
  readonly port: number;
  readonly token?: string;
  /** @default - plain text */
  readonly tls?: ConnectionOptions;
}

export interface NatsClient {
  /** The answer to one message. Throws when nobody answers in time or the server closes. */
  readonly request: (subject: string, body: string | Uint8Array) => Promise<Record<string, unknown>>;
  readonly close: () => void;
}

const TIMEOUT_MS = 5_000;

/** Resolves when the server has accepted the token. @throws Error with what the server or TLS says */
export async function natsClient(o: NatsOptions): Promise<NatsClient> {
  const plain = connect({ host: o.host, port: o.port });
  const hello = new Reader(plain);
  await hello.line((line) => line.startsWith('INFO '));
  const socket: Socket = o.tls === undefined ? plain : connectTls({ ...o.tls, host: o.host, socket: plain });
  const reader = o.tls === undefined ? hello : new Reader(socket);
  const options = { verbose: false, pedantic: false, headers: true, no_responders: true, lang: 'test', version: '1', ...(o.token === undefined ? {} : { auth_token: o.token }) };
  socket.write(`CONNECT ${JSON.stringify(options)}\r\nSUB inbox.> 1\r\nPING\r\n`);
  await reader.line((line) => line === 'PONG');
  let count = 0;
  return {
    request: async (subject, body) => {
      const inbox = `inbox.${count++}`;
      const bytes = Buffer.from(body);
      socket.write(Buffer.concat([Buffer.from(`PUB ${subject} ${inbox} ${bytes.length}\r\n`), bytes, Buffer.from('\r\n')]));
      const head = (await reader.line((line) => line.includes(` ${inbox} `))).split(' ');
      const length = Number(head.at(-1));
      const headers = head[0] === 'HMSG' ? Number(head.at(-2)) : 0;
      const answer = await reader.bytes(length);
      const text = answer.subarray(headers).toString();
      return text === '' ? { status: answer.toString().split('\r\n')[0] } : JSON.parse(text) as Record<string, unknown>;
    },
    close: () => void socket.destroy(),
  };
}

class Reader {
  #buffer = Buffer.alloc(0);
  #failed: Error | undefined;
  #wake: () => void = () => undefined;
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#buffer = Buffer.concat([this.#buffer, chunk]);
      this.#wake();
    });
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('the server closed the connection')));
  }

  #fail(error: Error): void {
    this.#failed ??= error;
    this.#wake();
  }

  async #take<T>(attempt: () => T | undefined): Promise<T> {
    const deadline = AbortSignal.timeout(TIMEOUT_MS);
    deadline.addEventListener('abort', () => this.#wake());
    for (;;) {
      const taken = attempt();
      if (taken !== undefined) return taken;
      if (this.#failed !== undefined) throw this.#failed;
      if (deadline.aborted) throw new Error(`no answer within ${TIMEOUT_MS} ms`);
      await new Promise<void>((resolve) => { this.#wake = resolve; });
    }
  }

  /** The next line that `wanted` is true for; an `-ERR` fails. */
  readonly line = (wanted: (line: string) => boolean): Promise<string> => this.#take(() => {
    for (;;) {
      const end = this.#buffer.indexOf('\r\n');
      if (end < 0) return undefined;
      const line = this.#buffer.subarray(0, end).toString();
      this.#buffer = this.#buffer.subarray(end + 2);
      if (line === 'PING') this.#socket.write('PONG\r\n');
      if (line.startsWith('-ERR')) this.#fail(new Error(line));
      if (wanted(line)) return line;
    }
  });

  readonly bytes = (length: number): Promise<Buffer> => this.#take(() => {
    if (this.#buffer.length < length + 2) return undefined;
    const taken = Buffer.from(this.#buffer.subarray(0, length));
    this.#buffer = this.#buffer.subarray(length + 2);
    return taken;
  });
}
