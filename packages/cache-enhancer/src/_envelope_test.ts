import { expect, test } from 'vitest';
import {
  decodeStored,
  type Envelope,
  encodeEnvelope,
  headOf,
  leaseOf,
  tagName,
} from './_envelope.ts';

const plain: Envelope = {
  version: 'node1a',
  freshUntilMs: 1_700_000_123_456,
  graceMs: 30_000,
  loadMs: 12,
  tags: new Map(),
  text: '{"a":"line\\nbreak;and,commas=","b":[1]}',
};

test.each<[string, Envelope]>([
  ['a value', plain],
  ['undefined', { ...plain, text: undefined }],
  ['text with line ends', { ...plain, text: '"a\nb"' }],
  [
    'tags with all that separates',
    {
      ...plain,
      tags: new Map([
        ['a=b,c;d\n%', 's1'],
        ['Zürich 🏔', 's2'],
      ]),
    },
  ],
])('%s comes back as it was', (_name, envelope) => {
  expect(decodeStored(encodeEnvelope(envelope))).toEqual({ kind: 'value', envelope });
});

test('a value begins with the head of its version, and no longer version begins with the same', () => {
  expect(encodeEnvelope(plain).startsWith(headOf('node1a'))).toBe(true);
  expect(encodeEnvelope({ ...plain, version: 'node1ab' }).startsWith(headOf('node1a'))).toBe(false);
});

test('a lease is told from values and from what others wrote', () => {
  expect(decodeStored(leaseOf('t1'))).toEqual({ kind: 'lease', head: 'Lt1;', tags: new Map() });
  expect(decodeStored(`${leaseOf('t1')}${tagName('a=b,c')}=s1`)).toEqual({
    kind: 'lease',
    head: 'Lt1;',
    tags: new Map([['a=b,c', 's1']]),
  });
  for (const foreign of ['', 'hello', 'v1', 'v1;2;3\n', 'vx;!;1;1;\n{}', '{"a":1}']) {
    expect(decodeStored(foreign), foreign).toEqual({ kind: 'unknown' });
  }
});
