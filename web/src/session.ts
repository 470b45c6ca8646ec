/*
 * session.ts - whether the daemon wants a token first, and showing it one.
 *
 * It answers a token with a cookie that no script can read, so nothing is kept here.
 */
import { useEffect, useState } from 'preact/hooks';
import { address, problemOf } from './api';
import type { Problem } from './api';

let wanted = false;
const listeners = new Set<(wanted: boolean) => void>();

/* What an answer to anything says: 401, a token is wanted; else it is not. */
export function sessionHeard(status: number): void {
  const now = status === 401;
  if (now === wanted) return;
  wanted = now;
  for (const tell of listeners) tell(wanted);
}

/* Null when the daemon took the token, otherwise why it did not. */
export async function sessionBegin(token: string): Promise<Problem | null> {
  try {
    const answer = await fetch(address.session, {
      method: 'POST', headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ token }),
    });
    if (!answer.ok) return await problemOf(answer);
    sessionHeard(answer.status);
    return null;
  } catch {
    return { title: 'No answer', status: 0, detail: 'The daemon does not answer.' };
  }
}

export function useTokenWanted(): boolean {
  const [now, setNow] = useState(wanted);
  useEffect(() => {
    setNow(wanted);
    listeners.add(setNow);
    return () => void listeners.delete(setNow);
  }, []);
  return now;
}
