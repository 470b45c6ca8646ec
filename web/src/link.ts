/*
 * link.ts - whether the daemon answers.
 *
 * All polling shares one link. Once a request finds nobody there, the pollers wait and a
 * single probe of /livez asks again, at growing distances; when it is answered, everybody
 * goes on at once.
 */
import { useEffect, useState } from 'preact/hooks';
import { address } from './api';

const DELAYS_MS = [500, 1000, 2000, 4000, 8000];
const PROBE_TIMEOUT_MS = 5000;

export interface LinkState {
  away: boolean;
  since: number | null; // when it was last heard of, ms
  retryAt: number | null; // when it is asked next, ms; null: just now
}

let state: LinkState = { away: false, since: null, retryAt: null };
let heard: number = Date.now();
let probing = false;
let wake: () => void = () => {};
const listeners = new Set<(state: LinkState) => void>();
const waiting = new Set<() => void>();

function set(next: LinkState): void {
  state = next;
  for (const tell of listeners) tell(next);
}

/* An answer came, whatever it says. */
export function linkHeard(): void {
  heard = Date.now();
}

export function linkLost(): void {
  if (!probing) void probe();
}

/* At once while the daemon answers; otherwise when it does again. */
export function linkUp(): Promise<void> {
  if (!state.away) return Promise.resolve();
  return new Promise((resolve) => waiting.add(resolve));
}

export function linkRetry(): void {
  wake();
}

async function answers(): Promise<boolean> {
  try {
    const answer = await fetch(address.livez, {
      cache: 'no-store', signal: AbortSignal.timeout(PROBE_TIMEOUT_MS),
    });
    return answer.status < 500;
  } catch {
    return false;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    wake = () => {
      clearTimeout(timer);
      resolve();
    };
  });
}

async function probe(): Promise<void> {
  probing = true;
  for (let tries = 0; ; tries++) {
    const delay = DELAYS_MS[Math.min(tries, DELAYS_MS.length - 1)] ?? 0;
    set({ away: true, since: heard, retryAt: Date.now() + delay });
    await pause(delay);
    set({ away: true, since: heard, retryAt: null });
    if (await answers()) break;
  }
  probing = false;
  linkHeard();
  set({ away: false, since: null, retryAt: null });
  for (const go of waiting) go();
  waiting.clear();
}

export function useLink(): LinkState {
  const [now, setNow] = useState(state);
  useEffect(() => {
    setNow(state);
    listeners.add(setNow);
    return () => void listeners.delete(setNow);
  }, []);
  return now;
}
