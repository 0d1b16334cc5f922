/** Smallest, mean and largest of some numbers. */
export interface Range {
  readonly min: number;
  readonly mean: number;
  readonly max: number;
}

/** `null` of nothing; `null`s are left out. */
export function rangeOf(values: readonly (number | null)[]): Range | null {
  const numbers = values.filter((value) => value !== null);
  if (numbers.length === 0) return null;
  return {
    min: Math.min(...numbers),
    mean: numbers.reduce((sum, value) => sum + value, 0) / numbers.length,
    max: Math.max(...numbers),
  };
}
