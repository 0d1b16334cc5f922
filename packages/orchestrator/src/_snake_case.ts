/**
 * A deep copy with the property names of JSON. Typed arrays and maps have no business in a result and are refused by
 * `JSON.stringify`'s own rules; `undefined` properties vanish there as well.
 */
export function toSnakeCase(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(toSnakeCase);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [snakeCaseKey(key), toSnakeCase(inner)]),
  );
}

/** Digits stay with the word before them (`p95Ms` → `p95_ms`); a `$schema` or an `i/o:read` is left alone. */
export function snakeCaseKey(key: string): string {
  return /^[a-z][a-zA-Z0-9]*$/.test(key)
    ? key.replace(/[A-Z]+/g, (capitals) => `_${capitals.toLowerCase()}`)
    : key;
}
