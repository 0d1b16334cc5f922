import { expect, test } from 'vitest';
import { decideProbe, type ProbeDecision, type ProbeFacts } from './_probe_policy.ts';

const CALM: ProbeFacts = {
  now: 1_000_000,
  suspects: 0,
  survivors: 0,
  survivedProbes: 0,
  starved: false,
  lastProbeAt: Number.NEGATIVE_INFINITY,
  stallLastMinuteMs: 0,
  stallBudgetMs: 100,
  utilization: 0.2,
};
const ago = (ms: number): Partial<ProbeFacts> => ({ lastProbeAt: CALM.now - ms });
const held = (survivedProbes: number): Partial<ProbeFacts> => ({ survivors: 1, survivedProbes });

test.each<[string, Partial<ProbeFacts>, ProbeDecision['reason']]>([
  ['no old lease', {}, 'nothing-to-prove'],
  ['a new suspect', { suspects: 1 }, 'new-suspects'],
  ['a new suspect, just probed', { suspects: 1, ...ago(999) }, 'too-soon'],
  ['a new suspect, a second later', { suspects: 1, ...ago(1_000) }, 'new-suspects'],
  ['the loop is full', { suspects: 1, utilization: 0.95, ...ago(5_000) }, 'event-loop-saturated'],
  ['the loop is full for long', { suspects: 1, utilization: 0.95, ...ago(10_000) }, 'new-suspects'],
  [
    'the loop is full, a caller waits',
    { suspects: 1, utilization: 0.95, starved: true, ...ago(5_000) },
    'new-suspects',
  ],
  ['the budget is spent', { suspects: 1, stallLastMinuteMs: 100, ...ago(5_000) }, 'stall-budget'],
  [
    'the budget is spent, a caller waits',
    { suspects: 1, stallLastMinuteMs: 100, starved: true, ...ago(5_000) },
    'new-suspects',
  ],
  [
    'one probe a minute is always allowed',
    { suspects: 1, stallLastMinuteMs: 100, ...ago(60_000) },
    'new-suspects',
  ],
  ['survived one, 30 s ago', { ...held(1), ...ago(30_000) }, 'look-again'],
  ['survived one, less ago', { ...held(1), ...ago(29_999) }, 'too-soon'],
  ['survived two, 30 s ago', { ...held(2), ...ago(30_000) }, 'too-soon'],
  ['survived many, 10 min ago', { ...held(50), ...ago(600_000) }, 'look-again'],
  ['survived three, a caller waits', { ...held(3), starved: true, ...ago(4_000) }, 'look-again'],
  ['survived many, a caller waits', { ...held(50), starved: true, ...ago(59_999) }, 'too-soon'],
])('%s', (_name, facts, reason) => {
  const decision = decideProbe({ ...CALM, ...facts });
  expect(decision.reason).toBe(reason);
  expect(decision.probe).toBe(reason === 'new-suspects' || reason === 'look-again');
});
