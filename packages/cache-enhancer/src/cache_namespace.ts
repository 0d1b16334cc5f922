import type {
  CachePerformanceEnhancer,
  InvalidationResult,
  InvalidationTarget,
} from './cache_performance_enhancer.ts';
import type { Loader } from './loader.ts';
import type { EntryOptions } from './options.ts';

/** A cache seen through a prefix: its keys and tags do not meet those of other namespaces. Metrics and limits are the cache's. */
export class CacheNamespace {
  readonly #cache: CachePerformanceEnhancer;
  readonly #prefix: string;

  constructor(cache: CachePerformanceEnhancer, prefix: string) {
    this.#cache = cache;
    this.#prefix = prefix;
  }

  getOrSet<T>(key: string, loader: Loader<T>, options?: EntryOptions): T | Promise<T> {
    return this.#cache.getOrSet(this.#prefix + key, loader, this.#prefixed(options));
  }

  get<T = unknown>(key: string): T | undefined | Promise<T | undefined> {
    return this.#cache.get<T>(this.#prefix + key);
  }

  getMany<T = unknown>(keys: readonly string[]): Promise<(T | undefined)[]> {
    return this.#cache.getMany<T>(keys.map((key) => this.#prefix + key));
  }

  peek<T = unknown>(key: string): T | undefined {
    return this.#cache.peek<T>(this.#prefix + key);
  }

  set<T>(key: string, value: T, options?: EntryOptions): Promise<void> {
    return this.#cache.set(this.#prefix + key, value, this.#prefixed(options));
  }

  invalidate(target: InvalidationTarget): Promise<InvalidationResult> {
    return this.#cache.invalidate({
      keys: (target.keys ?? []).map((key) => this.#prefix + key),
      tags: (target.tags ?? []).map((tag) => this.#prefix + tag),
    });
  }

  /** A namespace within this one. */
  namespace(name: string): CacheNamespace {
    return this.#cache.namespace(this.#prefix + name);
  }

  #prefixed(options: EntryOptions | undefined): EntryOptions | undefined {
    if (options?.tags === undefined) return options;
    return { ...options, tags: options.tags.map((tag) => this.#prefix + tag) };
  }
}
