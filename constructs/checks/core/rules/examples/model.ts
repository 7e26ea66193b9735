/**
 * Stacks that a rule catches and stacks that it lets pass, smallest first. The tests judge each by its rule alone; another
 * reader of resources (a Pulumi policy pack) can be tried on the same ones.
 */

type Body = Readonly<Record<string, unknown>>;
/** Resources by type and name. */
export type Section = Readonly<Record<string, Readonly<Record<string, Body>>>>;

/** A stack in Terraform's JSON syntax. */
export interface Example {
  readonly resource?: Section;
  readonly data?: Section;
  readonly provider?: Readonly<Record<string, Body | readonly Body[]>>;
  readonly variable?: Readonly<Record<string, Body>>;
  readonly locals?: Body;
  readonly output?: Readonly<Record<string, Body>>;
  readonly terraform?: Body;
}

export type Examples = Readonly<Record<string, { readonly catches: readonly Example[]; readonly passes: readonly Example[] }>>;

/** A stack of resources alone. */
export const of = (resource: Section): Example => ({ resource });

/** A policy document with one statement. */
export const policy = (statement: Body): string => JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
