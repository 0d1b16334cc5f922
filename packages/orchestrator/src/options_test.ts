import { describe, expect, it } from 'vitest';
import { InvalidOptionError } from './errors.ts';
import { type AdvancedConnectionPoolOptimizerOptions, resolveOptions } from './options.ts';

const good = {
  databaseUrl: 'postgres://u:secret@127.0.0.1:5432/db',
  redisUrl: 'redis://127.0.0.1',
};

function refusal(options: object): InvalidOptionError {
  try {
    resolveOptions(options as AdvancedConnectionPoolOptimizerOptions, 1);
  } catch (error) {
    if (error instanceof InvalidOptionError) return error;
    throw error;
  }
  throw new Error('accepted');
}

describe('resolveOptions()', () => {
  it('fills in the documented defaults', () => {
    expect(resolveOptions(good, 42)).toMatchObject({
      profile: 'full',
      outDir: 'optimization-results',
      seed: 42,
      sampleIntervalMs: 250,
      historyLimit: 4000,
      scenarios: ['scaling', 'resources', 'cache', 'memory', 'recovery'],
    });
  });

  it('runs scenarios in their own order', () => {
    const { scenarios } = resolveOptions({ ...good, scenarios: ['recovery', 'cache'] }, 1);
    expect(scenarios).toEqual(['cache', 'recovery']);
  });

  it.each<[string, object, string]>([
    ['an unknown option', { ...good, profiel: 'ci' }, 'profiel'],
    ['no database', { redisUrl: good.redisUrl }, 'databaseUrl'],
    ['a database that is none', { ...good, databaseUrl: 'mysql://host/db' }, 'databaseUrl'],
    ['a Redis that is none', { ...good, redisUrl: '127.0.0.1:6379' }, 'redisUrl'],
    ['an unknown profile', { ...good, profile: 'huge' }, 'profile'],
    ['an unknown scenario', { ...good, scenarios: ['scaling', 'nap'] }, 'scenarios'],
    ['no scenario', { ...good, scenarios: [] }, 'scenarios'],
    ['a fractional seed', { ...good, seed: 0.5 }, 'seed'],
    ['a sampling storm', { ...good, sampleIntervalMs: 1 }, 'sampleIntervalMs'],
  ])('refuses %s, naming field and wanted range', (_, options, field) => {
    const error = refusal(options);
    expect(error).toMatchObject({ code: 'ERR_ORCHESTRATOR_INVALID_OPTION', field });
    expect(error.message).toContain(field);
    expect(error.wanted).not.toBe('');
  });

  it('never repeats an URL, which may hold a password', () => {
    expect(refusal({ ...good, databaseUrl: 'not an url with secret' }).message).not.toContain(
      'secret',
    );
  });
});
