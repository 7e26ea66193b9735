/**
 * What is followed and not over yet, in the order of a log: bounded, and forgotten from its front as the log's proven part grows.
 * Pure.
 */
export interface UnderWay<T extends { readonly index: number }> {
  /** Behind all others. @returns false when there is no room */
  readonly add: (item: T) => boolean;
  /** Takes those before `size` out, in order. */
  readonly before: (size: number) => readonly T[];
  /** Those that are there. */
  readonly all: () => readonly T[];
}

export function createUnderWay<T extends { readonly index: number }>(most: number): UnderWay<T> {
  let items: T[] = [];
  return {
    add(item) {
      if (items.length >= most) return false;
      items.push(item);
      return true;
    },
    before(size) {
      if (items.length === 0 || items[0]!.index >= size) return [];
      const cut = items.findIndex((item) => item.index >= size);
      const taken = cut < 0 ? items : items.slice(0, cut);
      items = cut < 0 ? [] : items.slice(cut);
      return taken;
    },
    all: () => items,
  };
}
