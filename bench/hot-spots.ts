/** Where a process spent its time, from a CPU profile as V8 writes it (`node --cpu-prof`). */

interface CallFrame {
  readonly functionName: string;
  readonly url: string;
  /** From 0. */
  readonly lineNumber: number;
}

export interface CpuProfile {
  readonly nodes: readonly { readonly id: number; readonly callFrame: CallFrame }[];
  readonly samples: readonly number[];
  /** Microseconds since the sample before. */
  readonly timeDeltas: readonly number[];
}

export interface HotSpots {
  readonly seconds: number;
  readonly busySeconds: number;
  /** In itself, without what it calls; by falling time. */
  readonly spots: readonly { readonly name: string; readonly seconds: number }[];
  /** The program that ran, as far as the profile shows it. */
  readonly program: string;
}

const NOT_BUSY = new Set(['(idle)', '(root)']);

export function hotSpots(profile: CpuProfile): HotSpots {
  const names = new Map(profile.nodes.map((n) => [n.id, nameOf(n.callFrame)]));
  const times = new Map<string, number>();
  let total = 0;
  profile.samples.forEach((id, i) => {
    const took = (profile.timeDeltas[i] ?? 0) / 1e6;
    const name = names.get(id) ?? '?';
    total += took;
    times.set(name, (times.get(name) ?? 0) + took);
  });
  const spots = [...times].filter(([name]) => !NOT_BUSY.has(name)).map(([name, seconds]) => ({ name, seconds }))
    .sort((a, b) => b.seconds - a.seconds);
  const main = profile.nodes.map((n) => n.callFrame.url).find((url) => /services\/[^/]+\/main\.ts$/.test(url));
  return {
    seconds: total, busySeconds: spots.reduce((sum, s) => sum + s.seconds, 0), spots,
    program: main?.replace(/^.*services\/([^/]+)\/main\.ts$/, '$1') ?? 'unknown',
  };
}

function nameOf({ functionName, url, lineNumber }: CallFrame): string {
  const file = url.replace(/^.*\/(services|node_modules)\//, '');
  return file === '' ? functionName || '(anonymous)' : `${functionName || '(anonymous)'} ${file}:${lineNumber + 1}`;
}

export function formatHotSpots(title: string, { seconds, busySeconds, spots, program }: HotSpots, most = 25): string {
  const share = (s: number): string => `${((100 * s) / busySeconds).toFixed(1).padStart(5)}%`;
  const lines = spots.slice(0, most).map((s) => `${share(s.seconds)}  ${s.seconds.toFixed(2).padStart(6)} s  ${s.name}`);
  return [`${program} (${title}): ${busySeconds.toFixed(1)} s busy of ${seconds.toFixed(1)} s`, ...lines].join('\n');
}
