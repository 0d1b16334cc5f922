import { AdmissionShare } from './_admission_share.ts';
import { LoopTurns } from './_loop_turns.ts';
import type { ShedConfig, ShedState } from './_shed_policy.ts';
import { nextShed, OPEN, openShare, refusal } from './_shed_policy.ts';
import { TenantShares } from './_tenant_shares.ts';
import type { Clock, TimerLike } from './clock.ts';
import type { OverloadReason, Priority } from './errors.ts';
import { InvalidOptionError, OverloadedError } from './errors.ts';
import type { LoopReading } from './host_probe.ts';
import { loopUtilization } from './metrics.ts';
import type { PressureLevel } from './pressure_policy.ts';

/** A queue whose oldest entry's age says whether requests are served in time. */
export interface WatchedQueue {
  readonly name: string;
  /** How long the first in the queue has waited, in ms; 0 when it is empty. Called often: must be cheap. */
  oldestAgeMs(): number;
}

/** Shedding began or ended. */
export interface SheddingEvent {
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
  readonly shedding: boolean;
  /** The queue that is (or was) too old, and its age. */
  readonly queue: string;
  readonly queueAgeMs: number;
  readonly utilization: number;
}

/** Counts are since the optimizer was made. */
export interface AdmissionStats {
  readonly shedding: boolean;
  readonly queueAgeMs: number;
  readonly admitted: number;
  readonly refused: Readonly<Partial<Record<OverloadReason, number>>>;
}

/** What the controller is told from outside at every request. */
export interface AdmissionSurroundings {
  readonly memory: PressureLevel;
  readonly cpu: PressureLevel;
  /** Shares of memory limit and cores in use, for the error's message. */
  readonly memoryValue: number;
  readonly cpuValue: number;
}

/** What is decided here, and not by options: how a stall is told from an overload. */
type StallConfig = Pick<ShedConfig, 'drainMs' | 'stallMs' | 'stallEveryMs'>;

export interface AdmissionConfig extends Omit<ShedConfig, keyof StallConfig> {
  readonly memoryTarget: number;
  readonly cpuTarget: number;
  /** How long a refused request should wait when memory or CPU was the reason. */
  readonly pressureRetryMs: number;
}

/** How often the queues are looked at while requests come. */
const TICK_MS = 100;
/** Between ticks a request looks for itself, at most this often. */
const LOOK_MS = 10;
/** Nobody came for this long: the tick rests. */
const REST_AFTER_MS = 2000;

/** A whole tick missed is a stall. */
const STALL: StallConfig = { drainMs: 2000, stallMs: 2 * TICK_MS, stallEveryMs: 10_000 };

/** The door: lets requests in or refuses them by {@link nextShed} and {@link refusal}. Owns one timer while requests come. */
export class AdmissionController {
  readonly #clock: Clock;
  readonly #config: AdmissionConfig & ShedConfig;
  readonly #readLoop: () => LoopReading;
  readonly #surroundings: () => AdmissionSurroundings;
  readonly #onChange: (event: SheddingEvent) => void;
  readonly #queues = new Set<WatchedQueue>();
  readonly #slowQueues = new Set<WatchedQueue>();
  readonly #turns: LoopTurns;
  readonly #share = new AdmissionShare();
  readonly #tenants = new TenantShares();
  #state: ShedState = OPEN;
  #tick: TimerLike | undefined;
  #watching = false;
  #lastRequestMs = 0;
  #utilization = 0;
  #loop: LoopReading;
  #loopAtMs = 0;
  #slowAgeMs = 0;
  #slowQueue = '';
  #peakAgeMs = 0;
  #open = false;
  #admitted = 0;
  readonly #refused: Partial<Record<OverloadReason, number>> = {};

  constructor(
    clock: Clock,
    config: AdmissionConfig,
    readLoop: () => LoopReading,
    surroundings: () => AdmissionSurroundings,
    onChange: (event: SheddingEvent) => void,
  ) {
    this.#clock = clock;
    this.#config = { ...config, ...STALL };
    this.#readLoop = readLoop;
    this.#loop = readLoop();
    this.#surroundings = surroundings;
    this.#onChange = onChange;
    this.#turns = new LoopTurns(clock);
  }

  /** @param slow for a queue whose age is not cheap to get: asked only ten times a second */
  watch(queue: WatchedQueue, slow: boolean = false): () => void {
    if (typeof queue?.oldestAgeMs !== 'function' || typeof queue.name !== 'string') {
      throw new InvalidOptionError('queue', queue, 'an object with name and oldestAgeMs()');
    }
    const queues = slow ? this.#slowQueues : this.#queues;
    queues.add(queue);
    return () => void queues.delete(queue);
  }

  start(): void {
    this.#open = true;
  }

  /** From here on everything is let in. */
  stop(): void {
    this.#open = false;
    this.#tick?.cancel();
    this.#watching = false;
    if (this.#state.shedding) this.#change({ ...OPEN });
    this.#state = OPEN;
  }

  /**
   * @param tenant on whose behalf; while not all can be served, one that asks for no more than its fair part is let in
   * @throws OverloadedError
   */
  admit(priority: Priority, tenant?: string): void {
    if (!this.#open) {
      this.#admitted++;
      return;
    }
    const now = this.#clock.now();
    this.#lastRequestMs = now;
    this.#turns.enter(now);
    const { observedAtMs } = this.#state;
    if (observedAtMs === undefined || now - observedAtMs >= LOOK_MS) this.#observe(now);
    if (!this.#watching) {
      this.#watching = true;
      this.#arm();
    }

    const around = this.#surroundings();
    const age = this.#age(now);
    const { shedding } = this.#state;
    const { memory, cpu } = around;
    // Only those who take part in the turns move them.
    const byTurn = shedding && priority === 'normal' && memory !== 'critical';
    // Counted while nobody is refused as well: when it comes to that, it is known who is noisy.
    const fair = tenant === undefined ? 'common' : this.#tenants.asked(tenant, now);
    const turn = !byTurn || this.#hasTurn(age.ms, tenant, fair);
    if (byTurn) this.#share.count(turn, now);
    const reason = refusal({ priority, shedding, turn, memory, cpu });
    if (reason === undefined) {
      this.#admitted++;
      if (tenant !== undefined) this.#tenants.admitted();
      return;
    }
    throw this.#refuse(reason, priority, age, around);
  }

  #hasTurn(ageMs: number, tenant: string | undefined, fair: number | 'common'): boolean {
    if (tenant === undefined || fair === 'common') {
      return this.#share.turn(openShare(ageMs, this.#share.learned(), this.#config));
    }
    return fair >= 1 || this.#tenants.turn(tenant, openShare(ageMs, fair, this.#config));
  }

  stats(): AdmissionStats {
    return {
      shedding: this.#state.shedding,
      queueAgeMs: this.#open ? this.#age(this.#clock.now()).ms : 0,
      admitted: this.#admitted,
      refused: { ...this.#refused },
    };
  }

  #refuse(
    reason: Exclude<OverloadReason, 'queue-full'>,
    priority: Priority,
    age: { readonly ms: number; readonly queue: string },
    around: AdmissionSurroundings,
  ): OverloadedError {
    const config = this.#config;
    // A low-priority request is refused until shedding ends: what must come down is the queue, unless the loop is the reason.
    const drained = reason === 'event-loop' && this.#utilization < config.utilization;
    const told: OverloadReason = drained ? 'queue-age' : reason;
    this.#refused[told] = (this.#refused[told] ?? 0) + 1;
    const facts = {
      // Under the limit it was refused for the sake of those who come after it: what it saw then is the queue's peak.
      'queue-age':
        drained || age.ms <= config.queueAgeMs
          ? [this.#peakAgeMs, config.queueAgeMs / 2, config.releaseMs]
          : [age.ms, config.queueAgeMs, age.ms],
      'event-loop': [this.#utilization, config.utilization, config.releaseMs],
      memory: [around.memoryValue, config.memoryTarget, config.pressureRetryMs],
      cpu: [around.cpuValue, config.cpuTarget, config.pressureRetryMs],
    } as const;
    const [value, limit, retryAfterMs] = facts[told];
    return new OverloadedError({
      reason: told,
      value,
      limit,
      retryAfterMs,
      priority,
      ...(told === 'queue-age' && { queue: age.queue }),
    });
  }

  #arm(): void {
    this.#tick = this.#clock.setTimeout(() => {
      const now = this.#clock.now();
      this.#observe(now);
      this.#watching = now - this.#lastRequestMs < REST_AFTER_MS || this.#state.shedding;
      if (this.#watching) this.#arm();
    }, TICK_MS);
  }

  #observe(now: number): void {
    if (now - this.#loopAtMs >= TICK_MS) this.#look(now);
    const { ms, queue } = this.#age(now);
    const before = this.#state;
    const after = nextShed(
      before,
      {
        nowMs: now,
        queueAgeMs: ms,
        utilization: this.#utilization,
        watched: this.#watching,
      },
      this.#config,
    );
    this.#state = after;
    if (after.shedding) this.#peakAgeMs = Math.max(before.shedding ? this.#peakAgeMs : 0, ms);
    if (after.shedding !== before.shedding) {
      this.#share.reset(now);
      this.#change(after, queue, ms);
    }
  }

  /** What is not cheap enough for every request. */
  #look(now: number): void {
    const loop = this.#readLoop();
    this.#utilization = loopUtilization(loop, this.#loop);
    this.#loop = loop;
    this.#loopAtMs = now;
    this.#slowAgeMs = 0;
    for (const queue of this.#slowQueues) {
      const age = safeAge(queue);
      if (age <= this.#slowAgeMs) continue;
      this.#slowAgeMs = age;
      this.#slowQueue = queue.name;
    }
  }

  #age(now: number): { ms: number; queue: string } {
    let ms = this.#slowAgeMs;
    let queue = this.#slowQueue;
    for (const candidate of this.#queues) {
      const age = safeAge(candidate);
      if (age <= ms) continue;
      ms = age;
      queue = candidate.name;
    }
    // Only a saturated loop has a queue of its own; else a long turn is one slow function.
    const turn = this.#utilization >= this.#config.utilization ? this.#turns.waitedMs(now) : 0;
    return turn > ms ? { ms: turn, queue: 'event loop' } : { ms, queue };
  }

  #change(state: ShedState, queue: string = '', queueAgeMs: number = 0): void {
    this.#onChange({
      at: this.#clock.wallNow(),
      shedding: state.shedding,
      queue,
      queueAgeMs,
      utilization: this.#utilization,
    });
  }
}

/** A queue that cannot tell its age must not close the door. */
function safeAge(queue: WatchedQueue): number {
  try {
    const age = queue.oldestAgeMs();
    return Number.isFinite(age) ? age : 0;
  } catch {
    return 0;
  }
}
