import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readOptions } from './_settings.ts';
import { InvalidOptionError } from './errors.ts';
import type { DynamicConnectionPoolManagerOptions } from './options.ts';
import { DEFAULT_TUNING } from './tuning_options.ts';

const factory = { create: () => ({}), destroy: () => undefined };
const read = (options: object) =>
  readOptions(options as DynamicConnectionPoolManagerOptions<object>);

describe('readOptions()', () => {
  it('has the documented defaults', () => {
    expect(readOptions({ factory })).toMatchObject({
      minConnections: 10,
      maxConnections: 500,
      idleFloor: 10,
      scalingThreshold: 0.8,
      scaleDownThreshold: 0.3,
      idleTimeoutMs: 300_000,
      connectionLifetimeMs: 3_600_000,
      healthCheckIntervalMs: 30_000,
      acquireTimeoutMs: 30_000,
      connectTimeoutMs: 10_000,
      maxConnecting: 4,
      maxWaiting: Number.POSITIVE_INFINITY,
      whileDown: 'wait',
    });
  });

  it('takes undefined as not given', () => {
    const given = { factory, name: undefined, tuning: { tickMs: undefined } };
    expect(read(given)).toMatchObject({ name: 'pool', tuning: { tickMs: 1_000 } });
  });

  it('lowers the default minimum to a small maximum, but not a minimum that was given', () => {
    expect(read({ factory, maxConnections: 3 })).toMatchObject({ minConnections: 3, idleFloor: 3 });
    expect(() => read({ factory, minConnections: 10, maxConnections: 3 })).toThrow(
      'Invalid minConnections: 10 (wanted: at most maxConnections (3))',
    );
  });

  it('lets maxConnecting raise its cap', () => {
    expect(read({ factory, maxConnecting: 40 }).tuning.maxConnectingCap).toBe(40);
  });

  const number = [Number.NaN, '5', null, -1];
  const bad: Record<string, unknown[]> = {
    factory: [undefined, null, {}, { create() {} }, 'pg'],
    name: [5, null],
    minConnections: [...number, 1.5, Number.POSITIVE_INFINITY],
    maxConnections: [...number, 0, 1.5, Number.POSITIVE_INFINITY],
    idleFloor: [...number, 0.5],
    scalingThreshold: [...number, 1.1],
    scaleDownThreshold: [...number, 0.8, 0.9],
    idleTimeoutMs: [...number, 0],
    exactIdleTimeout: [1, 'yes', null],
    connectionLifetimeMs: [...number, 0],
    lifetimeJitter: [...number, 1.01],
    maxUses: [...number, 0, 2.5],
    healthCheckIntervalMs: [...number, 0],
    healthCheckTimeoutMs: [...number, 0, Number.POSITIVE_INFINITY],
    acquireTimeoutMs: number,
    connectTimeoutMs: [...number, 0],
    resetTimeoutMs: [...number, 0, Number.POSITIVE_INFINITY],
    closeTimeoutMs: [...number, 0, Number.POSITIVE_INFINITY],
    endGraceMs: number,
    maxConnecting: [...number, 0, 0.5],
    maxWaiting: [...number, 0.5],
    whileDown: ['fail', true, null],
    wrapConnectErrors: ['no', null],
    adaptiveCeiling: ['no', null],
    clock: [{}, null, 5],
    random: [0.5, null],
    tuning: [5, null],
    maxConnection: [5],
  };

  it.each(
    Object.entries(bad).flatMap(([option, values]) => values.map((value) => [option, value])),
  )('refuses %s: %s, saying field, value and wanted range', (option, value) => {
    let error: unknown;
    try {
      read({ factory, ...{ [option as string]: value } });
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(InvalidOptionError);
    expect(error).toMatchObject({ code: 'ERR_POOL_INVALID_OPTION', option, value });
    expect((error as Error).message).toMatch(/^Invalid \w+: .* \(wanted: .+\)$/s);
  });

  it.each([
    ['waitTargetMs', 0],
    ['growthPerTick', 1],
    ['retirePerSecond', 0],
    ['eventsKept', 0],
    ['backoffMinMs', 2_000],
    ['serverHoldMs', 60_000],
    ['ceilingHoldMs', 70_000],
    ['targetUtilization', 1],
    ['recoveredMs', 0],
    ['tickmS', 5],
  ])('refuses tuning.%s: %s', (key, value) => {
    expect(() => read({ factory, tuning: { [key]: value } })).toThrow(`Invalid tuning.${key}: `);
  });

  it('documents each constant of tuning: the reason, and the default that is in force', () => {
    const source = ['tuning_options.ts', '_ceiling_tuning.ts']
      .map((file) => readFileSync(new URL(file, import.meta.url), 'utf8'))
      .join('\n');
    const documented = source.matchAll(
      /\/\*\*((?:(?!\*\/).)*?)\* @default (\S+)\s+\*\/\s+readonly (\w+): number;/gs,
    );
    const defaults: Record<string, number> = {};
    for (const [, reason = '', value = '', key = ''] of documented) {
      defaults[key] = Number(value.replaceAll('_', ''));
      expect(
        reason
          .replaceAll(/[\s*]+/g, ' ')
          .trim()
          .split(' ').length,
        key,
      ).toBeGreaterThan(9);
    }
    expect(defaults).toEqual(DEFAULT_TUNING);
  });

  it('names the options there are when it does not know one', () => {
    expect(() => read({ factory, max: 5 })).toThrow(/wanted: one of .*maxConnections/);
  });
});
