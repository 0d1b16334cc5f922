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
  #sinceMs = Number.NEGATIVE_INFINITY;
  #level = Number.POSITIVE_INFINITY;
  /** Nothing known: nobody asks for too much. */
  #meanAsked = Number.POSITIVE_INFINITY;

  /** A request came. @returns the share of its requests that this tenant may have, 0..1. */
  asked(tenant: string, nowMs: number): number {
    if (nowMs - this.#sinceMs >= WINDOW_MS) this.#roll(nowMs);
    let counts = this.#current.get(tenant);
    if (counts === undefined) {
      counts = { asked: 0, credit: this.#previous.get(tenant)?.credit ?? 0 };
      this.#current.set(tenant, counts);
    }
    counts.asked++;
    // One that begins now is judged by what it asked for so far.
    const asked = this.#previous.get(tenant)?.asked ?? counts.asked;
    return tenantShare({ asked, meanAsked: this.#meanAsked, level: this.#level });
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
    const asked = Array.from(this.#current.values(), (tenant) => tenant.asked);
    const total = asked.reduce((sum, n) => sum + n, 0);
    // A window in which the door was shut says nothing of what can be served.
    if (this.#admitted > 0) this.#level = fairLevel(asked, this.#admitted);
    this.#meanAsked = total / asked.length;
    // Nor does what was before nobody came for a while.
    const stale = nowMs - this.#sinceMs >= 2 * WINDOW_MS;
    if (stale) {
      this.#level = Number.POSITIVE_INFINITY;
      this.#meanAsked = Number.POSITIVE_INFINITY;
    }
    this.#previous = stale ? new Map() : this.#current;
    this.#current = new Map();
    this.#admitted = 0;
    this.#sinceMs = nowMs;
  }
}
