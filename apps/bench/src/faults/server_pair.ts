import type { RunningPostgres } from '@fynlo/services/postgres';
import type { RunningStandby } from '@fynlo/services/standby';

/** A primary and the standby that follows it by streaming, which take each other's place. */
export class ServerPair {
  /** Of the case's database, on the one that was the primary first. */
  readonly url: string;
  primary: RunningPostgres;
  standby: RunningPostgres;
  readonly #promote: () => Promise<void>;

  constructor(url: string, primary: RunningPostgres, standby: RunningStandby) {
    this.url = url;
    this.primary = primary;
    this.standby = standby;
    this.#promote = standby.promote;
  }

  /** Of the case's database, on one of the two. */
  urlOf({ port }: RunningPostgres): string {
    const url = new URL(this.url);
    url.port = String(port);
    return url.href;
  }

  get hosts(): { host: string; port: number }[] {
    return [this.primary, this.standby].map(({ host, port }) => ({ host, port }));
  }

  /**
   * An orderly switchover: sessions are ended where they stand, nothing that was committed is lost, and the old primary comes back
   * read-only. Once.
   *
   * @returns when the new primary took writes
   */
  async switchOver(): Promise<number> {
    await this.primary.shutdown('fast');
    await this.#promote();
    const promotedAt = performance.now();
    await this.primary.follow(this.standby);
    [this.primary, this.standby] = [this.standby, this.primary];
    return promotedAt;
  }
}
