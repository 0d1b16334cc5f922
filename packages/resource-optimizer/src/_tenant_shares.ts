import { fairLevel, tenantShare } from './_fair_share_policy.ts';

/** What was asked is counted over windows of this length; what a tenant may have follows from the last full one. */
const WINDOW_MS = 500;

interface Tenant {
  asked: number;
  /** Turns saved up. */
  credit: number;
}

/**
 * Which share of its requests each tenant may have, and whose turn it is at that share. Remembers the tenants of one window and
 * the one before, so it is as large as the traffic and no larger. Knows no clock; time is an argument.
 */
export class TenantShares {
  #current = new Map<string, Tenant>();
  #previous: ReadonlyMap<string, Tenant> = new Map();
  #admitted = 0;
  /** What could be served in a window, of late. */
  #capacity = 0;
  #sinceMs = Number.NEGATIVE_INFINITY;
  #level = Number.POSITIVE_INFINITY;
  /** Of the window before, and so far of this one. */
  #meanAsked = 0;
  #asked = 0;

  /** A request came. @returns the share of its requests that this tenant may have, 0..1, or `common`: that of everybody. */
  asked(tenant: string, nowMs: number): number | 'common' {
    if (nowMs - this.#sinceMs >= WINDOW_MS) this.#roll(nowMs);
    let counts = this.#current.get(tenant);
    const before = this.#previous.get(tenant);
    if (counts === undefined) {
      counts = { asked: 0, credit: before?.credit ?? 0 };
      this.#current.set(tenant, counts);
    }
    counts.asked++;
    this.#asked++;
    return tenantShare({
      // One that becomes noisy is noticed before the window is over.
      asked: Math.max(before?.asked ?? 0, counts.asked),
      meanAsked: this.#previous.size > 0 ? this.#meanAsked : this.#asked / this.#current.size,
      level: this.#level,
    });
  }

  /** Whether it is this request's turn when `share` of the tenant's are to be let in. Only after {@link asked}. */
  turn(tenant: string, share: number): boolean {
    if (share >= 1) return true;
    const counts = this.#current.get(tenant);
    if (counts === undefined) return false;
    counts.credit += share;
    if (counts.credit < 1) return false;
    counts.credit -= 1;
    return true;
  }

  /** A request of a tenant was let in. */
  admitted(): void {
    this.#admitted++;
  }

  #roll(nowMs: number): void {
    // What was before nobody came for a while says nothing of now.
    const stale = nowMs - this.#sinceMs >= 2 * WINDOW_MS;
    // A window in which the door was shut most of the time says little of what can be served: the quiet would be cut for it.
    this.#capacity = stale ? 0 : Math.max(this.#admitted, this.#capacity / 2);
    const asked = Array.from(this.#current.values(), (tenant) => tenant.asked);
    this.#level = stale ? Number.POSITIVE_INFINITY : fairLevel(asked, this.#capacity);
    this.#meanAsked = this.#asked / Math.max(1, asked.length);
    this.#previous = stale ? new Map() : this.#current;
    this.#current = new Map();
    this.#admitted = 0;
    this.#asked = 0;
    this.#sinceMs = nowMs;
  }
}
