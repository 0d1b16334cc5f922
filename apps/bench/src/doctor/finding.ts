/** One thing that was looked at. */
export interface Finding {
  readonly level: 'ok' | 'advice' | 'problem' | 'unknown';
  readonly what: string;
  /** What to do about it; absent when all is well. */
  readonly remedy?: string;
}

export const ok = (what: string): Finding => ({ level: 'ok', what });
export const advice = (what: string, remedy: string): Finding => ({
  level: 'advice',
  what,
  remedy,
});
export const problem = (what: string, remedy: string): Finding => ({
  level: 'problem',
  what,
  remedy,
});
export const unknown = (what: string, remedy: string): Finding => ({
  level: 'unknown',
  what,
  remedy,
});
