import type { Codec } from './codec.ts';
import { CacheValueError } from './errors.ts';

/** A value as the cache gives it to callers, and its text for Redis. */
export interface FormedValue {
  value: unknown;
  /** undefined stands for `undefined`. */
  text: string | undefined;
}

/** Passes a loaded value through the codec, so that its first caller gets what all later ones will. @throws CacheValueError */
export function formValue(key: string, value: unknown, codec: Codec): FormedValue {
  if (value === undefined) return { value, text: undefined };
  let text: string;
  try {
    text = codec.encode(value);
    if (text === '') throw new TypeError('its text is empty');
    return { value: typeof value === 'object' ? codec.decode(text) : value, text };
  } catch (error) {
    throw new CacheValueError(key, (error as Error).message, { cause: error });
  }
}
