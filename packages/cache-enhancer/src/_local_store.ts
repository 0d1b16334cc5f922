import { MAX_USES, type Queued, S3Fifo } from './_s3_fifo.ts';
import { stringSize } from './_value_size.ts';

/** A value in this process. Times are the clock's `now`. */
export interface LocalEntry extends Queued<LocalEntry> {
  value: unknown;
  /** Of the fill it came from. */
  version: string;
  graceMs: number;
  /** Expired after this. */
  freshUntil: number;
  /** Refreshed in the background by the first use after this; at most `freshUntil`. */
  refreshAt: number;
  /** Not even a fallback after this; equals `freshUntil` without grace. */
  staleUntil: number;
  /** So long the value is as young as promised even if no invalidation could reach us. */
  provenUntil: number;
  /** No refresh is begun before this: the last one failed. */
  quietUntil: number;
  /** The coherence epoch it was read in; of an older one it is a fallback only. */
  epoch: number;
  readonly tags: readonly string[];
}

export type NewEntry = Omit<LocalEntry, keyof Queued<LocalEntry>>;

// Measured: an entry object with 16 fields and its share of the Map.
const ENTRY_BYTES = 330;
const TAG_BYTES = 64;
const GHOST_BYTES = 64;
// Heavier than this share of the whole, one value would throw out everything else.
const HEAVIEST_SHARE = 0.5;

/** The in-process level: bounded by bytes, found by key, forgotten by tag. */
export class LocalStore {
  readonly #entries = new Map<string, LocalEntry>();
  readonly #byTag = new Map<string, Set<LocalEntry>>();
  readonly #queues: S3Fifo<LocalEntry>;
  readonly #maxBytes: number;
  evictions = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
    this.#queues = new S3Fifo(
      maxBytes,
      (entry) => {
        this.evictions++;
        this.#entries.delete(entry.key);
        this.#untag(entry);
      },
      (key) => GHOST_BYTES + key.length,
    );
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Estimated heap bytes of entries and of what is remembered about evicted ones. */
  bytes(): number {
    return this.#queues.weight;
  }

  get(key: string): LocalEntry | undefined {
    return this.#entries.get(key);
  }

  /** Counts a use for the eviction. */
  touch(entry: LocalEntry): void {
    if (entry.uses < MAX_USES) entry.uses++;
  }

  /** @param valueBytes what the value itself holds, see `valueSize` */
  set(key: string, entry: NewEntry, valueBytes: number): void {
    const weight = ENTRY_BYTES + stringSize(key) + valueBytes + entry.tags.length * TAG_BYTES;
    const uses = this.#entries.get(key)?.uses ?? 0;
    const known = this.delete(key);
    if (weight > this.#maxBytes * HEAVIEST_SHARE) return;
    // Field by field: a spread would make a slower and twice as large object.
    const full: LocalEntry = {
      key,
      value: entry.value,
      epoch: entry.epoch,
      refreshAt: entry.refreshAt,
      provenUntil: entry.provenUntil,
      uses: 0,
      freshUntil: entry.freshUntil,
      staleUntil: entry.staleUntil,
      quietUntil: entry.quietUntil,
      graceMs: entry.graceMs,
      version: entry.version,
      tags: entry.tags,
      weight,
      queue: 'none',
      newer: undefined,
      older: undefined,
    };
    this.#queues.insert(full);
    // A refresh is the same value to the eviction: what it earned stays.
    if (known) full.uses = uses;
    this.#entries.set(key, full);
    for (const tag of full.tags) {
      const tagged = this.#byTag.get(tag);
      if (tagged === undefined) this.#byTag.set(tag, new Set([full]));
      else tagged.add(full);
    }
  }

  delete(key: string): boolean {
    const entry = this.#entries.get(key);
    if (entry === undefined) return false;
    this.#entries.delete(key);
    this.#queues.remove(entry);
    this.#untag(entry);
    return true;
  }

  deleteTag(tag: string): void {
    const tagged = this.#byTag.get(tag);
    if (tagged === undefined) return;
    for (const entry of [...tagged]) this.delete(entry.key);
  }

  /** Evicts down to `bytes`; answers the bytes freed. */
  shrink(bytes: number): number {
    const before = this.bytes();
    this.#queues.shrink(Math.max(0, bytes));
    return before - this.bytes();
  }

  clear(): void {
    this.#queues.clear();
    this.#entries.clear();
    this.#byTag.clear();
  }

  #untag(entry: LocalEntry): void {
    for (const tag of entry.tags) {
      const tagged = this.#byTag.get(tag);
      tagged?.delete(entry);
      if (tagged?.size === 0) this.#byTag.delete(tag);
    }
  }
}
