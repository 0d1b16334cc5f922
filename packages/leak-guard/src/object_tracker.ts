/**
 * Tells of objects that were collected before they were closed, as Netty's `ResourceLeakDetector` does for buffers.
 *
 * @module
 */

import { LeakBook } from './_leak_book.ts';
import type { AcquireSite, SiteSampler } from './acquire_site.ts';
import type { LostObject } from './report.ts';

/** Says that the object was given back in order. */
export interface Tracker {
  /** Harmless when called again. */
  close(): void;
}

interface Tracked {
  readonly kind: string;
  readonly site: AcquireSite | undefined;
  readonly since: number;
}

export interface ObjectTrackerDependencies {
  readonly sampler: SiteSampler;
  readonly clock: { now(): number; wallNow(): number };
  lost(object: LostObject): void;
}

/** The objects that are open now, and those that were lost. */
export class ObjectTracker {
  readonly #deps: ObjectTrackerDependencies;
  readonly #book = new LeakBook<LostObject>();
  readonly #open = new Set<Tracked>();
  readonly #registry = new FinalizationRegistry<Tracked>((tracked) => this.#collected(tracked));

  constructor(deps: ObjectTrackerDependencies) {
    this.#deps = deps;
  }

  get openCount(): number {
    return this.#open.size;
  }

  get lostCount(): number {
    return this.#book.total;
  }

  /** @param entry the public function whose caller is wanted as the site */
  track(object: object, kind: string, entry: (...args: never[]) => unknown): Tracker {
    const { sampler, clock } = this.#deps;
    // Read at once: an unread stack refers to its frames' receivers, and the object may be one of them.
    const site = sampler.chosen() ? sampler.read(sampler.take(entry)) : undefined;
    const tracked: Tracked = { kind, site, since: clock.now() };
    this.#open.add(tracked);
    this.#registry.register(object, tracked, tracked);
    return {
      close: () => {
        if (!this.#open.delete(tracked)) return;
        this.#registry.unregister(tracked);
      },
    };
  }

  lost(): LostObject[] {
    return this.#book.list();
  }

  /** Forgets every open object; nothing is told of them any more. */
  stop(): void {
    for (const tracked of this.#open) this.#registry.unregister(tracked);
    this.#open.clear();
  }

  #collected(tracked: Tracked): void {
    if (!this.#open.delete(tracked)) return;
    const { clock } = this.#deps;
    const { kind, site } = tracked;
    const lost = this.#book.enter(`${kind} ${site?.at ?? ''}`, (occurrences) => ({
      type: 'object',
      kind,
      site: site?.at,
      stack: site?.stack ?? [],
      label: undefined,
      ageMs: clock.now() - tracked.since,
      detectedAt: clock.wallNow(),
      occurrences,
    }));
    this.#deps.lost(lost);
  }
}
