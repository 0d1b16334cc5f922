import { describe, expect, it } from 'vitest';
import { Entry } from './_entry.ts';
import { IdleStack } from './_idle_stack.ts';

function stack(...idleSince: number[]) {
  const idle = new IdleStack<string>();
  const entries = idleSince.map((since, index) => {
    const entry = new Entry<string>(index + 1, 1, 0);
    entry.idleSince = since;
    idle.push(entry);
    return entry;
  });
  return { idle, entries };
}
const ids = (idle: IdleStack<string>): number[] => [...idle].map(({ id }) => id);

describe('IdleStack', () => {
  it('gives the one pushed last, and knows the coldest', () => {
    const { idle } = stack(1, 2, 3);
    expect(idle.coldest?.id).toBe(1);
    expect([idle.pop()?.id, idle.pop()?.id, idle.pop()?.id, idle.pop()]).toEqual([
      3,
      2,
      1,
      undefined,
    ]);
    expect(idle.length).toBe(0);
  });

  it.each([0, 1, 2])('gives up the one at %i without losing the others', (index) => {
    const { idle, entries } = stack(1, 2, 3);
    idle.remove(entries[index] as Entry<string>);
    expect(ids(idle)).toEqual([1, 2, 3].filter((id) => id !== index + 1));
    expect(idle.length).toBe(2);
  });

  it.each([
    [5, [4, 1, 2, 3]],
    [10, [1, 4, 2, 3]],
    [25, [1, 2, 4, 3]],
    [40, [1, 2, 3, 4]],
  ])('takes one that is idle since %i back to its place', (since, wanted) => {
    const { idle } = stack(10, 20, 30);
    const entry = new Entry<string>(4, 1, 0);
    entry.idleSince = since;
    idle.insert(entry);
    expect(ids(idle)).toEqual(wanted);
    expect(idle.length).toBe(4);
  });

  it('may be changed while it is walked', () => {
    const { idle } = stack(1, 2, 3, 4);
    const seen: number[] = [];
    for (const entry of idle) {
      seen.push(entry.id);
      idle.remove(entry);
    }
    expect(seen).toEqual([1, 2, 3, 4]);
    expect(idle.length).toBe(0);
  });
});
