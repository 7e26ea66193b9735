/** Figures with what they stand on, the same on every page. */
import { pathOf } from '../../pages.ts';
import { percent, range } from '../format.ts';
import { Link } from '../router.tsx';
import type { Interval } from '../telemetry-shapes.ts';

/** The confidence intervals of a figure, each with its method. */
export const Intervals = ({ of, show }: { of: { readonly intervals: readonly Interval[] }; show: (n: number) => string }) => (
  <>{of.intervals.map((i) => <span class="range" key={i.method}>{i.confidence === null ? '' : `${percent(i.confidence, 0)}: `}{range(i.low, i.high, show)} ({i.method})</span>)}</>
);

/** `global`, or the page of a region or a site. */
export function ScopeLink({ scope }: { scope: string }) {
  const [kind, id = ''] = scope.split(/:(.*)/s, 2);
  return kind === 'region' ? <Link to={pathOf('region', id)}>{id}</Link> : kind === 'site' ? <Link to={pathOf('site', id)}>{id}</Link> : <>{scope}</>;
}
