import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { Backoff, OneAtATime } from '../src/restart.ts';

describe('Backoff', () => {
  it('waits longer after each crash, and gives up in the end', () => {
    const backoff = new Backoff();
    const waits = Array.from({ length: 6 }, () => backoff.afterCrash(10));
    assert.deepEqual(waits, [1_000, 2_000, 4_000, 8_000, 16_000, undefined]);
  });

  it('forgets crashes after a long run', () => {
    const backoff = new Backoff();
    for (let i = 0; i < 5; i++) backoff.afterCrash(10);
    assert.equal(backoff.afterCrash(3_600_000), 1_000);
    assert.ok(backoff.isFirst);
  });

  it('starts over when someone asks for a start', () => {
    const backoff = new Backoff();
    for (let i = 0; i < 6; i++) backoff.afterCrash(10);
    backoff.reset();
    assert.equal(backoff.afterCrash(10), 1_000);
  });

  it('tells the first crash of a row from the others', () => {
    const backoff = new Backoff();
    backoff.afterCrash(10);
    assert.ok(backoff.isFirst);
    backoff.afterCrash(10);
    assert.ok(!backoff.isFirst);
  });
});

describe('OneAtATime', () => {
  /** Work that ends when told, and how often it has begun. */
  function scripted(): { one: OneAtATime; ends: (() => void)[] } {
    const ends: (() => void)[] = [];
    const one = new OneAtATime(() => new Promise((resolve) => ends.push(resolve)));
    return { one, ends };
  }

  it('does what is asked for meanwhile once, afterwards', async () => {
    const { one, ends } = scripted();
    const first = one.run();
    const others = [one.run(), one.run(), one.run()];
    assert.equal(ends.length, 1);
    ends[0]?.();
    await first;
    await new Promise(setImmediate);
    assert.equal(ends.length, 2);
    ends[1]?.();
    await Promise.all(others);
    assert.equal(ends.length, 2);
  });

  it('runs again later', async () => {
    const { one, ends } = scripted();
    for (let i = 0; i < 3; i++) {
      const run = one.run();
      ends[i]?.();
      await run;
    }
    assert.equal(ends.length, 3);
  });

  it('goes on after work that failed', async () => {
    let count = 0;
    const one = new OneAtATime(async () => {
      count += 1;
      if (count === 1) throw new Error('first');
    });
    const failing = one.run();
    const next = one.run();
    await assert.rejects(failing, /first/);
    await next;
    assert.equal(count, 2);
  });
});
