import { describe, expect, it } from 'vitest';
import { CloseStack } from './_close_stack.ts';
import { LayerCloseError } from './errors.ts';

describe('CloseStack', () => {
  it('closes in the reverse order, one after the other, once', async () => {
    const order: string[] = [];
    const stack = new CloseStack(1000);
    for (const part of ['pool', 'cache', 'guard']) {
      stack.push(part, async () => {
        order.push(`${part} begins`);
        await Promise.resolve();
        order.push(`${part} ends`);
      });
    }
    const first = stack.close();
    expect(stack.close()).toBe(first);
    await first;
    expect(order).toEqual([
      'guard begins',
      'guard ends',
      'cache begins',
      'cache ends',
      'pool begins',
      'pool ends',
    ]);
  });

  it('closes the others when one fails, throws or hangs, and names those', async () => {
    const closed: string[] = [];
    const stack = new CloseStack(30);
    stack.push('pool', () => closed.push('pool'));
    stack.push('hangs', () => new Promise(() => undefined));
    stack.push('throws', () => {
      throw new Error('no');
    });
    stack.push('rejects', () => Promise.reject(new Error('neither')));
    const error = await stack.close().catch((e: unknown) => e);
    expect(error).toBeInstanceOf(LayerCloseError);
    expect(Object.keys((error as LayerCloseError).failures)).toEqual([
      'rejects',
      'throws',
      'hangs',
    ]);
    expect(closed).toEqual(['pool']);
  });
});
