/** The most of these times (ms) that lie within any `windowMs`. */
export function mostWithin(windowMs: number, times: readonly number[]): number {
  const ascending = [...times].sort((a, b) => a - b);
  let most = 0;
  for (let first = 0, last = 0; last < ascending.length; last++) {
    while ((ascending[last] as number) - (ascending[first] as number) >= windowMs) first++;
    most = Math.max(most, last - first + 1);
  }
  return most;
}
