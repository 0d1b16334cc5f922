// Sizes of V8 on 64 bit without pointer compression, as Node builds it. The test compares the sum with a real heap.
const POINTER = 8;
const OBJECT_HEADER = 24;
const ARRAY_HEADER = 32;
const HEAP_NUMBER = 16;
const STRING_HEADER = 16;

/**
 * Bytes a JSON-like value holds in the heap, estimated. Text is counted at one byte a character while it fits Latin-1, two
 * otherwise; hidden classes are shared and not counted; strings that several values share are counted each time, so the
 * estimate errs to the high side, up to twofold for long arrays of fractions. Iterative: a deep value must not overflow the stack.
 */
export function valueSize(value: unknown): number {
  let bytes = 0;
  const open: unknown[] = [value];
  for (let current = open.pop(); ; current = open.pop()) {
    bytes += ownSize(current, open);
    if (open.length === 0) return bytes;
  }
}

/** Size of a string in the heap, the header included. */
export function stringSize(text: string): number {
  return STRING_HEADER + text.length * (isLatin1(text) ? 1 : 2);
}

function ownSize(value: unknown, open: unknown[]): number {
  switch (typeof value) {
    case 'string':
      return stringSize(value);
    case 'number':
      return Number.isInteger(value) && Math.abs(value) < 2 ** 31 ? 0 : HEAP_NUMBER;
    case 'bigint':
      return STRING_HEADER + value.toString(16).length / 2;
    case 'object':
      break;
    default:
      return 0;
  }
  if (value === null) return 0;
  if (ArrayBuffer.isView(value)) return value.byteLength + 96;
  if (Array.isArray(value)) {
    // V8 packs some arrays of fractions without an object for each, and some not (seen both ways for the same text).
    for (const item of value) if (isCounted(item)) open.push(item);
    return ARRAY_HEADER + value.length * POINTER;
  }
  let bytes = OBJECT_HEADER;
  const entries =
    value instanceof Map || value instanceof Set ? value.values() : Object.values(value);
  for (const item of entries) {
    bytes += POINTER;
    if (isCounted(item)) open.push(item);
  }
  return bytes;
}

function isCounted(value: unknown): boolean {
  return value !== null && typeof value !== 'boolean' && value !== undefined;
}

// A prefix decides: reading all of a megabyte to learn its width would cost more than the estimate is worth.
function isLatin1(text: string): boolean {
  const end = Math.min(text.length, 64);
  for (let i = 0; i < end; i++) if (text.charCodeAt(i) > 255) return false;
  return true;
}
