/** The supervisor's side of the emulated network: the process, what it should be doing, and calls to it. */
import type { ChildProcess } from 'node:child_process';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createChild, type Child, type ChildChange } from './child.ts';
import type { LinkStats } from './wan.ts';
import type { FromWan, LinkSpec, LinkState, ToWan } from './wan-process.ts';

export interface WanStats {
  readonly links: readonly LinkStats[];
  /** Processor time that the process has used. */
  readonly cpuMs: number;
}

export interface WanHost {
  readonly child: Child;
  /** Resolves once the network behaves so; a process that is being started again starts with it. */
  set(states: readonly LinkState[]): Promise<void>;
  /** Null while the process is not there. */
  stats(): Promise<WanStats | null>;
}

export interface WanHostOptions {
  readonly links: readonly LinkSpec[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly logFile: string;
  readonly onChange: (change: ChildChange) => void;
}

export const WAN = 'wide-area network';

export function createWanHost(options: WanHostOptions): WanHost {
  let specs = options.links;
  let calls = 0;
  let channel: ChildProcess | null = null;
  const waiting = new Map<number, (answer: FromWan | null) => void>();

  const settleAll = (): void => {
    for (const done of waiting.values()) done(null);
    waiting.clear();
  };
  const child = createChild({
    id: WAN,
    args: [fileURLToPath(new URL(`wan-process${extname(import.meta.filename)}`, import.meta.url))],
    env: options.env,
    logFile: options.logFile,
    ipc(process) {
      channel = process;
      process.on('message', (answer: FromWan) => {
        waiting.get(answer.call)?.(answer);
        waiting.delete(answer.call);
      });
      process.send({ kind: 'open', links: specs } satisfies ToWan);
    },
    onChange(change) {
      // A process that went with calls unanswered: the next one is given what they asked for when it starts.
      if (change.kind !== 'listening') {
        channel = null;
        settleAll();
      }
      options.onChange(change);
    },
  });

  function call(make: (call: number) => ToWan): Promise<FromWan | null> {
    return new Promise((resolve) => {
      if (channel === null || !channel.connected) {
        resolve(null);
        return;
      }
      calls += 1;
      waiting.set(calls, resolve);
      channel.send(make(calls));
    });
  }

  return {
    child,
    async set(states) {
      specs = specs.map((spec, i) => ({ ...spec, ...states[i] }));
      await call((n) => ({ kind: 'set', call: n, states }));
    },
    async stats() {
      const answer = await call((n) => ({ kind: 'stats', call: n }));
      return answer?.kind === 'stats' ? { links: answer.links, cpuMs: answer.cpuMs } : null;
    },
  };
}
