import { availableParallelism, totalmem } from 'node:os';
import { describe, expect, it } from 'vitest';
import { hostLimits } from './host_limits.ts';

const files = (contents: Record<string, string>) => (path: string) => contents[path];

describe('hostLimits()', () => {
  it('takes the cgroup v2 quota when it is below the cores of the machine', () => {
    const limits = hostLimits(files({ '/sys/fs/cgroup/cpu.max': '50000 100000\n' }));
    expect(limits).toMatchObject({ cores: 0.5, coresSource: 'cgroup-quota' });
  });

  it('takes the cgroup v1 quota', () => {
    const limits = hostLimits(
      files({
        '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '75000\n',
        '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n',
      }),
    );
    expect(limits).toMatchObject({ cores: 0.75, coresSource: 'cgroup-quota' });
  });

  it.each([
    ['"max" of v2', { '/sys/fs/cgroup/cpu.max': 'max 100000\n' }],
    [
      '-1 of v1',
      {
        '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '-1\n',
        '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n',
      },
    ],
    ['no cgroup at all', {}],
    ['a quota above the machine', { '/sys/fs/cgroup/cpu.max': '99900000 100000\n' }],
  ])('takes the available cores for %s', (_, contents) => {
    expect(hostLimits(files(contents as Record<string, string>))).toMatchObject({
      cores: availableParallelism(),
      coresSource: 'available-cores',
    });
  });

  it('never reports more memory than the machine has', () => {
    expect(hostLimits().memoryBytes).toBeLessThanOrEqual(totalmem());
    expect(hostLimits().memoryBytes).toBeGreaterThan(0);
  });
});
