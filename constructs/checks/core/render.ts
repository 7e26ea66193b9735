/** The evidence report and the list of rules for people: Markdown, and CSV for spreadsheets. */
import { controlsText } from './controls.ts';
import { groupBy } from './group.ts';
import type { Evidence } from './evidence.ts';
import type { Rule } from './model.ts';

/** A cell of a Markdown table: text that is no markup, on one line. */
const cell = (text: string): string => text.replace(/\s+/g, ' ').replace(/[\\|<>`*_[\]$]/g, (c) => `\\${c}`);
/** Prose with code words, as rules are written. */
const prose = (text: string): string => text.replaceAll('|', '\\|');
const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [row(head), row(head.map(() => '---')), ...rows.map(row)].join('\n');

export function evidenceMarkdown(evidence: Evidence): string {
  const { input, summary } = evidence;
  const open = evidence.rules
    .flatMap((rule) =>
      rule.findings.map((f) => [rule.id, rule.severity, cell(f.path), cell(f.address), cell(f.message), cell(f.value ?? '')]),
    )
    .concat(evidence.other.map((f) => [f.rule, f.severity, cell(f.path), cell(f.address), cell(f.message), cell(f.value ?? '')]));
  const quiet = evidence.rules.flatMap((rule) =>
    rule.suppressions.map((s) => [rule.id, cell(s.address), cell(s.message), cell(s.suppressedAt), cell(s.reason)]),
  );
  return [
    '# Evidence of checks',
    `${evidence.tool.name} ${evidence.tool.version}${evidence.at === undefined ? '' : `, ${evidence.at}`}; form ${evidence.schema}.`,
    `Judged: ${input.stacks.length} stacks, SHA-256 \`${input.sha256}\`. ${summary.passed} judgements passed, ${summary.findings} findings `
      + `(${summary.high} high, ${summary.medium} medium, ${summary.low} low), ${summary.suppressed} suppressed with a reason.`,
    '## Stacks',
    table(
      ['stack', 'resources', 'SHA-256'],
      input.stacks.map((s) => [cell(s.name), String(s.resources), `\`${s.sha256}\``]),
    ),
    ...(evidence.notSeen.length === 0 ? [] : [`Not seen, and so not judged: ${evidence.notSeen.map(cell).join(', ')}.`]),
    '## Controls',
    table(
      ['framework', 'control', 'title', 'status', 'rules'],
      evidence.controls.map((c) => [c.framework, c.control, cell(c.title), c.status, c.rules.join(', ')]),
    ),
    '## Rules',
    table(
      ['rule', 'what must hold', 'severity', 'status', 'judged', 'passed', 'failed', 'suppressed'],
      evidence.rules.map((r) => [
        r.id,
        prose(r.what),
        r.severity,
        r.status,
        ...[r.evaluated, r.passed, r.failed, r.suppressed].map(String),
      ]),
    ),
    '## Findings',
    open.length === 0 ? 'None.' : table(['rule', 'severity', 'path', 'resource', 'what', 'value'], open),
    '## Suppressed',
    quiet.length === 0 ? 'None.' : table(['rule', 'resource', 'what', 'suppressed at', 'reason'], quiet),
    '',
  ].join('\n\n');
}

/** A spreadsheet takes a cell that begins so for a formula. */
const FORMULA = /^[=+\-@\t\r]/;
const csvCell = (text: string): string => {
  const safe = FORMULA.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
};

/** One line for each finding and suppression, and one for each rule without any (RFC 4180). */
export function evidenceCsv(evidence: Evidence): string {
  const head = ['rule', 'severity', 'status', 'stack', 'path', 'resource', 'what', 'value', 'reason', 'controls'];
  const lines = evidence.rules.flatMap((rule) => {
    const controls = rule.controls.map((c) => `${c.framework} ${c.control}`).join('; ');
    const found = [
      ...rule.findings.map((f) => ['failed', f.stack, f.path, f.address, f.message, f.value ?? '', '']),
      ...rule.suppressions.map((s) => ['suppressed', s.stack, s.path, s.address, s.message, s.value ?? '', s.reason]),
    ];
    const all = found.length === 0 ? [[rule.status, '', '', '', rule.what, '', '']] : found;
    return all.map((cells) => [rule.id, rule.severity, ...cells, controls]);
  });
  const other = evidence.other.map((f) => [
    f.rule,
    f.severity,
    'failed',
    f.stack,
    f.path,
    f.address,
    f.message,
    f.value ?? '',
    '',
    '',
  ]);
  return [head, ...lines, ...other].map((cells) => `${cells.map(csvCell).join(',')}\r\n`).join('');
}

/** docs/checks.md, between its markers. */
export const rulesMarkdown = (rules: readonly Rule[]): string =>
  [...groupBy(rules, (rule) => rule.id.split('-')[1]!)]
    .map(([group, own]) =>
      [
        `### TM-${group}`,
        table(
          ['rule', 'what must hold, and why', 'how to mend it', 'severity', 'controls'],
          own.map((rule) => [
            rule.id,
            `${prose(rule.what)} ${prose(rule.why)}`,
            prose(rule.fix),
            rule.severity,
            controlsText(rule.controls),
          ]),
        ),
      ].join('\n\n'),
    )
    .join('\n\n');
