/*
 * poll.ts - keeping a document fresh.
 *
 * usePoll() reads an address again and again with If-None-Match; a 304 costs nothing and
 * draws nothing. Of one document never more than one request is under way. The newest
 * version is kept, so that coming back to a page shows it at once.
 */
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { problemOf } from './api';
import type { Problem } from './api';
import { linkHeard, linkLost, linkUp } from './link';
import { sessionHeard } from './session';

const TIMEOUT_MS = 15_000;
const HIDDEN_MS = 15_000; // nobody looks
const REFUSED_MS = 5_000; // the daemon is there but will not answer this
const KEPT = 100;

interface Entry<T> {
  url: string;
  data: T | null;
  etag: string | null;
  problem: Problem | null;
}

export interface Poll<T> {
  data: T | null; // the newest version known
  problem: Problem | null; // why the last request was refused
  refresh: () => void; // ask now
}

const kept = new Map<string, Entry<unknown>>();

function keep<T>(entry: Entry<T>): void {
  kept.delete(entry.url);
  kept.set(entry.url, entry);
  for (const oldest of kept.keys()) {
    if (kept.size <= KEPT) break;
    kept.delete(oldest);
  }
}

function recall<T>(url: string | null): Entry<T> | null {
  return url === null ? null : ((kept.get(url) as Entry<T> | undefined) ?? null);
}

type Read<T> = (answer: Response) => Promise<T>;

/* The entry after one request; null when nobody answered. */
async function ask<T>(
  url: string, known: Entry<T> | null, read: Read<T>, signal: AbortSignal,
): Promise<Entry<T> | null> {
  const headers: Record<string, string> = {};
  if (known?.etag) headers['If-None-Match'] = known.etag;
  try {
    const limit = AbortSignal.timeout(TIMEOUT_MS);
    const stop = new AbortController();
    const end = (): void => stop.abort();
    signal.addEventListener('abort', end, { once: true });
    limit.addEventListener('abort', end, { once: true });
    try {
      const answer = await fetch(url, { headers, cache: 'no-store', signal: stop.signal });
      if (answer.status === 502 || answer.status === 504) return null;
      linkHeard();
      sessionHeard(answer.status);
      if (answer.status === 304 && known) return { ...known, problem: null };
      if (!answer.ok) {
        return { url, data: known?.data ?? null, etag: known?.etag ?? null,
                 problem: await problemOf(answer) };
      }
      return { url, data: await read(answer), etag: answer.headers.get('etag'), problem: null };
    } finally {
      signal.removeEventListener('abort', end);
    }
  } catch {
    return null;
  }
}

/* Sleeps until the time is up, the page comes into view, or somebody calls wake(). */
class Nap {
  wake: () => void = () => {};

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const seen = (): void => {
        if (!document.hidden) done();
      };
      const timer = setTimeout(() => done(), ms);
      const done = (): void => {
        clearTimeout(timer);
        document.removeEventListener('visibilitychange', seen);
        resolve();
      };
      document.addEventListener('visibilitychange', seen);
      this.wake = done;
    });
  }
}

const readJson = async (answer: Response): Promise<unknown> => (await answer.json()) as unknown;
const readText = (answer: Response): Promise<string> => answer.text();

function usePolled<T>(url: string | null, every: number | null, read: Read<T>): Poll<T> {
  const [entry, setEntry] = useState<Entry<T> | null>(() => recall<T>(url));
  const nap = useRef(new Nap());

  useEffect(() => {
    if (url === null) return;
    const stop = new AbortController();
    const loop = async (): Promise<void> => {
      let shown = recall<T>(url);
      setEntry(shown);
      while (!stop.signal.aborted) {
        await linkUp();
        if (stop.signal.aborted) return;
        const before = recall<T>(url);
        const after = await ask(url, before, read, stop.signal);
        if (stop.signal.aborted) return;
        if (after === null) {
          linkLost();
          continue;
        }
        keep(after);
        if (after.data !== shown?.data || after.problem !== null || shown.problem !== null) {
          setEntry(after);
        }
        shown = after;
        if (every === null && after.problem === null) return;
        const wait = after.problem ? REFUSED_MS : (every ?? REFUSED_MS);
        await nap.current.sleep(document.hidden ? Math.max(wait, HIDDEN_MS) : wait);
      }
    };
    void loop();
    return () => {
      stop.abort();
      nap.current.wake();
    };
  }, [url, every, read]);

  const current = entry !== null && entry.url === url ? entry : recall<T>(url);
  const refresh = useCallback(() => nap.current.wake(), []);
  return { data: current?.data ?? null, problem: current?.problem ?? null, refresh };
}

/* every: ms between an answer and the next request; null: once. url null: not yet. */
export function usePoll<T>(url: string | null, every: number | null): Poll<T> {
  return usePolled<T>(url, every, readJson as Read<T>);
}

export function usePollText(url: string | null, every: number | null): Poll<string> {
  return usePolled<string>(url, every, readText);
}
