/** Series of one kind: `columns[name][i]` belongs to `columns.timestamp[i]`. */
export interface ColumnarSeries {
  /** Rows were merged away so that the whole run fits: each stored row stands for this many samples. */
  readonly samplesPerRow: number;
  readonly columns: Readonly<Record<string, readonly (number | null)[]>>;
}

/**
 * A bounded time series of rows with the same columns. When it is full, every second row goes and from then on only
 * every second sample is kept: the whole run stays covered, at a coarser grain, in constant memory.
 */
export class MetricsHistory<Column extends string> {
  readonly #names: readonly Column[];
  readonly #limit: number;
  #rows: (readonly (number | null)[])[] = [];
  #stride = 1;
  #seen = 0;

  /** @param limit rows kept at most; at least 2 */
  constructor(columns: readonly Column[], limit: number) {
    this.#names = columns;
    this.#limit = Math.max(2, limit);
  }

  get length(): number {
    return this.#rows.length;
  }

  add(row: Readonly<Record<Column, number | null>>): void {
    if (this.#seen++ % this.#stride !== 0) return;
    if (this.#rows.length >= this.#limit) {
      this.#rows = this.#rows.filter((_, i) => i % 2 === 0);
      this.#stride *= 2;
      if ((this.#seen - 1) % this.#stride !== 0) return;
    }
    this.#rows.push(this.#names.map((name) => row[name]));
  }

  columns(): ColumnarSeries {
    const columns: Record<string, (number | null)[]> = {};
    this.#names.forEach((name, i) => {
      columns[name] = this.#rows.map((row) => row[i] ?? null);
    });
    return { samplesPerRow: this.#stride, columns };
  }
}
