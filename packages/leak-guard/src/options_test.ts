import { expect, test } from 'vitest';
import { InvalidOptionError } from './errors.ts';
import { resolveOptions } from './options.ts';

test('without options the defaults hold', () => {
  expect(resolveOptions()).toMatchObject({
    growthThresholdMb: 100,
    monitoringIntervalMs: 30_000,
    sweepIntervalMs: 250,
    leakDetectionThresholdMs: 30_000,
    level: 'simple',
    reclaim: 'proven',
    probe: 'soft',
    snapshot: false,
    trend: { windowPoints: 40, minPoints: 20, alpha: 0.001, confirmAfterMs: 1_200_000 },
  });
});

test('snapshots have defaults of their own once a folder is named', () => {
  expect(resolveOptions({ snapshot: { directory: '/tmp' } }).snapshot).toEqual({
    directory: '/tmp',
    maxFiles: 2,
    maxBytes: 2_147_483_648,
    cooldownMs: 3_600_000,
    headroomFactor: 16,
  });
});

test.each([
  [{ sweepInterval: 250 }, 'sweepInterval', /one of the known options/],
  [{ sweepIntervalMs: 0 }, 'sweepIntervalMs', /a number from 10 to 60000/],
  [{ growthThresholdMb: Number.NaN }, 'growthThresholdMb', /a number from 1/],
  [{ monitoringIntervalMs: '30s' }, 'monitoringIntervalMs', /a number from 20/],
  [{ level: 'all' }, 'level', /one of simple, disabled, advanced, paranoid/],
  [{ reclaim: true }, 'reclaim', /one of proven, off/],
  [{ trend: { minPoints: 41 } }, 'trend.minPoints', /at most windowPoints \(40\)/],
  [{ trend: { window: 5 } }, 'trend.window', /one of the known options/],
  [{ trend: 3 }, 'trend', /an object/],
  [{ snapshot: {} }, 'snapshot.directory', /an existing folder/],
  [{ snapshot: { directory: '/tmp', maxFiles: 0 } }, 'snapshot.maxFiles', /a number from 1 to 100/],
  [{ load: 5 }, 'load', /a function/],
  [null, 'options', /an object/],
])('%j is refused with field and wanted range', (options, field, wanted) => {
  let error: unknown;
  try {
    resolveOptions(options as never);
  } catch (caught) {
    error = caught;
  }
  expect(error).toBeInstanceOf(InvalidOptionError);
  expect(error).toMatchObject({ code: 'ERR_LEAK_GUARD_INVALID_OPTION', field });
  expect((error as InvalidOptionError).message).toMatch(wanted);
});
