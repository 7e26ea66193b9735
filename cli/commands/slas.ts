/** `tidemark slas`: the SLAs of a definition in the forms that other tools read. */
import { Option, type Command } from 'commander';
import { loadPlatform, metricNamespace, awsRegionOf, deployed } from '../../platform/index.ts';
import { CONFIG_FILE } from '../config-file.ts';
import { table, withJson, type Io } from '../io.ts';

interface SlasOptions {
  readonly config: string;
  readonly format: 'table' | 'openslo' | 'grafana';
  readonly source: 'cloudwatch' | 'prometheus';
  readonly json?: boolean;
}

export function addSlas(program: Command, io: Io): void {
  withJson(
    program.command('slas').description('the SLAs of a definition: as a table, as OpenSLO documents, or as Grafana dashboards')
      .option('--config <file>', 'the definition of the deployment (or set TIDEMARK_CONFIG)', io.env['TIDEMARK_CONFIG'] ?? CONFIG_FILE)
      .addOption(new Option('--format <form>', 'what to print').choices(['table', 'openslo', 'grafana']).default('table'))
      .addOption(new Option('--source <kind>', 'where OpenSLO and Grafana read the counters').choices(['cloudwatch', 'prometheus']).default('prometheus')),
    ['tidemark slas', 'tidemark slas --format openslo > slas.yaml', 'tidemark slas --format grafana --source cloudwatch'],
  ).action(async (options: SlasOptions) => {
    const platform = await loadPlatform(options.config);
    const { scopesOf } = await import('../../constructs/sla-alarms/index.ts');
    const cloudwatch = (): { kind: 'cloudwatch'; namespace: string; region: string } => ({
      kind: 'cloudwatch', namespace: metricNamespace(platform.name, deployed(platform).deploy.environment), region: awsRegionOf(platform.controlPlane.location, platform),
    });
    const source = options.source === 'cloudwatch' ? cloudwatch() : { kind: 'prometheus' } as const;
    const base = platform.deploy?.runbooks === undefined ? {} : { runbookBaseUrl: platform.deploy.runbooks };
    if (options.format === 'openslo') {
      const { openSloYaml, toOpenSlo } = await import('../../constructs/open-slo/index.ts');
      const documents = toOpenSlo(platform, { source, ...base });
      io.out(options.json === true ? JSON.stringify(documents) : openSloYaml(documents).trimEnd());
    } else if (options.format === 'grafana') {
      const { grafanaDashboards } = await import('../../constructs/settlement-dashboard/grafana.ts');
      io.out(JSON.stringify(grafanaDashboards({ title: platform.name, slas: platform.slas, scopes: scopesOf(platform), ...base }, source)));
    } else if (options.json === true) {
      io.out(JSON.stringify(platform.slas));
    } else {
      io.out(table([
        ['SLA', 'INDICATOR', 'OBJECTIVE', 'LIMIT', 'WINDOW', 'SCOPE', 'SEVERITY', 'OWNER', 'RUNBOOK'],
        ...platform.slas.map((s) => [
          s.id, s.indicator, `${s.objective * 100}%`, s.thresholdMs !== undefined ? `${s.thresholdMs} ms` : s.thresholdRatio !== undefined ? String(s.thresholdRatio) : '-',
          `${s.windowDays} d`, s.scope, s.severity, s.owner, s.runbook,
        ]),
      ]));
    }
  });
}
