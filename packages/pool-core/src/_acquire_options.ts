/**
 * Reading what one acquire is asked for: before anything waits, as a connection granted to somebody who fails afterwards would be
 * lost, and so would a misspelt limit.
 */
import { ATLEAST0, type Check, TEXT } from './_option_checks.ts';
import { SIGNAL } from './_refuse_signal.ts';

export const ACQUIRE: Readonly<Record<'signal' | 'timeoutMs' | 'label', Check>> = {
  signal: SIGNAL,
  timeoutMs: ATLEAST0,
  label: TEXT,
};
