/**
 * Linux pressure stall information: the share of wall time in which work waited for a resource.
 * @see https://docs.kernel.org/accounting/psi.html
 */
export interface PressureStall {
  /** Share of the last 10 s in which at least one task waited, 0..1. */
  readonly some: number;
  /** Share of the last 10 s in which all tasks waited, 0..1; 0 where the kernel does not say. */
  readonly full: number;
}

/** Reads the text of a `*.pressure` file; `undefined` when it is not one (PSI can be compiled in but off). */
export function parsePressureStall(text: string | undefined): PressureStall | undefined {
  if (text === undefined) return undefined;
  const some = average(text, 'some');
  if (some === undefined) return undefined;
  return { some, full: average(text, 'full') ?? 0 };
}

function average(text: string, kind: 'some' | 'full'): number | undefined {
  const match = new RegExp(`^${kind} avg10=(\\d+(?:\\.\\d+)?)`, 'm').exec(text);
  return match === null ? undefined : Number(match[1]) / 100;
}
