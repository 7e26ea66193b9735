/** Containers as programs on machines of their own, and load balancers before them as the stacks set them up. */
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, request as requestTls, type ServerOptions } from 'node:https';
import { dirname, join } from 'node:path';
import { bundleService } from '../../cli/images/bundle.ts';
import { IMAGE, SERVICES, type ServiceId } from '../../platform/index.ts';
import type { Container } from './containers.ts';
import type { Machine } from './own-address.ts';
import { run, type Outcome } from './process.ts';
import { ROOT } from './root.ts';

/** The folder of an image, by service. */
export type Images = Readonly<Record<ServiceId, string>>;

export async function buildImages(folder: string): Promise<Images> {
  const images: Partial<Record<ServiceId, string>> = {};
  for (const { id } of Object.values(SERVICES)) {
    const image = join(folder, id);
    for (const { name, bytes } of (await bundleService(id, ROOT)).files) {
      mkdirSync(dirname(join(image, name)), { recursive: true });
      writeFileSync(join(image, name), bytes);
    }
    images[id] = image;
  }
  return images as Images;
}

export interface Start {
  readonly container: Container;
  readonly images: Images;
  /** Name in Secrets Manager -> value. */
  readonly secret: (name: string) => string;
  /** What is mounted where the container has its data. */
  readonly disk: string;
  readonly machine: Machine;
  /** File with authorities that everybody knows, beside those that are. */
  readonly wellKnown: string;
}

export interface Started {
  /** Runs the health check of the definition. */
  readonly health: () => Promise<Outcome>;
  readonly said: () => string;
  /** @returns exit code */
  readonly stop: () => Promise<number | null>;
  readonly ended: Promise<number | null>;
}

/** The whole environment of a container: nothing of ours comes through. */
export function environmentOf({ container, secret, disk, machine, wellKnown }: Omit<Start, 'images'>): Record<string, string> {
  const { dataFolder, environment, secrets } = container;
  // The disk is mounted there in a container; a program on its own has it where it is.
  const mounted = (value: string): string => value.replaceAll(new RegExp(`(?<![\\w.-])${dataFolder}(?=/|$)`, 'g'), disk);
  return {
    ...Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, name.endsWith('_CONTENT') ? value : mounted(value)])),
    ...Object.fromEntries(Object.entries(secrets).map(([name, from]) => [name, secret(from)])),
    KIT_MACHINE: JSON.stringify(machine), NODE_EXTRA_CA_CERTS: wellKnown,
  };
}

export function start(options: Start): Started {
  const { container, images } = options;
  const env = environmentOf(options);
  const program = (command: readonly string[]): string[] => {
    const [node, ...rest] = command;
    if (node !== 'node') throw new Error(`${container.stack}: ${container.service.id}: images have no ${node}`);
    return ['--import', join(ROOT, 'test/kit/own-address.ts'), ...rest.map((word) => word.replace(IMAGE.workdir, images[container.service.id]))];
  };
  const child = spawn(process.execPath, program(container.command), { cwd: images[container.service.id], env, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => { said = (said + text).slice(-20_000); });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  return {
    health: () => run(process.execPath, program(container.health), { env }),
    said: () => said, ended,
    stop: () => {
      child.kill('SIGTERM');
      return ended;
    },
  };
}

/** A load balancer: TLS at the front, TLS behind without a look at the certificate, as those of AWS do it. */
export async function balance(address: string, target: { readonly host: string; readonly port: number }, tls: ServerOptions): Promise<() => Promise<void>> {
  const server = createServer(tls, (asked, answer) => {
    const { method, url, headers } = asked;
    const forward = requestTls({ ...target, method, path: url, headers, rejectUnauthorized: false }, (got) => {
      answer.writeHead(got.statusCode!, got.headers);
      got.pipe(answer);
    });
    forward.on('error', () => (answer.headersSent ? answer.destroy() : answer.writeHead(502).end()));
    answer.on('close', () => forward.destroy());
    asked.pipe(forward);
  });
  await new Promise<void>((resolve, reject) => {
    server.on('error', reject);
    server.listen({ host: address, port: 443 }, () => resolve());
  });
  return async () => {
    server.closeAllConnections();
    await new Promise<void>((resolve) => void server.close(() => resolve()));
  };
}
