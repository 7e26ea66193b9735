/** A chart over time with interval bands; the table behind it and its download are part of it. uPlot is loaded when first needed. */
import { useEffect, useRef, useState } from 'preact/hooks';
import type uPlot from 'uplot';
import { clock, ticks, time } from '../format.ts';
import { Csv, Table, type Column } from './table.tsx';

export interface Line {
  readonly label: string;
  readonly values: readonly (number | null)[];
  /** Ends of the confidence interval, drawn as a band. */
  readonly low?: readonly (number | null)[];
  readonly high?: readonly (number | null)[];
}

const COLOURS = ['--series-1', '--series-2', '--series-3'] as const;
const colour = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const HEIGHT = 230;

function options(lines: readonly Line[], width: number, show: (n: number) => string, isLog: boolean): uPlot.Options {
  const axis = { stroke: colour('--quiet'), grid: { stroke: colour('--line'), width: 1 }, ticks: { stroke: colour('--line') }, font: '12px system-ui' };
  const bands: uPlot.Band[] = [];
  const series: uPlot.Series[] = [{}];
  for (const [i, line] of lines.entries()) {
    const stroke = colour(COLOURS[i % COLOURS.length]!);
    series.push({ label: line.label, stroke, width: 1.75, spanGaps: false });
    if (line.low === undefined) continue;
    series.push({ stroke: 'transparent', points: { show: false } }, { stroke: 'transparent', points: { show: false } });
    bands.push({ series: [series.length - 1, series.length - 2], fill: `${stroke}33` });
  }
  return {
    // To the right there is room for half of the last time on the axis.
    width, height: HEIGHT, padding: [8, 36, 0, 0], series, bands, legend: { show: false }, cursor: { drag: { x: false, y: false } },
    // Ticks lie on whole hours and days of UTC: uPlot asks for the parts of local time.
    tzDate: (seconds) => new Date(seconds * 1_000 + new Date(seconds * 1_000).getTimezoneOffset() * 60_000),
    scales: { y: isLog ? { distr: 3, log: 10 } : { range: (_u, _min, max) => [0, max > 0 ? max * 1.08 : 1] } },
    axes: [{ ...axis, space: 70, values: (_u, at) => ticks(at.map((seconds) => seconds * 1_000)) }, { ...axis, size: 74, values: (_u, at: readonly (number | null)[]) => at.map((v) => (v === null ? '' : show(v))) }],
  };
}

interface Row { readonly at: number; readonly values: readonly (number | null)[] }

/**
 * @param at milliseconds since 1970, rising
 * @param show how a value looks @param unit of the values in the download
 * @param isLog each tenfold as high as the one before, so that one outage does not flatten all else; there, 0 is not drawn
 */
export function Chart({ title, name, at, lines, show, unit, isLog = false }: {
  title: string; name: string; at: readonly number[]; lines: readonly Line[]; show: (n: number) => string; unit: string; isLog?: boolean;
}) {
  const place = useRef<HTMLDivElement>(null);
  const [theme, setTheme] = useState(document.documentElement.dataset['theme']);
  useEffect(() => {
    const watcher = new MutationObserver(() => setTheme(document.documentElement.dataset['theme']));
    watcher.observe(document.documentElement, { attributeFilter: ['data-theme'] });
    return () => watcher.disconnect();
  }, []);
  useEffect(() => {
    const element = place.current;
    if (element === null) return undefined;
    let plot: uPlot | null = null;
    let gone = false;
    const resized = new ResizeObserver(() => plot?.setSize({ width: element.clientWidth, height: HEIGHT }));
    void import('uplot').then(({ default: Plot }) => {
      if (gone) return;
      const drawn = (values: readonly (number | null)[]) => (isLog ? values.map((v) => (v !== null && v > 0 ? v : null)) : values);
      const data = [at.map((ms) => ms / 1_000), ...lines.flatMap((l) => (l.low === undefined ? [l.values] : [l.values, l.low, l.high ?? []])).map(drawn)];
      plot = new Plot(options(lines, element.clientWidth, show, isLog), data as unknown as uPlot.AlignedData, element);
      resized.observe(element);
    });
    return () => {
      gone = true;
      resized.disconnect();
      plot?.destroy();
    };
  }, [at, lines, theme, isLog]);

  const parts = lines.flatMap((l) => [
    { name: l.label, values: l.values }, ...(l.low === undefined ? [] : [{ name: `${l.label} low`, values: l.low }, { name: `${l.label} high`, values: l.high ?? [] }]),
  ]);
  const rows = at.map((ms, i): Row => ({ at: ms, values: parts.map((p) => p.values[i] ?? null) }));
  const columns: Column<Row>[] = [
    { name: 'Time', show: (r) => time(r.at), value: (r) => new Date(r.at).toISOString() },
    ...parts.map((p, i): Column<Row> => ({
      name: p.name, csvName: `${p.name} (${unit})`, number: true, value: (r) => r.values[i], show: (r) => (r.values[i] == null ? '–' : show(r.values[i])),
    })),
  ];
  const last = lines.map((l) => `${l.label} ${l.values.findLast((v) => v !== null) == null ? 'none' : show(l.values.findLast((v) => v !== null)!)}`).join(', ');
  const span = at.length === 0 ? '' : `, ${clock(at[0]!)} to ${clock(at.at(-1)!)}`;
  return (
    <figure style={{ margin: 0 }}>
      <ul class="legend" aria-hidden="true">{lines.map((l, i) => <li key={l.label} class={`s${(i % 3) + 1}`}>{l.label}</li>)}{lines.some((l) => l.low !== undefined) ? <li>bands: 95 % intervals of this traffic (order-statistic)</li> : null}</ul>
      <div class="chart" ref={place} role="img" aria-label={`${title}${span}. Latest: ${last}. The figures are in the table below.`} />
      <details>
        <summary>Table: {title}</summary>
        <Table caption={title} columns={columns} rows={rows} rowKey={(r) => String(r.at)} />
      </details>
      <div class="actions"><Csv name={name} columns={columns} rows={rows} /></div>
    </figure>
  );
}
