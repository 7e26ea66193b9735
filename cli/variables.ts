/**
 * What stacks leave to whoever plans them: variables without a default. They are found in what was written, since that is what
 * Terraform will ask about, whatever made it.
 */

/** A `cdk.tf.json`, as far as it matters here. */
interface Written {
  readonly variable?: Readonly<Record<string, { readonly default?: unknown; readonly description?: string }>>;
}

export interface AskedVariable {
  readonly name: string;
  /** Names of the stacks that ask for it, in order. */
  readonly stacks: readonly string[];
  /** What it is, as its stack says. */
  readonly description?: string;
}

/** Variables that have to be given, by name. @param stacks one after the other, so that of a thousand only one is held */
export function askedVariables(stacks: Iterable<{ readonly name: string; readonly written: Written }>): AskedVariable[] {
  const asked = new Map<string, { readonly name: string; readonly stacks: string[]; readonly description?: string }>();
  for (const { name: stack, written } of stacks) {
    for (const [name, { default: fallback, description }] of Object.entries(written.variable ?? {})) {
      // A default of null is one: Terraform does not ask then.
      if (fallback !== undefined) continue;
      const known = asked.get(name);
      if (known === undefined) asked.set(name, { name, stacks: [stack], ...(description === undefined ? {} : { description }) });
      else known.stacks.push(stack);
    }
  }
  return [...asked.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Stacks that are named one by one; of more, two are named and the rest counted. */
const NAMED_MAX = 3;

/** `global`, `region-eu, region-us`, `all 7 stacks`, `edge-a, edge-b and 998 more`. @param total how many stacks there are */
export function stacksShown(stacks: readonly string[], total: number): string {
  if (stacks.length <= NAMED_MAX) return stacks.join(', ');
  if (stacks.length === total) return `all ${total.toLocaleString('en')} stacks`;
  const named = stacks.slice(0, NAMED_MAX - 1);
  return `${named.join(', ')} and ${(stacks.length - named.length).toLocaleString('en')} more`;
}
