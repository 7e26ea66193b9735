/** The rule pack in a CDKTF app of anybody's: stacks are judged when they are synthesized, after all other aspects. */
import { Annotations, Aspects, TerraformStack, type IAspect } from 'cdktf';
import { type IConstruct } from 'constructs';
import {
  evaluate,
  problemText,
  readStack,
  RULES,
  SEVERITIES,
  type EvaluateOptions,
  type Evaluation,
  type Finding,
  type Rule,
  type Severity,
  type Tree,
} from './core/index.ts';

export interface TidemarkChecksOptions extends EvaluateOptions {
  /** Findings as severe as this are errors, which end the synthesis; lesser ones are warnings. @default 'low': all are errors */
  readonly failFrom?: Severity | 'never';
  /** `collect`: say nothing, `result()` has it. @default 'annotate' */
  readonly report?: 'annotate' | 'collect';
}

/**
 * An aspect of stacks: `Aspects.of(stack).add(new TidemarkChecks())`. CDKTF does not carry aspects of an App into its stacks;
 * {@link addChecks} adds it to each.
 */
export class TidemarkChecks implements IAspect {
  readonly #options: TidemarkChecksOptions;
  readonly #trees = new Map<string, Tree>();
  readonly #hooked = new WeakSet<TerraformStack>();

  constructor(options: TidemarkChecksOptions = {}) {
    this.#options = options;
  }

  visit(node: IConstruct): void {
    if (!TerraformStack.isStack(node) || this.#hooked.has(node)) return;
    this.#hooked.add(node);
    // Validations run when all aspects have done what they do, and before annotations are gathered.
    node.node.addValidation({ validate: () => this.#judge(node) });
  }

  /** Of all stacks synthesized so far. @throws ChecksError when a suppression names no rule */
  result(): Evaluation {
    return evaluate([...this.#trees.values()], this.#options);
  }

  /** Whether the stack has been judged. */
  has(stack: TerraformStack): boolean {
    return this.#trees.has(stack.node.path);
  }

  #judge(stack: TerraformStack): string[] {
    const tree = readStack(stack.node.path, stack.toTerraform());
    this.#trees.set(stack.node.path, tree);
    const { findings } = evaluate([tree], this.#options);
    if (this.#options.report !== 'collect') for (const finding of findings) this.#annotate(stack, finding);
    return [];
  }

  #annotate(stack: TerraformStack, finding: Finding): void {
    const { failFrom = 'low' } = this.#options;
    const isError = failFrom !== 'never' && SEVERITIES.indexOf(finding.severity) <= SEVERITIES.indexOf(failFrom);
    const annotations = Annotations.of(nodeAt(stack, finding.path));
    const text = messageOf(finding, this.#options.rules ?? RULES);
    if (isError) annotations.addError(text);
    else annotations.addWarning(text);
  }
}

/** The construct of a path, or the nearest one above it. */
function nodeAt(stack: TerraformStack, path: string): IConstruct {
  if (!path.startsWith(`${stack.node.path}/`)) return stack;
  let node: IConstruct = stack;
  for (const id of path.slice(stack.node.path.length + 1).split('/')) {
    const child: IConstruct | undefined = node.node.tryFindChild(id);
    if (child === undefined) break;
    node = child;
  }
  return node;
}

/** `TM-S3-04 (medium): aws_s3_bucket.b: has no aws_s3_bucket_versioning. Add ...`. */
function messageOf(finding: Finding, rules: readonly Rule[]): string {
  const { rule, severity, address } = finding;
  const fix = rules.find(({ id }) => id === rule)?.fix;
  return `${rule} (${severity}): ${address}: ${problemText(finding)}.${fix === undefined ? '' : ` ${fix}`}`;
}

/**
 * Judges every stack at or below a construct when it is synthesized. To be called when all stacks have been made; an App with
 * a stack that was made later, and so not judged, does not synthesize.
 */
export function addChecks(scope: IConstruct, options: TidemarkChecksOptions = {}): TidemarkChecks {
  const checks = new TidemarkChecks(options);
  const stacks = (): TerraformStack[] => scope.node.findAll().filter((node) => TerraformStack.isStack(node));
  for (const stack of stacks()) Aspects.of(stack).add(checks);
  if (!TerraformStack.isStack(scope)) {
    scope.node.addValidation({
      validate: () =>
        stacks()
          .filter((stack) => !checks.has(stack))
          .map((stack) => `${stack.node.path}: was not judged by the rule pack: call addChecks() after the last stack is made`),
    });
  }
  return checks;
}
