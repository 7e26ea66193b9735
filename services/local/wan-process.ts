/**
 * The emulated wide-area network as a process of its own: what it costs can be measured apart, and neither a busy
 * supervisor nor a load generator in the same process delays what passes. Driven through Node's channel to the parent.
 */
import { openLink, type Address, type Link, type LinkStats } from './wan.ts';

export interface LinkState {
  readonly oneWayMs: number;
  readonly cut: boolean;
}

export interface LinkSpec extends LinkState {
  readonly id: string;
  readonly listen: Address;
  readonly target: Address;
}

export type ToWan =
  | { readonly kind: 'open'; readonly links: readonly LinkSpec[] }
  /** In the order in which the links were opened. */
  | { readonly kind: 'set'; readonly call: number; readonly states: readonly LinkState[] }
  | { readonly kind: 'stats'; readonly call: number };

export type FromWan =
  | { readonly kind: 'done'; readonly call: number }
  | { readonly kind: 'stats'; readonly call: number; readonly links: readonly LinkStats[]; readonly cpuMs: number };

/** Runs when this file is the program: the parent has a channel to us. */
if (process.send !== undefined && import.meta.main) serve((message) => process.send?.(message));

function serve(send: (message: FromWan) => void): void {
  let links: Link[] = [];
  let states: LinkState[] = [];

  async function open(specs: readonly LinkSpec[]): Promise<void> {
    links = await Promise.all(specs.map((spec) => openLink(spec)));
    states = specs.map(({ oneWayMs, cut }) => ({ oneWayMs, cut }));
    states.forEach((state, i) => {
      if (state.cut) links[i]?.cut();
    });
    process.stdout.write(`listening ${links.length} links\n`);
  }

  function set(wanted: readonly LinkState[]): void {
    wanted.forEach((state, i) => {
      const [link, before] = [links[i], states[i]];
      if (link === undefined || before === undefined) return;
      link.setOneWayMs(state.oneWayMs);
      if (state.cut && !before.cut) link.cut();
      if (!state.cut && before.cut) link.heal();
      states[i] = state;
    });
  }

  async function handle(message: ToWan): Promise<void> {
    if (message.kind === 'open') {
      await open(message.links);
    } else if (message.kind === 'set') {
      set(message.states);
      send({ kind: 'done', call: message.call });
    } else {
      const { user, system } = process.cpuUsage();
      send({ kind: 'stats', call: message.call, links: links.map((l) => l.stats()), cpuMs: (user + system) / 1000 });
    }
  }

  // One after the other: what is set while the links are being opened holds for them.
  let last = Promise.resolve();
  process.on('message', (message: ToWan) => {
    last = last.then(() => handle(message)).catch((error: unknown) => {
      process.stderr.write(`${(error as Error).stack ?? String(error)}\n`);
      process.exit(1);
    });
  });
  process.on('disconnect', () => process.exit(0));
}
