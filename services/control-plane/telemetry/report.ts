/** The SLA report of a month, for people: a page that needs nothing else, and a table for spreadsheets. */
import { budgetWords, percent } from '../core/words.ts';
import type { Incident } from '../incidents/model.ts';

export interface ReportRow {
  readonly sla: string;
  readonly scope: string;
  readonly indicator: string;
  readonly good: string;
  readonly objective: number;
  readonly thresholdMs?: number;
  readonly thresholdRatio?: number;
  readonly events: number;
  readonly goodEvents: number;
  readonly badEvents: number;
  readonly nodes: number;
  readonly attainment: number | null;
  readonly met: boolean | null;
  readonly intervals: readonly { readonly method: string; readonly confidence: number; readonly low: number | null; readonly high: number | null; readonly note?: string | null }[];
  readonly budget: { readonly allowedBadEvents: number; readonly left: number };
}

export interface Report {
  readonly platform: string;
  readonly month: string;
  readonly from: number;
  readonly to: number;
  readonly createdAt: number;
  /** The month is not over. */
  readonly partial: boolean;
  readonly basis: { readonly deltas: number; readonly missing: number; readonly nodes: { readonly expected: number; readonly reporting: number } };
  readonly slas: readonly ReportRow[];
  /** Those that were open at some time of the month: how many, and the first ones. */
  readonly incidents: { readonly total: number; readonly incidents: readonly ReportedIncident[] };
}

/** In one report; the rest is counted. */
export const REPORTED_INCIDENTS_MAX = 2_000;

export type ReportedIncident = Pick<Incident, 'id' | 'kind' | 'sla' | 'scope' | 'severity' | 'openedAt' | 'closedAt' | 'closedBy' | 'note' | 'summary'>;

type Column = readonly [title: string, value: (row: ReportRow, report: Report) => string];

const interval = (method: string, side: 'low' | 'high') => (row: ReportRow): string => {
  const value = row.intervals.find((i) => i.method === method)?.[side];
  return value === null || value === undefined ? '' : String(value);
};
const optional = (value: number | null | undefined): string => (value === null || value === undefined ? '' : String(value));

const COLUMNS: readonly Column[] = [
  ['sla', (r) => r.sla], ['scope', (r) => r.scope], ['indicator', (r) => r.indicator], ['objective', (r) => String(r.objective)],
  ['threshold_ms', (r) => optional(r.thresholdMs)], ['threshold_ratio', (r) => optional(r.thresholdRatio)],
  ['events', (r) => String(r.events)], ['good_events', (r) => String(r.goodEvents)], ['bad_events', (r) => String(r.badEvents)],
  ['nodes', (r) => String(r.nodes)], ['attainment', (r) => optional(r.attainment)], ['met', (r) => (r.met === null ? '' : String(r.met))],
  ['wilson_95_low', interval('wilson', 'low')], ['wilson_95_high', interval('wilson', 'high')],
  ['node_ratio_95_low', interval('node-ratio', 'low')], ['node_ratio_95_high', interval('node-ratio', 'high')],
  ['allowed_bad_events', (r) => String(r.budget.allowedBadEvents)], ['budget_left', (r) => String(r.budget.left)],
  ['incidents', (r, { incidents }) => String(incidents.incidents.filter((i) => i.sla === r.sla && i.scope === r.scope).length)],
];

/** RFC 4180. A cell that a spreadsheet would take for a formula is told to be text. */
function cell(value: string): string {
  const safe = /^[=+\-@\t\r]/.test(value) && !/^-?[0-9.eE+-]+$/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export const reportCsv = (report: Report): string =>
  [COLUMNS.map(([title]) => title), ...report.slas.map((row) => COLUMNS.map(([, value]) => value(row, report)))].map((line) => `${line.map(cell).join(',')}\r\n`).join('');

const escape = (text: string): string => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
const percentOr = (share: number | null | undefined): string => (share === null || share === undefined ? '–' : percent(share, 8));
const minute = (time: number): string => `${new Date(time).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
const day = (time: number): string => new Date(time).toISOString().slice(0, 10);

const STYLE = 'body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:75rem;padding:0 1rem;color:#14181d;background:#fff}'
  + 'table{border-collapse:collapse;width:100%}th,td{padding:.4rem .6rem;border-bottom:1px solid #ccd3da;text-align:left;vertical-align:top}'
  + 'td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}.missed{font-weight:700}small{color:#46505a}'
  + 'small{font-weight:400;overflow-wrap:anywhere}'
  + '@media(max-width:75rem){td,th{overflow-wrap:anywhere}thead{position:absolute;clip-path:inset(50%);width:1px;height:1px;overflow:hidden;white-space:nowrap}table,tbody,tr,td,th{display:block}'
  + 'tr{border-bottom:2px solid #6b7681;padding:.6rem 0}th[scope=row],td,td.n{border:0;padding:.15rem 0;text-align:left}td::before{content:attr(data-label) ": ";color:#46505a}}'
  + '@media print{td::before{content:none}}'
  + '@media(prefers-color-scheme:dark){body{color:#e6eaee;background:#14181d}th,td{border-color:#39424c}small,td::before{color:#a9b4bf}}';

/** The style's hash is in the page's Content-Security-Policy: nothing else on it runs or loads. */
export const REPORT_STYLE = STYLE;

export function reportHtml(r: Report): string {
  const notes: string[] = [];
  /** @returns its number: the same words stand in the page once */
  const noteOf = (note: string): number => {
    if (!notes.includes(note)) notes.push(note);
    return notes.indexOf(note) + 1;
  };
  const sure = (row: ReportRow, method: string): string => {
    const i = row.intervals.find((x) => x.method === method);
    if (i === undefined || i.low === null) return '–';
    return `${percentOr(i.low)} to ${percentOr(i.high)}${i.note === undefined || i.note === null ? '' : ` <sup>${noteOf(i.note)}</sup>`}`;
  };
  const td = (label: string, value: string | number, css = 'n'): string => `<td${css === '' ? '' : ` class="${css}"`} data-label="${escape(label)}">${value}</td>`;
  const rows = r.slas.map((row) => `<tr><th scope="row">${escape(row.sla)}<br><small>${escape(row.good)}</small></th>`
    + td('Scope', escape(row.scope), '') + td('Objective', percentOr(row.objective)) + td('Attained', percentOr(row.attainment))
    + td('Result', row.met === null ? 'nothing measured' : row.met ? 'met' : 'missed', row.met === false ? 'missed' : '')
    + td('Good', row.goodEvents) + td('Bad', row.badEvents) + td('All', row.events) + td('Nodes', row.nodes)
    + td('95% interval, events alike', sure(row, 'wilson'), '') + td('95% interval, nodes differ', sure(row, 'node-ratio'), '')
    + td('Budget', row.events === 0 ? '–' : budgetWords(row.budget.left), '')).map((row) => `${row}</tr>`).join('\n');
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>SLA report ${escape(r.month)}, ${escape(r.platform)}</title><style>${STYLE}</style></head><body>
<h1>SLA report ${escape(r.month)}</h1>
<p>${escape(r.platform)}, ${day(r.from)} to ${day(r.to - 1)} (UTC)${r.partial ? '; <strong>the month is not over</strong>' : ''}. Made ${escape(new Date(r.createdAt).toISOString())}.</p>
<p>These figures stand on ${r.basis.deltas} signed telemetry deltas of ${r.basis.nodes.reporting} of ${r.basis.nodes.expected} edge nodes; ${r.basis.missing} deltas are missing.</p>
<table><thead><tr><th scope="col">SLA, and what is good</th><th scope="col">Scope</th><th scope="col" class="n">Objective</th><th scope="col" class="n">Attained</th><th scope="col">Result</th>
<th scope="col" class="n">Good</th><th scope="col" class="n">Bad</th><th scope="col" class="n">All</th><th scope="col" class="n">Nodes</th>
<th scope="col">95% interval, events alike (Wilson)</th><th scope="col">95% interval, nodes differ (node ratio)</th><th scope="col">Budget</th></tr></thead>
<tbody>
${rows}
</tbody></table>
${notes.length === 0 ? '' : `<ol>${notes.map((note) => `<li><small>${escape(note)}</small></li>`).join('')}</ol>\n`}${incidentsHtml(r.incidents)}</body></html>
`;
}

function incidentsHtml({ total, incidents }: Report['incidents']): string {
  if (total === 0) return '<h2>Incidents</h2>\n<p>None was open in this month.</p>\n';
  const rows = incidents.map((i) => `<tr><td data-label="Opened">${minute(i.openedAt)}</td><td data-label="Closed">${i.closedAt === null ? 'not yet' : `${minute(i.closedAt)}${i.closedBy === 'operator' ? ', by hand' : ''}`}</td>`
    + `<td data-label="Severity">${escape(i.severity)}</td><td data-label="Scope">${escape(i.scope)}</td>`
    + `<td data-label="What">${escape(i.summary)}${i.note === null ? '' : `<br><small>${escape(i.note)}</small>`}</td><td data-label="Id"><small>${escape(i.id)}</small></td></tr>`).join('\n');
  const left = total === incidents.length ? '' : `<p>${total - incidents.length} more are not shown here; <code>/v1/incidents?state=all</code> has them.</p>\n`;
  return `<h2>Incidents</h2>
<table><thead><tr><th scope="col">Opened</th><th scope="col">Closed</th><th scope="col">Severity</th><th scope="col">Scope</th><th scope="col">What</th><th scope="col">Id</th></tr></thead>
<tbody>
${rows}
</tbody></table>
${left}`;
}
