/**
 * Probes other sites: the one above at its replicas in turn, and other edge nodes. One probe at a time and at most one a second to each
 * site, on connections of its own that stay open, the sites spread over the second.
 */
import { startLoop, type RoundTrip } from '../shell/index.ts';
import type { Probe } from './core/peers.ts';

/** Between the beginnings of two probes of a site. Milliseconds. */
const PERIOD_MS = 1_000;
/** What has not come back by then is lost. Milliseconds. */
export const PROBE_TIMEOUT_MS = 2_000;

/** A site that is probed, at one of these base URLs after the other. */
export interface ProbeTarget {
  readonly site: string;
  readonly urls: readonly string[];
}

export interface ProberOptions {
  readonly targets: readonly ProbeTarget[];
  readonly open: (url: string) => RoundTrip;
  readonly now: () => number;
  /** 0 to 1, drawn once: nodes that start together do not probe in step. */
  readonly random: number;
  readonly onProbe: (probe: Probe) => void;
}

export interface Prober {
  stop(): Promise<void>;
}

/** The probes of one site, without a timer. */
export interface ProbeSteps {
  /** One probe. @returns how long to wait after it, milliseconds */
  probe(signal: AbortSignal): Promise<number>;
  close(): Promise<void>;
}

export function createProbeSteps({ site, urls }: ProbeTarget, o: Pick<ProberOptions, 'open' | 'now' | 'onProbe'>): ProbeSteps {
  const paths = urls.map((url) => ({ url, line: o.open(`${url.replace(/\/$/, '')}/healthz`) }));
  let turn = 0;
  return {
    async probe(signal) {
      const { url, line } = paths[turn % paths.length]!;
      turn += 1;
      const sentAt = o.now();
      const rttMs = await line.measure(PROBE_TIMEOUT_MS, signal).catch(() => null);
      // Given up because the node stops: that says nothing of the way.
      if (!signal.aborted) o.onProbe({ to: site, path: url, sentAt, rttMs });
      return Math.max(1, PERIOD_MS - (o.now() - sentAt));
    },
    close: async () => void await Promise.all(paths.map(({ line }) => line.close())),
  };
}

/** When the first probe of each of `count` sites is sent, after the start: what was started together has a moment to come up. Milliseconds. */
export const firstProbes = (count: number, random: number): number[] =>
  Array.from({ length: count }, (_, i) => PERIOD_MS + ((i + random) * PERIOD_MS) / count);

export function startProber(o: ProberOptions): Prober {
  const delays = firstProbes(o.targets.length, o.random);
  const each = o.targets.map((target, i) => {
    const steps = createProbeSteps(target, o);
    let delay: number | null = delays[i]!;
    const loop = startLoop(async (signal) => {
      if (delay === null) return steps.probe(signal);
      const first = delay;
      delay = null;
      return first;
    }, () => PERIOD_MS);
    return { steps, loop };
  });
  return {
    async stop() {
      await Promise.all(each.map(({ loop }) => loop.stop()));
      await Promise.all(each.map(({ steps }) => steps.close()));
    },
  };
}
