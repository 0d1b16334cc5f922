/** Watches what the client process itself spends from `start` to `stop`. */
export class ClientCost {
  #cpu = process.cpuUsage();
  #startedAt = performance.now();
  #rssPeak = 0;
  #timer: NodeJS.Timeout | undefined;

  start(): void {
    this.#cpu = process.cpuUsage();
    this.#startedAt = performance.now();
    this.#rssPeak = process.memoryUsage.rss();
    // 20 ms: a burst that peaks between two looks is at most that much younger; a look costs 9 us.
    this.#timer = setInterval(() => {
      this.#rssPeak = Math.max(this.#rssPeak, process.memoryUsage.rss());
    }, 20);
    this.#timer.unref();
  }

  stop(): { cpuMicros: number; cpuPercent: number; rssPeakMb: number; elapsedMs: number } {
    clearInterval(this.#timer);
    const { user, system } = process.cpuUsage(this.#cpu);
    const elapsedMs = performance.now() - this.#startedAt;
    this.#rssPeak = Math.max(this.#rssPeak, process.memoryUsage.rss());
    const cpuMicros = user + system;
    return {
      cpuMicros,
      cpuPercent: cpuMicros / elapsedMs / 10,
      rssPeakMb: this.#rssPeak / 2 ** 20,
      elapsedMs,
    };
  }
}
