/** How values become text in Redis and back. Every value passes it once, so that all callers see the same shape. */
export interface Codec {
  /** Text of the value. May throw; the error becomes the `cause` of a `CacheValueError`. */
  encode(value: unknown): string;
  /** The value of a text that `encode` made. */
  decode(text: string): unknown;
}

/**
 * JSON. A `Date` becomes a string and a `Map` an empty object, as `JSON.stringify` does it, and that is what *every* caller gets,
 * also the one whose loader made the value: a value that changes its shape between the first and the second read is the worse
 * surprise. What JSON would lose without a trace at the top level (functions, symbols, Error objects) is refused.
 */
export const jsonCodec: Codec = {
  encode(value) {
    if (value instanceof Error) throw new TypeError('an Error object; throw it instead');
    if (typeof value === 'number' && !Number.isFinite(value))
      throw new TypeError(`${value}, which JSON turns into null`);
    const text = JSON.stringify(value) as string | undefined;
    if (text === undefined) throw new TypeError(`JSON has no form for a ${typeof value}`);
    return text;
  },
  decode: (text) => JSON.parse(text) as unknown,
};
