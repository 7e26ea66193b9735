/** A first-in first-out queue whose ends cost the same however long it is: `Array.shift` moves all the rest. */
export interface Queue<T> {
  readonly push: (item: T) => void;
  readonly shift: () => T | undefined;
  /** The item so many places behind the oldest. */
  readonly at: (place: number) => T | undefined;
  readonly size: () => number;
}

export function createQueue<T>(): Queue<T> {
  let items: T[] = [];
  let head = 0;
  return {
    push: (item) => void items.push(item),
    shift() {
      const item = items[head];
      if (head < items.length) head += 1;
      if (head > 1_024 && head * 2 > items.length) {
        items = items.slice(head);
        head = 0;
      }
      return item;
    },
    at: (place) => (place < 0 ? undefined : items[head + place]),
    size: () => items.length - head,
  };
}
