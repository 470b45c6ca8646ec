/* parts.tsx - small pieces that several pages use. */
import { useState } from 'preact/hooks';
import type { Problem, RunState } from '../api';
import * as format from '../format';
import { useTitle } from '../hooks';
import { follow } from '../router';

const SIGNS: Record<RunState, string> = {
  queued: 'M8 4v4.2l2.6 1.6',
  starting: 'M8 4v4.2l2.6 1.6',
  running: 'M6.4 5.2v5.6l4.4-2.8z',
  paused: 'M6.4 5.4v5.2M9.6 5.4v5.2',
  succeeded: 'M5 8.3l2.1 2.1L11 6',
  failed: 'M5.8 5.8l4.4 4.4M10.2 5.8l-4.4 4.4',
  cancelled: 'M5.2 8h5.6',
};

/* The state as sign, colour and word: none of them alone carries it. */
export function State({ state }: { state: RunState }) {
  return (
    <span class={`state ${state}`} data-state={state}>
      <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
        <circle cx="8" cy="8" r="7" />
        <path d={SIGNS[state]} />
      </svg>
      {state}
    </span>
  );
}

export function Bar({ value, label, state }: { value: number; label: string; state: RunState }) {
  return (
    <progress class={`bar ${state}`} max={1} value={Math.min(Math.max(value, 0), 1)}
              aria-label={label}>
      {format.progress(value)}
    </progress>
  );
}

export function Unknown({ title, text }: { title: string; text: string }) {
  useTitle(`${title} – odenet`);
  return (
    <section class="empty">
      <h1>{title}</h1>
      <p>{text}</p>
      <p><a href="/" onClick={follow}>All runs</a></p>
    </section>
  );
}

export function Refused({ problem, what }: { problem: Problem; what: string }) {
  return (
    <p class="notice bad" role="alert">
      <strong>{what}: {problem.title}.</strong> {problem.detail}
    </p>
  );
}

export function Copy({ text, label }: { text: string; label: string }) {
  const [done, setDone] = useState(false);
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text);
      setDone(true);
      setTimeout(() => setDone(false), 2000);
    } catch {
      setDone(false);
    }
  };
  return (
    <button type="button" class="button small" onClick={() => void copy()}>
      <span aria-live="polite">{done ? 'Copied' : label}</span>
    </button>
  );
}
