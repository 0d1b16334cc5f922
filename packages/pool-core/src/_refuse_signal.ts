import type { Check } from './_option_checks.ts';
import { InvalidOptionError } from './errors.ts';

/** null is none, as for fetch(). */
export const SIGNAL: Check = [
  'an AbortSignal',
  (value) => {
    const { addEventListener, removeEventListener, aborted } = (value ??
      {}) as Partial<AbortSignal>;
    return (
      value === null ||
      (typeof addEventListener === 'function' &&
        typeof removeEventListener === 'function' &&
        typeof aborted === 'boolean')
    );
  },
];

/** Why this cannot end a wait: said before anything waits. A connection granted to somebody who fails afterwards would be lost. */
export function refuseSignal(signal: unknown): InvalidOptionError | undefined {
  const [wanted, fits] = SIGNAL;
  return signal === undefined || fits(signal)
    ? undefined
    : new InvalidOptionError('signal', signal, wanted);
}
