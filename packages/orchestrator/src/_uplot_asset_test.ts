import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { UPLOT_SCRIPT, UPLOT_STYLE } from './_uplot_asset.ts';

const dist = dirname(createRequire(import.meta.url).resolve('uplot'));

describe('the charts of a report', () => {
  it.each([
    ['uPlot.iife.min.js', UPLOT_SCRIPT],
    ['uPlot.min.css', UPLOT_STYLE],
  ])('carry %s of the installed uplot, byte for byte', (file, text) => {
    expect(readFileSync(join(dist, file), 'utf8').trim()).toBe(text);
  });

  it('cannot end the script element they are put into', () => {
    expect(UPLOT_SCRIPT.toLowerCase()).not.toContain('</script');
    expect(UPLOT_STYLE.toLowerCase()).not.toContain('</style');
  });
});
