/** docs/checks.md: the rules and how to use them, written from the rules themselves. */
import { REASON_MIN, rulesMarkdown, type Rule } from './core/index.ts';

export const checksPage = (rules: readonly Rule[]): string => `# Checks

<!-- Written from constructs/checks by its tests: \`npm test -- constructs/checks -u\` writes it anew. -->

${rules.length} rules judge the synthesized stacks: encryption, public reach, permissions, logs, backups, deletion, images, alarms. They help with
controls of the CIS Amazon Web Services Foundations Benchmark (3.0.0 and 4.0.0) and of SOC 2 (Trust Services Criteria 2017, points of
focus of 2022); a rule is evidence for a control, never the whole of it.

| command | what it does |
| --- | --- |
| \`npx tidemark check\` | judges the stacks of \`tidemark.config.ts\` (\`--config FILE\` another one); ends with 1 on a finding, 2 when there is nothing to judge |
| \`npx tidemark check cdktf.out\` | judges what was synthesized, by any CDKTF app |
| \`npx tidemark check --json\` | \`{"findings": [...], "suppressed": [...], "passed": N}\` |
| \`npx tidemark check --out evidence.json\` | writes the evidence for a reviewer, also as \`.md\` or \`.csv\`: by rule and by control, over a SHA-256 of what was judged |
| \`npx tidemark check --rules\` | lists the rules |

In a CDKTF app of one's own, when all stacks have been made:

\`\`\`ts
import { addChecks, suppress } from 'tidemark/constructs/checks';

suppress(bucket, 'TM-S3-06', 'Holds public documents; who reads them is of no interest.');
addChecks(app);
app.synth();
\`\`\`

Findings become annotations of the construct: errors, which end the synthesis (\`failFrom: 'high'\` makes the lesser ones warnings,
\`report: 'collect'\` says nothing and keeps them for \`checks.result()\`). \`Aspects.of(stack).add(new TidemarkChecks())\` does the same
for one stack; CDKTF does not carry aspects of an App into its stacks, so \`Aspects.of(app)\` would judge nothing.

## Suppressions

\`suppress(construct, rule, reason)\` takes a construct and all below it out of a rule; \`{ value }\` narrows it to findings with that
value. The reason is for whoever reviews it: at least ${REASON_MIN} characters of plain text. Suppressions are in the synthesized stack
(\`//.tidemark.suppressions\`) and in the evidence, with what they suppress. One that suppresses nothing is a finding (TM-SUP-01); an id that is no
rule is an error. What is found about a stack itself (its state, its providers, its outputs) is suppressed at the stack.

## What cannot be decided

Locals, defaults of variables, \`jsonencode\` and \`dynamic\` blocks with known items are evaluated; references are followed within a
stack. For the rest:

- What a rule **requires**, every switch among it, has to be seen to hold. An expression that only \`terraform apply\` knows is a finding marked
  \`undecided\`, where a wrong value is possible. Where any value will do (a key's ARN, a list of actions) an expression passes.
- What a rule **forbids** by its value (\`0.0.0.0/0\`, an action \`*\`, a path) is looked for in what can be read. A single value that is a
  reference passes; blocks, policies and containers that are one unreadable expression are findings, since anything could be in them.
- A policy that is no JSON, or unreadable, is a finding of TM-IAM-11; the other rules judge the rest of it.
- The default of a variable counts. Who overrides it (\`-var\`, \`*.tfvars\`) answers for it; \`terraform plan\` shows it.
- Modules are not looked into; the command and the evidence name them.

## Rules

${rulesMarkdown(rules)}

### TM-SUP

${supTable()}
`;

const supTable = (): string => `| rule | what must hold, and why | how to mend it | severity |
| --- | --- | --- | --- |
| TM-SUP-01 | A suppression suppresses something. What it was for is mended or gone, and it would hide the next one. | Take it away. | low |`;
