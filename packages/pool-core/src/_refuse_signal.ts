import { InvalidOptionError } from './errors.ts';

/** Why this cannot end a wait: said before anything waits. A connection granted to somebody who fails afterwards would be lost. */
export function refuseSignal(signal: unknown): InvalidOptionError | undefined {
  if (signal === undefined || signal === null) return undefined;
  const { addEventListener, removeEventListener, aborted } = signal as Partial<AbortSignal>;
  const fits =
    typeof addEventListener === 'function' &&
    typeof removeEventListener === 'function' &&
    typeof aborted === 'boolean';
  return fits ? undefined : new InvalidOptionError('signal', signal, 'an AbortSignal');
}
