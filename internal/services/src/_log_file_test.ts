import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LogFile } from './_log_file.ts';

let folder: string;
let log: LogFile;
const never = new Promise(() => undefined);

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'log-'));
  log = new LogFile(join(folder, 'log'));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

test('follow() hands over every line once, in order, whenever it is written and however it is cut', async () => {
  const heard: string[] = [];
  log.follow((line) => heard.push(line));
  const written: string[] = [];
  for (let n = 0; n < 300; n++) {
    const line = `line ${n} ä`;
    written.push(line);
    const bytes = Buffer.from(`${line}\n`);
    // Cut in the middle of a letter.
    await appendFile(log.path, bytes.subarray(0, -2));
    if (n % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await appendFile(log.path, bytes.subarray(-2));
  }
  await log.close();
  expect(heard).toEqual(written);
});

test('waitFor() sees what is written after its beginning, and not what was written before', async () => {
  await writeFile(log.path, 'ready\n');
  const from = await log.length();
  const waiting = log.waitFor('ready', from, 20_000, never);
  expect(await log.waitFor('ready', from, 0, never)).toBe(false);
  await appendFile(log.path, 'now ready\n');
  expect(await waiting).toBe(true);
});

test('waitFor() gives up when the writer has ended, having read its last words', async () => {
  expect(await log.waitFor('ready', 0, 20_000, Promise.resolve())).toBe(false);
  await writeFile(log.path, 'ready\n');
  expect(await log.waitFor('ready', 0, 20_000, Promise.resolve())).toBe(true);
});

test('tail() is the last 30 lines, and empty without a file', async () => {
  expect(await log.tail(0)).toBe('');
  await writeFile(log.path, Array.from({ length: 100 }, (_, n) => `${n}\n`).join(''));
  const lines = (await log.tail(0)).split('\n');
  expect([lines.length, lines[0], lines[29]]).toEqual([30, '70', '99']);
});
