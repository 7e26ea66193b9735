/** Figures with what they stand on, the same on every page. */
import { pathOf } from '../../pages.ts';
import { percent, range } from '../format.ts';
import { Link } from '../router.tsx';
import type { Interval } from '../telemetry-shapes.ts';

/** The confidence intervals of a figure, each with its method. */
export const Intervals = ({ of, show }: { of: { readonly intervals: readonly Interval[] }; show: (n: number) => string }) => (
  <>{of.intervals.map((i) => <span class="range" key={i.method}>{i.confidence === null ? '' : `${percent(i.confidence, 0)}: `}{range(i.low, i.high, show)} ({i.method})</span>)}</>
);

/** Intervals by what they are of: `p95`. */
export type Noted = readonly (readonly [of: string, intervals: readonly Interval[]])[];

/** What has to be said beside intervals, each thing once, with the methods and figures that it is about. */
export function Notes({ of }: { of: Noted }) {
  const figures = new Set(of.map(([name]) => name));
  const about = new Map<string, Map<string, Set<string>>>();
  for (const [name, intervals] of of) {
    for (const { method, note } of intervals) {
      if (note === null) continue;
      const methods = about.get(note) ?? new Map<string, Set<string>>();
      about.set(note, methods.set(method, (methods.get(method) ?? new Set()).add(name)));
    }
  }
  if (about.size === 0) return null;
  const words = (method: string, names: ReadonlySet<string>): string => (names.size === figures.size ? method : `${method} of ${[...names].join(', ')}`);
  return (
    <ul class="notes" aria-label="About the intervals">
      {[...about].map(([note, methods]) => <li key={note}><strong>{[...methods].map(([method, names]) => words(method, names)).join('; ')}:</strong> {note}</li>)}
    </ul>
  );
}

/** `global`, or the page of a region or a site. */
export function ScopeLink({ scope }: { scope: string }) {
  const [kind, id = ''] = scope.split(/:(.*)/s, 2);
  return kind === 'region' ? <Link to={pathOf('region', id)}>{id}</Link> : kind === 'site' ? <Link to={pathOf('site', id)}>{id}</Link> : <>{scope}</>;
}
