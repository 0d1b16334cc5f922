import { visibleLength } from '../report/table.ts';
import type { Terminal } from './terminal.ts';

/** How often a plain log repeats a line that only its numbers changed in. */
const PLAIN_EVERY_MS = 5000;
const LIVE_EVERY_MS = 100;

/**
 * Tells a person what goes on, on stderr: one line that is rewritten on a terminal, plain lines elsewhere (a new phase
 * at once, the same phase every 5 s), so that a log stays readable.
 */
export class Progress {
  readonly #terminal: Terminal;
  readonly #quiet: boolean;
  readonly #now: () => number;
  #phase = '';
  #shownAt = Number.NEGATIVE_INFINITY;
  #onLine = false;

  constructor(terminal: Terminal, quiet = false, now: () => number = () => performance.now()) {
    this.#terminal = terminal;
    this.#quiet = quiet;
    this.#now = now;
  }

  /** The state of a phase; `phase` is what makes it a new one, `detail` what changes all the time. */
  update(phase: string, detail: string, fraction?: number): void {
    if (this.#quiet) return;
    const now = this.#now();
    const every = this.#terminal.live ? LIVE_EVERY_MS : PLAIN_EVERY_MS;
    if (phase === this.#phase && now - this.#shownAt < every) return;
    this.#phase = phase;
    this.#shownAt = now;
    const percent =
      fraction === undefined ? '' : `${String(Math.floor(fraction * 100)).padStart(3)} %  `;
    const { colors } = this.#terminal;
    if (!this.#terminal.live) {
      this.#terminal.err.write(`${percent}${phase}  ${detail}\n`);
      return;
    }
    const bar = fraction === undefined ? '' : `${colors.cyan(drawBar(fraction, 20))} `;
    this.#rewrite(`${bar}${percent}${colors.bold(phase)}  ${colors.dim(detail)}`);
  }

  /** A line that stays. */
  note(line: string): void {
    if (this.#quiet) return;
    this.#clear();
    this.#terminal.err.write(`${line}\n`);
  }

  /** Takes the rewritten line away: what follows goes to a clean line. */
  done(): void {
    this.#clear();
    this.#phase = '';
  }

  #rewrite(line: string): void {
    const room = this.#terminal.columns - 1;
    const shown = visibleLength(line) > room ? cut(line, room) : line;
    this.#terminal.err.write(`\r\u001b[2K${shown}`);
    this.#onLine = true;
  }

  #clear(): void {
    if (this.#onLine) this.#terminal.err.write('\r\u001b[2K');
    this.#onLine = false;
  }
}

/** Eighth blocks make 20 cells show 160 steps. */
export function drawBar(fraction: number, cells: number): string {
  const eighths = Math.round(Math.min(1, Math.max(0, fraction)) * cells * 8);
  const full = Math.floor(eighths / 8);
  const part = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'][eighths % 8] ?? '';
  return '█'.repeat(full) + part + '░'.repeat(cells - full - (part === '' ? 0 : 1));
}

/** Cuts what is seen to `room` characters and ends the colours. */
function cut(line: string, room: number): string {
  let seen = 0;
  let out = '';
  for (let i = 0; i < line.length && seen < room; i++) {
    if (line[i] === '\u001b') {
      const end = line.indexOf('m', i);
      out += line.slice(i, end + 1);
      i = end;
      continue;
    }
    out += line[i];
    seen++;
  }
  return `${out}\u001b[0m`;
}
