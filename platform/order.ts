/** One order of the sites, whatever order they were written in. */

interface WithId {
  readonly id: string;
}

/** By id, letter for letter: no language has a say. */
const byId = (a: WithId, b: WithId): number => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);

/** The platform with its regions by id, and the edge nodes of each by id. What is derived from it does not change when sites are written in another order. */
export const inIdOrder = <P extends { readonly regions: readonly (WithId & { readonly edges: readonly WithId[] })[] }>(platform: P): P => ({
  ...platform, regions: platform.regions.map((region) => ({ ...region, edges: region.edges.toSorted(byId) })).toSorted(byId),
});
