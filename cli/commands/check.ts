/** `tidemark check`: the rule pack over the stacks of a config, or over a folder that was synthesized before. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, extname, join, resolve } from 'node:path';
import type { Command } from 'commander';
import type * as Checks from '../../constructs/checks/core/index.ts';
import type { ReadStacks } from '../../constructs/checks/folder.ts';
import { deployed, loadPlatform } from '../../platform/index.ts';
import { CONFIG_FILE } from '../config-file.ts';
import { CliError, EXIT } from '../errors.ts';
import { counted, table, withJson, type Io } from '../io.ts';
import type { Ending } from '../program.ts';
import { version } from '../version.ts';

interface CheckOptions {
  readonly config: string;
  readonly out?: string;
  readonly at?: string;
  readonly rules?: boolean;
  readonly json?: boolean;
}

type Core = typeof Checks;

/** Findings of one rule that are listed; one mistake in a construct is one finding for each of a thousand sites. */
const SHOWN_MAX = 20;
const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/;

export function addCheck(program: Command, io: Io, ending: Ending): void {
  withJson(
    program
      .command('check')
      .description('judge the stacks by the rules for encryption, public reach, permissions, logs, backups, ... (docs/checks.md)')
      .argument(
        '[folder]',
        'a synthesized folder (cdktf.out), or one stack; left out: the stacks of the config, as they would be synthesized',
      )
      .option(
        '--config <file>',
        'the definition of the deployment (or set TIDEMARK_CONFIG)',
        io.env['TIDEMARK_CONFIG'] ?? CONFIG_FILE,
      )
      .option('--out <file>', 'write the evidence for a reviewer: .json, .md or .csv')
      .option('--at <time>', 'time to put into the evidence (RFC 3339); without it the same input gives the same file')
      .option('--rules', 'list the rules and judge nothing'),
    [
      'tidemark check',
      'tidemark check --json',
      'tidemark check cdktf.out --out evidence.json',
      'tidemark check --config examples/pilot.config.ts',
      'tidemark check --rules',
    ],
  ).action(async (folder: string | undefined, options: CheckOptions, command: Command) => {
    const core = await import('../../constructs/checks/core/index.ts');
    if (options.rules === true) {
      listRules(core, options, io);
      return;
    }
    const write = evidenceWriter(core, options);
    if (folder !== undefined && command.getOptionValueSource('config') === 'cli') {
      throw new CliError(EXIT.usage, 'usage', `give a folder or --config, not both: got ${folder} and ${options.config}`);
    }
    const { stacks, evaluation } = await judged(
      core,
      folder === undefined ? () => synthesized(options.config) : async () => (await reader())(folder),
    );
    const { digestOfAll } = await import('../../constructs/checks/digest.ts');
    write(
      core.evidenceOf({
        evaluation,
        digests: stacks.digests,
        digest: digestOfAll(stacks.digests),
        tool: { name: 'tidemark', version },
        ...(options.at === undefined ? {} : { at: options.at }),
      }),
    );
    if (evaluation.findings.length > 0) ending.code = EXIT.failed;
    if (options.json === true) {
      const fixes = new Map(core.RULES.map((rule) => [rule.id, rule.fix]));
      const { suppressed, passed } = evaluation;
      io.out(
        JSON.stringify({ findings: evaluation.findings.map((f) => ({ ...f, fix: fixes.get(f.rule) })), suppressed, passed }),
      );
      return;
    }
    show(core, evaluation, io);
  });
}

const reader = async (): Promise<(path: string) => ReadStacks> => (await import('../../constructs/checks/folder.ts')).readStacks;

/** Input that cannot be judged is a mistake in usage. */
async function judged(
  core: Core,
  read: () => Promise<ReadStacks>,
): Promise<{ stacks: ReadStacks; evaluation: Checks.Evaluation }> {
  try {
    const stacks = await read();
    return { stacks, evaluation: core.evaluate(stacks.trees) };
  } catch (error) {
    if (error instanceof core.ChecksError) throw new CliError(EXIT.usage, 'checks', error.message);
    throw error;
  }
}

/** The config's stacks as `tidemark synth` writes them, in a folder that is gone afterwards. Nothing beside the config is changed. */
async function synthesized(config: string): Promise<ReadStacks> {
  const platform = await loadPlatform(config);
  const { loadLocks } = await import('../../stacks/locks.ts');
  const { buildApp } = await import('../../stacks/app.ts');
  const locks = loadLocks(dirname(resolve(config)), deployed(platform));
  const outdir = mkdtempSync(join(tmpdir(), 'tidemark-check-'));
  try {
    buildApp(platform, { outdir, addresses: locks.addresses, images: locks.images, authorities: locks.authorities }).synth();
    return (await reader())(outdir);
  } finally {
    rmSync(outdir, { recursive: true, force: true });
  }
}

/** Checked before anything is judged, so that a wrong name is told at once. */
function evidenceWriter(core: Core, { out, at }: CheckOptions): (evidence: Checks.Evidence) => void {
  if (at !== undefined && (!RFC3339.test(at) || Number.isNaN(Date.parse(at)))) {
    throw new CliError(EXIT.usage, 'usage', `--at ${at}: expected a time such as 2026-01-31T12:00:00Z`);
  }
  if (out === undefined) return () => undefined;
  const forms: Readonly<Record<string, (evidence: Checks.Evidence) => string>> = {
    '.json': (evidence) => `${JSON.stringify(evidence, null, 2)}\n`,
    '.md': core.evidenceMarkdown,
    '.csv': core.evidenceCsv,
  };
  const render = forms[extname(out).toLowerCase()];
  if (render === undefined)
    throw new CliError(EXIT.usage, 'usage', `--out ${out}: expected a name that ends with ${Object.keys(forms).join(', ')}`);
  return (evidence) => {
    try {
      writeFileSync(out, render(evidence));
    } catch (error) {
      throw new CliError(EXIT.usage, 'usage', `--out ${out}: ${(error as Error).message}`);
    }
  };
}

function listRules({ RULES, controlReferences }: Core, options: CheckOptions, io: Io): void {
  if (options.json === true) {
    io.out(
      JSON.stringify(
        RULES.map(({ id, severity, what, why, fix, types, controls }) => ({
          id,
          severity,
          what,
          why,
          fix,
          types,
          controls: controlReferences(controls),
        })),
      ),
    );
    return;
  }
  io.out(table([['RULE', 'SEVERITY', 'WHAT MUST HOLD'], ...RULES.map((rule) => [rule.id, rule.severity, rule.what])]));
  io.out(`${counted(RULES.length, 'rule')}; why, how to mend and controls: docs/checks.md, or --json`);
}

function show(core: Core, evaluation: Checks.Evaluation, io: Io): void {
  const { RULES, SEVERITIES } = core;
  const byRule = Map.groupBy(evaluation.findings, (finding) => finding.rule);
  const rank = (findings: readonly Checks.Finding[]): number => SEVERITIES.indexOf(findings[0]!.severity);
  for (const [id, findings] of [...byRule].sort(([, a], [, b]) => rank(a) - rank(b))) {
    io.out(
      `${heading(
        id,
        findings[0]!.severity,
        RULES.find((rule) => rule.id === id),
      )}\n${listed(core, findings)}\n`,
    );
  }
  if (evaluation.notSeen.length > 0) io.err(`not seen, and so not judged: modules ${evaluation.notSeen.join(', ')}`);
  const count = (severity: Checks.Severity): number => evaluation.findings.filter((f) => f.severity === severity).length;
  const kinds = SEVERITIES.filter((severity) => count(severity) > 0)
    .map((severity) => `${count(severity)} ${severity}`)
    .join(', ');
  io.out(
    `${counted(evaluation.stacks.length, 'stack')}: ${counted(evaluation.findings.length, 'finding')}${kinds === '' ? '' : ` (${kinds})`}, `
      + `${evaluation.suppressed.length.toLocaleString('en')} suppressed with a reason, ${evaluation.passed.toLocaleString('en')} passed`,
  );
}

const heading = (id: string, severity: Checks.Severity, rule: Checks.Rule | undefined): string =>
  `${id} (${severity})${rule === undefined ? '' : `: ${rule.what}\n  why: ${rule.why}\n  fix: ${rule.fix}`}`;

function listed({ problemText }: Core, findings: readonly Checks.Finding[]): string {
  const lines = findings
    .slice(0, SHOWN_MAX)
    .map(
      (finding) =>
        `  - ${finding.path}${finding.path.endsWith(finding.address) ? '' : ` (${finding.address})`}: ${problemText(finding)}`,
    );
  const more = findings.length - lines.length;
  return [...lines, ...(more > 0 ? [`  - ... and ${more.toLocaleString('en')} more (--json has them)`] : [])].join('\n');
}
