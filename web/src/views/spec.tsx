/* spec.tsx - what was asked for, and what came out of it. */
import { address } from '../api';
import type { RunDetail } from '../api';
import * as format from '../format';
import { Copy } from './parts';

const MODEL = 'model.safetensors';

/* Indented, but with lists of numbers on one line. */
function pretty(value: unknown): string {
  return JSON.stringify(value, null, 2)
    .replace(/\[\s+((?:-?[\d.e+-]+,?\s*)+)\]/g, (_, list: string) =>
      `[${list.trim().replace(/\s+/g, ' ')}]`);
}

export function SpecCard({ run }: { run: RunDetail }) {
  const text = pretty(run.spec);
  const curl = `curl ${location.origin}/v1/jobs -H 'Content-Type: application/json' -d '${
    JSON.stringify(run.spec).replace(/'/g, `'\\''`)}'`;
  return (
    <section class="card spec" aria-labelledby="spec-title">
      <div class="card-head">
        <h2 id="spec-title">Job spec</h2>
        <div class="files">
          {run.artifacts.filter((file) => file.name !== MODEL).map((file) => (
            <a key={file.name} href={address.artifact(run.id, file.name)} download={file.name}>
              {file.name}</a>
          ))}
          <Copy text={curl} label="Copy as curl" />
        </div>
      </div>
      <pre tabIndex={0} aria-label="Job spec as JSON">{text}</pre>
    </section>
  );
}

export function Model({ run }: { run: RunDetail }) {
  const file = run.artifacts.find((one) => one.name === MODEL);
  if (!file) return null;
  return (
    <a class="button primary" href={address.artifact(run.id, file.name)} download={file.name}>
      <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
        <path d="M8 2.5v7.5M4.8 7.2L8 10.4l3.2-3.2M3 13.5h10" />
      </svg>
      {file.name}
      <span class="size">{format.bytes(file.bytes)}</span>
    </a>
  );
}
