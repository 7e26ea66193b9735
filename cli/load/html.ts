/** The report as one HTML file: no scripts, nothing from elsewhere; plots are SVG, and every plot has its table. */
import { intervalOf, limitOf, type LoadReport } from './report.ts';
import { percent } from './measured.ts';

const esc = (text: string): string => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
const ms = (value: number | null): string => (value === null ? '–' : value >= 100 ? String(Math.round(value)) : value.toFixed(1));

const [WIDTH, HEIGHT, LEFT, BOTTOM] = [760, 220, 56, 28];

interface Line {
  readonly name: string;
  readonly colour: string;
  readonly points: readonly (readonly [number, number | null])[];
}

/** A round number at or above `value`: 1, 2 or 5 times a power of ten. */
function ceiling(value: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1e-9)));
  return [1, 2, 5, 10].map((k) => k * power).find((v) => v >= value)!;
}

function plot(title: string, unit: string, lines: readonly Line[], limit?: { readonly value: number; readonly name: string }): string {
  const xs = lines.flatMap((l) => l.points.map(([x]) => x));
  const ys = lines.flatMap((l) => l.points.flatMap(([, y]) => (y === null ? [] : [y])));
  if (ys.length === 0) return '';
  const right = Math.max(1, ...xs);
  const top = ceiling(Math.max(...ys, limit?.value ?? 0));
  const x = (v: number): number => LEFT + v / right * (WIDTH - LEFT - 8);
  const y = (v: number): number => 8 + (1 - v / top) * (HEIGHT - BOTTOM - 8);
  const path = (points: Line['points']): string => {
    let pen = false;
    return points.map(([px, py]) => {
      const d = py === null ? '' : `${pen ? 'L' : 'M'}${x(px).toFixed(1)} ${y(py).toFixed(1)}`;
      pen = py !== null;
      return d;
    }).join('');
  };
  const grid = [0, 0.25, 0.5, 0.75, 1].map((share) => `<line x1="${LEFT}" x2="${WIDTH - 8}" y1="${y(top * share)}" y2="${y(top * share)}" class="grid"/>`
    + `<text x="${LEFT - 6}" y="${y(top * share) + 4}" text-anchor="end">${Number((top * share).toPrecision(3))}</text>`).join('');
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((share) => `<text x="${x(right * share)}" y="${HEIGHT - 8}" text-anchor="middle">${Math.round(right * share)} s</text>`).join('');
  const drawn = lines.map((l) => `<path d="${path(l.points)}" fill="none" stroke="${l.colour}" stroke-width="1.6"/>`).join('');
  const bar = limit === undefined ? '' : `<line x1="${LEFT}" x2="${WIDTH - 8}" y1="${y(limit.value)}" y2="${y(limit.value)}" class="limit"/><text x="${WIDTH - 10}" y="${y(limit.value) - 4}" text-anchor="end">${esc(limit.name)}</text>`;
  const legend = lines.map((l) => `<span><i style="background:${l.colour}"></i>${esc(l.name)}</span>`).join('');
  return `<figure><figcaption>${esc(title)} (${esc(unit)}) ${legend}</figcaption><svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${esc(title)}">${grid}${ticks}${bar}${drawn}</svg></figure>`;
}

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  `<table><thead><tr>${head.map((h) => `<th scope="col">${esc(h)}</th>`).join('')}</tr></thead><tbody>${rows.map((r) => `<tr>${r.map((c) => `<td>${esc(c)}</td>`).join('')}</tr>`).join('')}</tbody></table>`;

const STYLE = `:root{color-scheme:light dark;--fg:#1b1f24;--bg:#fff;--line:#8883;--bad:#b3261e;--good:#146c2e}
@media(prefers-color-scheme:dark){:root{--fg:#e6e6e6;--bg:#14171a;--bad:#ff8a80;--good:#7ddc94}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--fg);background:var(--bg);max-width:60rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;width:100%;margin:1rem 0;display:block;overflow-x:auto}th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid var(--line)}
.pass{color:var(--good)}.fail{color:var(--bad)}svg{width:100%;height:auto}svg text{font-size:11px;fill:currentColor}.grid{stroke:var(--line)}.limit{stroke:var(--bad);stroke-dasharray:4 3}
figure{margin:1.5rem 0}figcaption span{margin-left:1rem}figcaption i{display:inline-block;width:.8rem;height:.2rem;margin-right:.3rem;vertical-align:middle}`;

export function toHtml(r: LoadReport): string {
  const ack = r.verdicts.find((v) => v.indicator === 'provisional-ack')?.thresholdMs;
  const at = <K extends 'p50' | 'p99' | 'finalP99' | 'sent' | 'failed'>(key: K): Line['points'] => r.timeline.map((s) => [s.at, s[key]] as const);
  const state = r.pass ? '<strong class="pass">passed</strong>' : '<strong class="fail">failed</strong>';
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${esc(r.title)}: ${r.pass ? 'passed' : 'failed'}</title><style>${STYLE}</style>
<h1>${esc(r.title)}: ${state}</h1>
<p>${esc(r.target)}, ${esc(r.started)}, ${r.seconds.toFixed(1)} s, settlements ${r.data === 'generated' ? `generated from seed ${r.seed}` : `of ${esc(r.data)}`}; tidemark ${esc(r.versions.tidemark)}, k6 ${esc(r.versions.k6)}; ${r.machine.cpus} processors (${esc(r.machine.model)}), ${r.machine.memoryGib} GiB.</p>
${r.problems.length === 0 ? '' : `<h2>Problems</h2><ul>${r.problems.map((p) => `<li class="fail">${esc(p)}</li>`).join('')}</ul>`}
<h2>SLAs</h2>
<table><thead><tr>${['SLA', 'Limit', 'Objective', 'Good', '95% interval', 'Samples', 'Last run', 'Verdict'].map((h) => `<th scope="col">${h}</th>`).join('')}</tr></thead><tbody>${r.verdicts.map((v) => {
  const last = r.before?.verdicts.find((b) => b.sla === v.sla)?.measured ?? null;
  return `<tr>${[v.sla, limitOf(v), percent(v.objective), v.measured === null ? '–' : percent(v.measured), `${intervalOf(v)} (${v.interval.method})`, v.samples.toLocaleString('en'), last === null ? '–' : percent(last)]
    .map((c) => `<td>${esc(c)}</td>`).join('')}<td class="${v.pass ? 'pass' : 'fail'}">${v.pass ? 'pass' : esc(`fail: ${v.why ?? ''}`)}</td></tr>`;
}).join('')}</tbody></table>
${r.unjudged.length === 0 ? '' : `<p>Not judged: ${r.unjudged.map((u) => `${esc(u.sla)} (${esc(u.why)})`).join('; ')}.</p>`}
<h2>What clients saw</h2>
${table(['', 'p50 ms', 'p95 ms', 'p99 ms', 'count', 'last p99 ms'], Object.entries(r.client).map(([name, c]) => [name, ms(c.p50), ms(c.p95), ms(c.p99), c.histogram.count.toLocaleString('en'), ms(r.before?.p99[name] ?? null)]))}
${plot('Acknowledgement', 'ms', [{ name: 'p50', colour: '#3b82f6', points: at('p50') }, { name: 'p99', colour: '#d97706', points: at('p99') }], ack === undefined ? undefined : { value: ack, name: `SLA ${ack} ms` })}
${plot('Finality p99', 'ms', [{ name: 'p99', colour: '#7c3aed', points: at('finalP99') }])}
${plot('Settlements', 'per second', [{ name: 'sent', colour: '#059669', points: at('sent') }, { name: 'failed', colour: '#dc2626', points: at('failed') }])}
${r.knee === undefined ? '' : `<h2>The knee</h2><p>${r.knee.rate === null ? 'Not even the lowest rate kept the SLA.' : `The SLA held up to ${r.knee.rate} settlements a second.`} ${{ sla: '', none: 'It held to the end of the ramp; try a higher rate.', generator: 'Above that the load generator could not keep the rate: the site may do more.' }[r.knee.limitedBy]}</p>${table(['rate', 'asked for', 'sent', 'p99 ms', 'good'], r.knee.steps.map((s) => [String(s.rate), Math.round(s.asked).toLocaleString('en'), s.sent.toLocaleString('en'), ms(s.p99), s.good === null ? '–' : percent(s.good)]))}`}
<h2>Clients beside servers</h2>
${table(['quantile', 'clients ms', 'nodes ms', 'network explains ms', ''], r.correlation.acknowledgement.map((a) => [`p${a.quantile * 100}`, ms(a.clientMs), ms(a.serverMs), ms(a.allowedMs), a.agree ? 'agree' : 'disagree']))}
${r.correlation.disagreements.length === 0 ? '' : `<ul>${r.correlation.disagreements.map((d) => `<li>${esc(d)}</li>`).join('')}</ul>`}
<h2>Counts</h2>${table(['', ''], Object.entries(r.counts).map(([k, v]) => [k, v.toLocaleString('en')]))}
<h2>Second by second</h2><details><summary>${r.timeline.length} seconds</summary>${table(['s', 'sent', 'failed', 'p50 ms', 'p99 ms', 'final p99 ms'], r.timeline.map((s) => [String(s.at), String(s.sent), String(s.failed), ms(s.p50), ms(s.p99), ms(s.finalP99)]))}</details>
</html>\n`;
}
