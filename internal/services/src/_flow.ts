import type { Socket } from 'node:net';
import type { FlowPlan } from './_fault_plan.ts';

/** As much may be under way in one direction: 100 ms of a very fast network. */
const IN_FLIGHT_LIMIT = 64 * 1024 * 1024;
/** As much waits before a slow link until the sender is told to wait: a socket's usual buffer. */
const LINK_BUFFER = 64 * 1024;
/** A slow link hands over what it carried this often. */
const LINK_SLICE_MS = 20;

interface Piece {
  /** What arrives; null is FIN. */
  readonly data: Buffer | null;
  due: number;
}

/**
 * One direction of a connection: takes what one socket receives and gives it to the other, as the plan says.
 *
 * A held direction is one whose source is not read: what was sent waits in the kernel's buffers, FIN and RST with it,
 * and arrives when the hold ends, as data does that TCP sends again after the network has healed.
 */
export class Flow {
  /** Bytes handed over. */
  bytes = 0;
  /** Bytes changed on the way. */
  corrupted = 0;

  readonly #source: Socket;
  #random: () => number;
  readonly #cut: () => void;
  #sink: Socket | undefined;
  #plan: FlowPlan;
  #queue: Piece[] = [];
  #first = 0;
  #queuedBytes = 0;
  #lastDue = 0;
  #linkFree = 0;
  #untilCorruption: number | undefined;
  #sinkFull = false;
  #over = false;
  #timer: NodeJS.Timeout | undefined;

  /** @param cut is called when the plan has cut the flow. */
  constructor(source: Socket, plan: FlowPlan, random: () => number, cut: () => void) {
    this.#source = source;
    this.#plan = plan;
    this.#random = random;
    this.#cut = cut;
    source.on('data', (data: Buffer) => this.#take(data));
    source.on('end', () => this.#finish());
    this.#steer();
  }

  /** Where it goes. Until then, everything waits. */
  attach(sink: Socket): void {
    this.#sink = sink;
    sink.on('drain', () => {
      this.#sinkFull = false;
      this.#pump();
    });
    this.#pump();
  }

  /** From now on, this plan. What is under way arrives by the new plan where that is sooner. */
  apply(plan: FlowPlan, random: () => number): void {
    this.#plan = plan;
    this.#random = random;
    this.#untilCorruption = undefined;
    const now = performance.now();
    const soonest = now + plan.delayMs + plan.jitterMs;
    this.#linkFree = now;
    this.#lastDue = Math.min(this.#lastDue, soonest);
    for (const piece of this.#queue.slice(this.#first)) piece.due = Math.min(piece.due, soonest);
    this.#pump();
  }

  /** Ends the flow where it stands; whatever else is sent is thrown away. */
  abandon(): void {
    this.#over = true;
    clearTimeout(this.#timer);
    this.#queue = [];
    this.#first = 0;
    this.#queuedBytes = 0;
    this.#steer();
  }

  #take(data: Buffer): void {
    if (this.#over) return;
    this.#corrupt(data);
    if (this.#plan.cutNext) {
      this.#schedule(data.subarray(0, -1));
      this.#finish();
      this.#cut();
      return;
    }
    const slice = Math.ceil((this.#plan.bytesPerSecond * LINK_SLICE_MS) / 1_000);
    for (let from = 0; from < data.length; from += slice) {
      this.#schedule(data.subarray(from, from + slice));
    }
    this.#pump();
  }

  #finish(): void {
    if (this.#over) return;
    this.#schedule(null);
    this.#over = true;
    this.#pump();
  }

  #schedule(data: Buffer | null): void {
    const { delayMs, jitterMs, bytesPerSecond } = this.#plan;
    const size = data?.length ?? 0;
    const now = performance.now();
    this.#linkFree = Math.max(this.#linkFree, now) + (size / bytesPerSecond) * 1_000;
    const jitter = jitterMs === 0 ? 0 : (this.#random() * 2 - 1) * jitterMs;
    const due = Math.max(this.#lastDue, this.#linkFree + Math.max(0, delayMs + jitter));
    this.#lastDue = due;
    this.#queue.push({ data, due });
    this.#queuedBytes += size;
  }

  /** Hands over what is due, and sets the timer for what is next. */
  #pump(): void {
    clearTimeout(this.#timer);
    const sink = this.#sink;
    if (sink !== undefined && !this.#plan.hold) {
      let next = this.#queue[this.#first];
      while (next !== undefined && next.due <= performance.now() && !this.#sinkFull) {
        this.#first++;
        this.#hand(next.data, sink);
        next = this.#queue[this.#first];
      }
      if (next === undefined || this.#first > 1_000) {
        this.#queue = this.#queue.slice(this.#first);
        this.#first = 0;
      }
      if (next !== undefined && !this.#sinkFull) {
        this.#timer = setTimeout(() => this.#pump(), Math.ceil(next.due - performance.now()));
      }
    }
    this.#steer();
  }

  #hand(data: Buffer | null, sink: Socket): void {
    this.#queuedBytes -= data?.length ?? 0;
    if (!sink.writable) return;
    if (data === null) {
      sink.end();
    } else if (data.length > 0) {
      this.bytes += data.length;
      this.#sinkFull = !sink.write(data);
    }
  }

  /** Reads from the source, or leaves what it is sent in the kernel. */
  #steer(): void {
    const limit = Number.isFinite(this.#plan.bytesPerSecond) ? LINK_BUFFER : IN_FLIGHT_LIMIT;
    const waits = this.#queuedBytes >= limit || this.#sinkFull || this.#sink === undefined;
    const reads = !this.#plan.hold && (this.#over || !waits);
    if (reads) this.#source.resume();
    else this.#source.pause();
  }

  #corrupt(data: Buffer): void {
    const { corruptEvery } = this.#plan;
    if (corruptEvery === Number.POSITIVE_INFINITY) return;
    // Evenly distributed gaps of 1 to 2n-1 bytes have the mean n.
    const gap = (): number => Math.floor(this.#random() * (2 * corruptEvery - 1));
    let at = this.#untilCorruption ?? gap();
    for (; at < data.length; at += 1 + gap()) {
      data.writeUInt8(data.readUInt8(at) ^ (1 + Math.floor(this.#random() * 255)), at);
      this.corrupted++;
    }
    this.#untilCorruption = at - data.length;
  }
}
