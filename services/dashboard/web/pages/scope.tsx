/** A region or a site: its figures now, over a window and over time, and one click away the raw deltas that they stand on. */
import { useMemo, useState } from 'preact/hooks';
import { PAGES, pathOf } from '../../pages.ts';
import { useAsked } from '../client.tsx';
import { clock, count, duration, percent, perSecond, plural, time } from '../format.ts';
import { useLive } from '../live.tsx';
import { useMoney } from '../money.tsx';
import { Chart, type Line } from '../parts/chart.tsx';
import { Intervals, Notes } from '../parts/figures.tsx';
import { PeeringMatrix } from '../parts/peering.tsx';
import { Await, Loading, Note } from '../parts/states.tsx';
import { Table, type Column } from '../parts/table.tsx';
import { Link, useChoice } from '../router.tsx';
import {
  AGES, QUANTILES, readIndicators, readSeries, STAGES, type Figure, type Indicators, type Interval, type LiveSite, type Point, type Share,
} from '../telemetry-shapes.ts';
import { Deltas } from './deltas.tsx';

const WINDOWS = [['5m', '5 minutes'], ['1h', '1 hour'], ['24h', '24 hours'], ['30d', '30 days']] as const;

const SCALES = [['linear', 'Linear'], ['log', 'Logarithmic']] as const;

export function ScopePage({ scope }: { scope: string }) {
  const [window, setWindow] = useChoice('window', WINDOWS.map(([value]) => value), '1h');
  const [stage, setStage] = useChoice('lag', STAGES.map(([value]) => value), 'whole');
  const [scale, setScale] = useChoice('scale', SCALES.map(([value]) => value), 'linear');
  const [raw, setRaw] = useState(false);
  const fileName = scope.replace(':', '-');
  const indicators = useAsked(`/v1/telemetry/indicators?scope=${encodeURIComponent(scope)}&window=${window}`, readIndicators, 10_000);
  const series = useAsked(`/v1/telemetry/series?scope=${encodeURIComponent(scope)}&window=${window}`, readSeries, 10_000);
  // All that is asked for is chosen here, except for the name in the address.
  if (indicators.data === null && indicators.failure?.status === 400) {
    return <Note title={`There is no such ${scope.split(':', 1)[0]}`} error>{indicators.failure.detail}. <Link to={PAGES.overview}>To all that there are</Link></Note>;
  }
  const rawButton = <div class="actions"><button type="button" aria-expanded={raw} onClick={() => setRaw(!raw)}>{raw ? 'Hide the raw deltas' : 'Show the raw deltas behind these figures'}</button></div>;
  return (
    <>
      <form class="row" onSubmit={(e) => e.preventDefault()}>
        <label>Window<select value={window} onChange={(e) => setWindow(e.currentTarget.value)}>{WINDOWS.map(([value, name]) => <option key={value} value={value}>{name}</option>)}</select></label>
        <label>Lag in the chart<select value={stage} onChange={(e) => setStage(e.currentTarget.value)}>{STAGES.map(([value, name]) => <option key={value} value={value}>{name}</option>)}</select></label>
        <label>Scale of lag<select value={scale} onChange={(e) => setScale(e.currentTarget.value)}>{SCALES.map(([value, name]) => <option key={value} value={value}>{name}</option>)}</select></label>
      </form>
      <Now scope={scope} />
      <section class="panel" aria-labelledby="lag-series">
        <h2 id="lag-series">Lag over time: {STAGES.find(([s]) => s === stage)![1].toLowerCase()}</h2>
        <Await asked={series} what="figures over time">{(points) => (points.every((p) => p.lag[stage]!.count === 0)
          ? <Note title="Nothing settled in this window">The chart starts with the first settlement.</Note> : <LagChart points={points} stage={stage} isLog={scale === 'log'} name={`${fileName}-lag-${stage}-${window}`} />)}
        </Await>
        {rawButton}
        {!raw ? null : indicators.data === null ? <Loading what="raw deltas" /> : <Deltas scope={scope} from={indicators.data.from} to={indicators.data.to} key={window} />}
      </section>
      {series.data === null || series.data.length < 2 ? null : <Rates points={series.data} name={`${fileName}-${window}`} />}
      <section class="panel" aria-labelledby="figures">
        <h2 id="figures">Lag by stage</h2>
        <Await asked={indicators} what="figures of this window">{(f) => <Lag figures={f} name={`${fileName}-lag-${window}`} />}</Await>
      </section>
      {indicators.data === null ? null : <Rest figures={indicators.data} name={`${fileName}-${window}`} />}
    </>
  );
}

const NOW_COLUMNS: readonly Column<LiveSite>[] = [
  { name: 'Site', show: (s) => <Link to={pathOf('site', s.id)}>{s.id}</Link>, value: (s) => s.id },
  { name: 'State', show: (s) => <>{s.state}{s.isLate && s.contactAt !== null ? <span class="range warn">not heard since {clock(s.contactAt)}</span> : null}</>, value: (s) => s.state },
  { name: 'Throughput', csvName: 'settlements per second', number: true, show: (s) => perSecond(s.throughput), value: (s) => s.throughput },
  { name: 'Provisional now', csvName: 'provisional', number: true, show: (s) => count(s.provisional), value: (s) => s.provisional },
  { name: 'Share provisional', csvName: 'provisional ratio', number: true, show: (s) => percent(s.provisionalRatio, 1), value: (s) => s.provisionalRatio },
  { name: 'Oldest provisional', csvName: 'oldest provisional (ms)', number: true, show: (s) => duration(s.provisionalAgeMs), value: (s) => s.provisionalAgeMs },
  { name: 'Queued', number: true, show: (s) => count(s.queued), value: (s) => s.queued },
];

function Now({ scope }: { scope: string }) {
  const { live, mode } = useLive();
  const [kind, id] = scope.split(':');
  const sites = live?.sites.filter((s) => (kind === 'site' ? s.id === id : s.region === id)) ?? [];
  return (
    <section class="panel" aria-labelledby="now">
      <h2 id="now">Right now: provisional states and queues</h2>
      {sites.length === 0
        ? <Note title={live === null ? 'No live feed' : 'Nothing heard of it'}>{live === null ? (mode === 'connecting' ? 'Connecting…' : 'This control plane does not send live figures.') : 'No site of this name has reported.'}</Note>
        : (
          <>
            <Table caption={`As of ${time(live!.at)}`} columns={NOW_COLUMNS} rows={sites} rowKey={(s) => s.id} name={`${scope.replace(':', '-')}-now`} />
            <Ages sites={sites} name={`${scope.replace(':', '-')}-provisional-ages`} />
          </>
        )}
    </section>
  );
}

/** How old what is provisional is: the sum over the sites. What is not told is not guessed. */
function Ages({ sites, name }: { sites: readonly LiveSite[]; name: string }) {
  const telling = sites.filter((s) => s.byAge !== null || s.provisional === 0);
  const counts = AGES.map((_age, i) => telling.reduce((sum, s) => sum + (s.byAge?.[i] ?? 0), 0));
  const all = counts.reduce((sum, n) => sum + n, 0);
  const caption = `${plural(all, 'settlement')} provisional${telling.length < sites.length ? `, as far as ${telling.length} of ${plural(sites.length, 'site')} tell` : ''}, by age`;
  const columns: readonly Column<readonly number[]>[] = [
    { name: 'Age', show: () => 'Settlements', value: () => 'settlements' },
    ...AGES.map((age, i): Column<readonly number[]> => ({ name: age, number: true, value: (n) => n[i], show: (n) => <>{count(n[i])}<span class="range">{all === 0 ? '' : percent(n[i]! / all, 0)}</span></> })),
  ];
  return <Table caption={caption} name={name} columns={columns} rows={[counts]} rowKey={() => 'all'} />;
}

/** The interval that a chart's band shows. A side that too few events bound is left open, so there is no band. */
const band = (figure: Figure): Interval | undefined => figure.intervals.find((i) => i.low !== null && i.high !== null);

function LagChart({ points, stage, name, isLog }: { points: readonly Point[]; stage: string; name: string; isLog: boolean }) {
  const at = useMemo(() => points.map((p) => p.at), [points]);
  const lines = useMemo(() => QUANTILES.map((q): Line => ({
    label: q, values: points.map((p) => p.lag[stage]!.quantiles[q].value),
    low: points.map((p) => band(p.lag[stage]!.quantiles[q])?.low ?? null), high: points.map((p) => band(p.lag[stage]!.quantiles[q])?.high ?? null),
  })), [points, stage]);
  return <Chart title="Lag percentiles over time" name={name} at={at} lines={lines} show={duration} unit="ms" isLog={isLog} />;
}

function Rates({ points: all, name }: { points: readonly Point[]; name: string }) {
  // The last point's time is not over: what is counted in it would look like a fall.
  const points = useMemo(() => all.slice(0, -1), [all]);
  const at = useMemo(() => points.map((p) => p.at), [points]);
  const throughput = useMemo((): Line[] => [{ label: 'settlements per second', values: points.map((p) => p.throughput) }], [points]);
  const oldest = useMemo((): Line[] => [{ label: 'oldest provisional', values: points.map((p) => p.provisionalAgeMs) }], [points]);
  const ratio = useMemo((): Line[] => [{ label: 'share provisional', values: points.map((p) => p.provisionalRatio) }], [points]);
  return (
    <div class="columns narrow">
      <section class="panel" aria-labelledby="throughput"><h2 id="throughput">Throughput</h2><Chart title="Throughput" name={`${name}-throughput`} at={at} lines={throughput} show={perSecond} unit="1/s" /></section>
      <section class="panel" aria-labelledby="ratio"><h2 id="ratio">Share of provisional states</h2><Chart title="Share of provisional states" name={`${name}-provisional`} at={at} lines={ratio} show={(n) => percent(n, 1)} unit="share" /></section>
      <section class="panel" aria-labelledby="oldest"><h2 id="oldest">Oldest provisional settlement</h2><Chart title="Oldest provisional settlement" name={`${name}-oldest-provisional`} at={at} lines={oldest} show={duration} unit="ms" /></section>
    </div>
  );
}

function Lag({ figures: f, name }: { figures: Indicators; name: string }) {
  return (
    <>
      <p class="quiet">
        {time(f.from)} to {time(f.to)}; {count(f.nodes.reporting)} of {count(f.nodes.expected)} nodes reported, {plural(f.deltas, 'delta')}{f.missing === 0 ? ', none missing' : ''}.
      </p>
      {f.nodes.silent.length > 0 ? <Note title={`Silent in this window: ${f.nodes.silent.join(', ')}`}>Their settlements are not in these figures.</Note> : null}
      {f.missing > 0 ? <Note title={`${plural(f.missing, 'delta')} missing`} error>Numbered, and not here yet: these figures may still change.</Note> : null}
      <Table
        caption="Percentiles with the confidence intervals of each method" name={name} rows={f.lag} rowKey={(s) => s.stage} columns={[
          { name: 'Stage', show: (s) => s.title, value: (s) => s.stage },
          { name: 'Settlements', number: true, show: (s) => count(s.count), value: (s) => s.count },
          ...QUANTILES.map((q): Column<Indicators['lag'][number]> => (
            { name: q, csvName: `${q} (ms)`, number: true, value: (s) => s.quantiles[q].value, intervals: (s) => s.quantiles[q].intervals, show: (s) => <>{duration(s.quantiles[q].value)}<Intervals of={s.quantiles[q]} show={duration} /></> })),
        ]}
      />
    </>
  );
}

const SHARE_COLUMNS: readonly Column<Share & { readonly name: string }>[] = [
  { name: 'Share', show: (s) => s.name, value: (s) => s.name },
  { name: 'Value', csvName: 'value (share)', number: true, value: (s) => s.value, intervals: (s) => s.intervals, show: (s) => <>{percent(s.value, 2)}<Intervals of={s} show={(n) => percent(n, 2)} /></> },
  { name: 'Counted', number: true, value: (s) => s.count, show: (s) => count(s.count) },
  { name: 'Of', number: true, value: (s) => s.of, show: (s) => count(s.of) },
];

function Rest({ figures: f, name }: { figures: Indicators; name: string }) {
  const money = useMoney();
  const sum = (list: readonly (readonly [string, string])[]): string => (list.length === 0 ? 'none' : list.map(([asset, amount]) => money(amount, asset)).join(', '));
  const { drift, reconciliation, provisional } = f;
  return (
    <>
      <section class="panel" aria-labelledby="shares">
        <h2 id="shares">Shares</h2>
        <Table caption="Shares with the confidence intervals of each method" columns={SHARE_COLUMNS} rows={f.shares} rowKey={(s) => s.name} name={`${name}-shares`} />
      </section>
      <div class="columns">
        <section class="panel" aria-labelledby="provisional">
          <h2 id="provisional">Provisional states and partitions</h2>
          <dl>
            <dt>Worst share provisional</dt><dd>{percent(provisional.worstRatio, 1)}</dd><dt>Oldest provisional</dt><dd>{duration(provisional.worstAgeMs)}</dd>
            <dt>Partitions reconciled</dt><dd>{count(reconciliation.count)}</dd><dt>Time to reconcile</dt><dd>{duration(reconciliation.quantiles.p50.value)} (p50), {duration(reconciliation.quantiles.p99.value)} (p99)</dd>
          </dl>
        </section>
        <section class="panel" aria-labelledby="drift">
          <h2 id="drift">Cache drift</h2>
          {drift.compared === 0 ? <Note title="Nothing compared in this window">What an edge node believed is compared with the ledger when outcomes arrive.</Note> : (
            <dl>
              <dt>Right</dt><dd>{percent(drift.right?.value ?? null, 3)} of {count(drift.compared)} balances{drift.right === null ? null : <Intervals of={drift.right} show={(n) => percent(n, 3)} />}</dd>
              <dt>Drifted</dt><dd>{count(drift.drifted)}</dd><dt>By</dt><dd>{sum(drift.amounts)}</dd><dt>Reversed</dt><dd>{sum(drift.reversed)}</dd>
              <dt>Relied upon for</dt><dd>{duration(drift.time.quantiles.p50.value)} (p50), {duration(drift.time.quantiles.p99.value)} (p99)</dd>
            </dl>
          )}
          <Notes of={[['right', drift.right?.intervals ?? []]]} />
        </section>
      </div>
      <section class="panel" aria-labelledby="peering">
        <h2 id="peering">Peering</h2>
        {f.peering.length === 0 ? <Note title="No probe in this window">Sites probe the one above them and each other all the time; the first results come with the first telemetry.</Note>
          : <PeeringMatrix pairs={f.peering} of={f.peeringPairs} name={`${name}-peering`} />}
      </section>
    </>
  );
}
