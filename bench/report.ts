/** What the benchmark found, as a table for people, as JSON, and as the generated part of docs/performance.md. */
import type { Spread } from './stats.ts';

export type Unit = 'ms' | '/s' | 'MiB' | 's' | '%';

export interface Figure {
  /** Name of the row, as `--only` takes it. */
  readonly row: string;
  readonly what: string;
  readonly unit: Unit;
  readonly better: 'lower' | 'higher';
  readonly value: Spread;
  /** The number to beat, from the design. */
  readonly target?: number;
  readonly peers?: readonly Measured[];
  readonly note?: string;
}

export interface Measured {
  readonly what: string;
  readonly value: Spread;
}

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly system: string;
  /** Median of a 4 KiB write with fdatasync in the folder that everything was measured in. Milliseconds. */
  readonly syncMs: number;
  /** Load average of the last minute before the run: what else the machine was doing. */
  readonly loadBefore: number;
  /** Scheduling priority that the bench ran with; 0 unless somebody changed it. */
  readonly nice: number;
  /** The folder lies in memory: syncing costs nothing there, and no figure says anything about durability. */
  readonly volatile: boolean;
}

export interface Report {
  readonly date: string;
  readonly command: string;
  readonly seconds: number;
  readonly machine: Machine;
  readonly versions: Readonly<Record<string, string>>;
  readonly figures: readonly Figure[];
  /** What could not be measured, and why. */
  readonly missing: readonly string[];
}

/** How many times as good as the peer, by the medians. */
export const ratio = (f: Figure, peer: Measured): number =>
  (f.better === 'higher' ? f.value.median / peer.value.median : peer.value.median / f.value.median);

/** Whether the median reaches the target; null without one. */
export function met(f: Figure): boolean | null {
  if (f.target === undefined) return null;
  return f.better === 'higher' ? f.value.median >= f.target : f.value.median <= f.target;
}

function number(value: number): string {
  const size = Math.abs(value);
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
  return value.toLocaleString('en-US', { maximumFractionDigits: digits, minimumFractionDigits: digits });
}

const withUnit = (value: number, unit: Unit): string => `${number(value)}${unit === '/s' || unit === '%' ? '' : ' '}${unit}`;

function showSpread(s: Spread, unit: Unit): string {
  return s.repeats === 1 ? withUnit(s.median, unit) : `${withUnit(s.median, unit)} (${number(s.min)} .. ${number(s.max)})`;
}

interface Line {
  readonly row: string;
  readonly what: string;
  readonly ours: string;
  readonly peer: string;
  readonly ratio: string;
  readonly target: string;
}

function showTarget(f: Figure): string {
  if (f.target === undefined) return '';
  return `${f.better === 'higher' ? '>=' : '<='} ${withUnit(f.target, f.unit)}: ${met(f) === true ? 'yes' : 'no'}`;
}

function lines(figures: readonly Figure[]): Line[] {
  let previous = '';
  return figures.flatMap((f) => {
    const own = {
      row: f.row === previous ? '' : f.row,
      what: f.what,
      ours: showSpread(f.value, f.unit),
      target: showTarget(f),
    };
    previous = f.row;
    const peers = (f.peers ?? []).map((p) =>
      ({ peer: `${p.what}: ${showSpread(p.value, f.unit)}`, ratio: `${number(ratio(f, p))}x` }));
    const [first = { peer: '', ratio: '' }, ...more] = peers;
    return [{ ...own, ...first }, ...more.map((p) => ({ row: '', what: '', ours: '', target: '', ...p }))];
  });
}

const HEADINGS: Line = {
  row: 'row', what: 'what', ours: 'Tidemark: median (min .. max)', peer: 'peer', ratio: 'ratio', target: 'target',
};
const COLUMNS = ['row', 'what', 'ours', 'peer', 'ratio', 'target'] as const;

/** For a terminal. */
export function formatTable(report: Report): string {
  const all = [HEADINGS, ...lines(report.figures)];
  const widths = COLUMNS.map((c) => Math.max(...all.map((l) => l[c].length)));
  const text = all.map((l) => COLUMNS.map((c, i) => l[c].padEnd(widths[i]!)).join('  ').trimEnd()).join('\n');
  return [text, ...report.missing.map((m) => `not measured: ${m}`)].join('\n');
}

export const describeMachine = (m: Machine): string =>
  `${m.cores} cores (${m.cpu}), ${number(m.memoryGiB)} GiB of memory, ${m.system}; a 4 KiB write takes ${number(m.syncMs)} ms`
  + ` with fdatasync; load average before the run ${m.loadBefore.toFixed(2)}${m.nice === 0 ? '' : `, run at nice ${m.nice}`}`
  + (m.loadBefore > m.cores / 2 ? '; THE MACHINE WAS BUSY WITH OTHER THINGS: take the figures for a lower bound' : '')
  + (m.volatile ? '; THE FOLDER LIES IN MEMORY: nothing here says anything about durable writes' : '');

/** The generated part of docs/performance.md. */
export function formatMarkdown(report: Report): string {
  const cell = (text: string): string => text.replaceAll('|', '\\|');
  const notes = report.figures.filter((f) => f.note !== undefined);
  return [
    `Measured ${report.date} in ${number(report.seconds)} s by \`${report.command}\` on ${describeMachine(report.machine)}.`,
    `Versions: ${Object.entries(report.versions).map(([name, version]) => `${name} ${version}`).join(', ')}.`,
    '',
    `| ${COLUMNS.map((c) => HEADINGS[c]).join(' | ')} |`,
    `| ${COLUMNS.map((c) => (c === 'ours' || c === 'ratio' ? '---:' : '---')).join(' | ')} |`,
    ...lines(report.figures).map((l) => `| ${COLUMNS.map((c) => cell(l[c])).join(' | ')} |`),
    '',
    'A ratio says how many times as good as the peer, by the medians: above 1x is better, for times as for rates.',
    ...(report.missing.length === 0 ? [] : ['', ...report.missing.map((m) => `- Not measured: ${m}`)]),
    ...(notes.length === 0 ? [] : ['', ...notes.map((f) => `- ${f.row}, ${f.what}: ${f.note}`)]),
  ].join('\n');
}

export const MARK_BEGIN = '<!-- generated by `npm run bench`: begin -->';
export const MARK_END = '<!-- generated by `npm run bench`: end -->';

/** Puts the generated part between its markers. @throws Error when the page does not have each marker once, in order */
export function replaceGenerated(page: string, generated: string): string {
  const begin = page.indexOf(MARK_BEGIN);
  const end = page.indexOf(MARK_END);
  if (begin < 0 || end < begin || page.indexOf(MARK_BEGIN, begin + 1) >= 0 || page.indexOf(MARK_END, end + 1) >= 0) {
    throw new Error(`expected the lines\n  ${MARK_BEGIN}\n  ${MARK_END}\nonce each, in this order`);
  }
  return `${page.slice(0, begin + MARK_BEGIN.length)}\n${generated}\n${page.slice(end)}`;
}
