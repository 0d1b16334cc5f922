/**
 * Keeps what is known of the server's room for connections.
 *
 * @module
 */
import { limitsOf } from './_decision_words.ts';
import {
  afterRefusal,
  raised,
  roomFor,
  type ServerLimit,
  type ServerRoom,
} from './_server_limit.ts';
import type { ServerCapacity } from './contract.ts';
import type { Tuning } from './tuning_options.ts';

/** The ceiling that the server sets, beside the one that throughput sets. */
export class ServerCeiling {
  readonly #tuning: Tuning;
  #refusal: ServerLimit | undefined;
  #capacity: ServerCapacity | undefined;
  #room: ServerRoom | undefined;
  #readAt: number = Number.NEGATIVE_INFINITY;

  constructor(tuning: Tuning) {
    this.#tuning = tuning;
  }

  /** The most connections the server has room for, as far as that is known. */
  get cap(): number {
    return Math.min(this.#refusal?.cap ?? Number.POSITIVE_INFINITY, this.#roomCap);
  }

  /** Whether the server refused a connect not long ago. */
  get refuses(): boolean {
    return this.#refusal !== undefined;
  }

  get #roomCap(): number {
    return this.#room?.cap ?? Number.POSITIVE_INFINITY;
  }

  /** Growth is what the answer matters for: a pool that has to open no connection asks nothing. */
  wantsCapacity(size: number, now: number): boolean {
    const { serverLimitsFrom, serverLimitsMs } = this.#tuning;
    return size > serverLimitsFrom && now >= this.#readAt + serverLimitsMs;
  }

  /** Somebody is asking, or has asked. */
  asking(now: number): void {
    this.#readAt = now;
  }

  /** @param capacity undefined where it cannot be told: what was known before is taken for outdated. */
  learn(capacity: ServerCapacity | undefined): void {
    this.#capacity = capacity;
    this.#room = capacity === undefined ? undefined : roomFor(capacity, this.#tuning);
  }

  refused(open: number, now: number): void {
    this.#refusal = afterRefusal(this.#refusal, open, now, this.#tuning);
  }

  /** More is wanted: after its pause, a refusal is put to the test. */
  press(max: number, now: number): void {
    if (this.#refusal === undefined) return;
    this.#refusal = raised(this.#refusal, Math.min(max, this.#roomCap), now);
  }

  /** What the server allows, in words; undefined while it was not asked or could not tell. */
  describe(): string | undefined {
    if (this.#capacity === undefined || this.#room === undefined) return undefined;
    const { allows, cap } = this.#room;
    const left = cap < allows ? `, of which ${allows - cap} are left to others` : '';
    return `the server allows ${allows} (${limitsOf(this.#capacity)})${left}`;
  }
}
