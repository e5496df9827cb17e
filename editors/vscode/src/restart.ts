/** When to start the server again. */

const FIRST_DELAY_MS = 1_000;
const LONGEST_DELAY_MS = 30_000;
const MOST_CRASHES = 5;
/** One that ran this long was well; what happened before it no longer counts. */
const WELL_AFTER_MS = 60_000;

/** How long to wait before the next start, longer after each crash, until it is no use. */
export class Backoff {
  private crashes = 0;

  /** The wait in milliseconds, or undefined if it has crashed too often to be tried again. */
  afterCrash(ranForMs: number): number | undefined {
    if (ranForMs >= WELL_AFTER_MS) this.crashes = 0;
    this.crashes += 1;
    if (this.crashes > MOST_CRASHES) return undefined;
    return Math.min(FIRST_DELAY_MS * 2 ** (this.crashes - 1), LONGEST_DELAY_MS);
  }

  /** Whether the last crash was the first of its row, which is when a person is told. */
  get isFirst(): boolean {
    return this.crashes === 1;
  }

  /** Someone asked for a start: all tries are there again. */
  reset(): void {
    this.crashes = 0;
  }
}

/**
 * Runs `work` one at a time. What is asked for while it runs is done once, after it, however often
 * it was asked for.
 */
export class OneAtATime {
  private running: Promise<void> | undefined;
  private queued: Promise<void> | undefined;
  private readonly work: () => Promise<void>;

  constructor(work: () => Promise<void>) {
    this.work = work;
  }

  run(): Promise<void> {
    if (!this.running) {
      this.running = this.work().finally(() => (this.running = undefined));
      return this.running;
    }
    this.queued ??= this.running
      .catch(() => undefined)
      .then(() => {
        this.queued = undefined;
        return this.run();
      });
    return this.queued;
  }
}
