import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';

const root = dirname(import.meta.dirname);
const folders = ['packages', 'apps', 'internal'].flatMap((group) =>
  readdirSync(join(root, group)).map((name) => join(group, name)),
);
const documents = ['.', ...folders].flatMap((folder) =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name)),
);

test.each(documents)('the relative links of %s lead somewhere', (document) => {
  const links = [...readFileSync(join(root, document), 'utf8').matchAll(/\]\(([^)\s]+)\)/g)];
  const broken = links
    .map(([, target = '']) => target)
    .filter((target) => !/^([a-z]+:|#)/.test(target))
    .filter((target) => !existsSync(join(root, dirname(document), target.replace(/#.*$/, ''))));
  expect(broken).toEqual([]);
});
