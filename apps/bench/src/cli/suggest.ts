/** The known name nearest to what was typed, when it is near enough to be meant (edit distance <= 2, or a prefix). */
export function suggest(typed: string, known: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = 3;
  for (const name of known) {
    const distance = name.startsWith(typed) && typed.length > 1 ? 1 : editDistance(typed, name);
    if (distance < bestDistance) [best, bestDistance] = [name, distance];
  }
  return best;
}

/** `Unknown scenario "scalng", did you mean "scaling"?`, or the names there are. */
export function unknownName(kind: string, typed: string, known: readonly string[]): string {
  const meant = suggest(typed, known);
  // With a good guess the list would only push it out of sight.
  const rest = meant === undefined ? ` (known: ${known.join(', ')})` : `, did you mean "${meant}"?`;
  return `Unknown ${kind} "${typed}"${rest}`;
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const substituted = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min((previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, substituted));
    }
    previous = row;
  }
  return previous[b.length] ?? 0;
}
