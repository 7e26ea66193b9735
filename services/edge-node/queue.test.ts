import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createQueue } from './queue.ts';

it('a queue gives out what came in, in order, however long it was', () => {
  fc.assert(fc.property(fc.array(fc.oneof(fc.constant(null), fc.nat(3_000))), (steps) => {
    const queue = createQueue<number>();
    const model: number[] = [];
    let next = 0;
    for (const step of steps) {
      // A number: so many come in. Nothing: half of them go.
      if (step !== null) for (let i = 0; i < step; i += 1) queue.push(model[model.push(next++) - 1]!);
      else for (let i = model.length / 2; i > 0; i -= 1) expect(queue.shift()).toBe(model.shift());
      expect([queue.size(), queue.at(0), queue.at(model.length - 1), queue.at(-1)]).toEqual([model.length, model[0], model.at(-1), undefined]);
    }
  }), { numRuns: 30 });
});
