/* runs.tsx - the list of runs, newest first. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { address, isFinal } from '../api';
import type { Run, RunPage } from '../api';
import * as format from '../format';
import { useNow, useTitle } from '../hooks';
import { usePoll } from '../poll';
import { follow, runPath } from '../router';
import { SmallLadder } from './ladder';
import { Bar, Copy, Refused, State } from './parts';

const BUSY_MS = 1500;
const QUIET_MS = 4000;

/* Small, and free of data files, so that it works wherever the daemon does. */
function example(): string {
  return `curl ${location.origin}/v1/jobs -H 'Content-Type: application/json' -d '{
  "name": "first-steps",
  "data": {"set": "strokes"},
  "model": {"units": [{"channels": 16, "blocks": 4}, {"channels": 32, "blocks": 4}]},
  "levels": [{"resolution":  8, "blocks": [2, 2], "epochs": 2},
             {"resolution": 16, "blocks": [2, 2], "epochs": 2},
             {"resolution": 16, "blocks": [4, 4], "epochs": 2}]}'`;
}

function Empty() {
  const line = example();
  return (
    <section class="empty teach">
      <svg viewBox="0 0 240 96" width="240" height="96" aria-hidden="true">
        <rect x="8" y="64" width="48" height="28" rx="4" />
        <rect x="92" y="36" width="48" height="56" rx="4" />
        <rect x="176" y="4" width="48" height="88" rx="4" />
        <path d="M62 60l20-16M146 32l20-16" />
      </svg>
      <h2>No runs yet</h2>
      <p>
        A run trains a small network on small images first, then grows it: finer images, more
        layers, level after level. Submit this one and watch it climb. It needs no data
        files and takes a minute or two.
      </p>
      <div class="code">
        <pre tabIndex={0} aria-label="Command that submits an example">{line}</pre>
        <Copy text={line} label="Copy" />
      </div>
      <p class="quiet">This page notices by itself when the first run arrives.</p>
    </section>
  );
}

function remaining(run: Run): string {
  if (isFinal(run.state)) return format.duration(run.time);
  if (run.eta_s !== null) return `${format.duration(run.eta_s)} left`;
  return run.state === 'running' ? 'estimating' : (run.reason ?? 'waiting');
}

function Row({ run, now }: { run: Run; now: number }) {
  const accuracy = run.metrics['test.accuracy'];
  return (
    <tr role="row" data-run={run.id}>
      <td role="cell" class="c-state"><State state={run.state} /></td>
      <th role="rowheader" scope="row" class="c-name">
        <a href={runPath(run.id)} onClick={follow}>{run.name || run.id}</a>
        <span class="meta">{run.dataset}{run.attempt > 1 && ` · attempt ${run.attempt}`}</span>
      </th>
      <td role="cell" class="c-ladder"><SmallLadder run={run} /></td>
      <td role="cell" class="c-progress">
        <Bar value={run.progress} state={run.state} label={`Progress of ${run.name || run.id}`} />
        <span class="meta"><span class="figure">{format.progress(run.progress)}</span>
          <span class="wait" title={run.reason ?? undefined}>{remaining(run)}</span></span>
      </td>
      <td role="cell" class="c-accuracy">
        <span class="figure">{format.accuracy(accuracy)}</span>
        {accuracy !== undefined && <span class="meta">test</span>}
      </td>
      <td role="cell" class="c-age">
        <time dateTime={run.created_at} title={format.when(run.created_at)}>
          {format.age(run.created_at, now)}
        </time>
      </td>
    </tr>
  );
}

interface RowsProps {
  page: RunPage;
  more: number; // how many further pages are wanted
  now: number;
  onMore: () => void;
}

/* A page of the list, and after it the next one: each page begins where the one before it
 * ends now, so that nothing falls between two when new runs arrive. */
function Rows({ page, more, now, onMore }: RowsProps) {
  return (
    <>
      {page.runs.map((run) => <Row key={run.id} run={run} now={now} />)}
      {page.next !== null && more > 0 &&
        <Older cursor={page.next} more={more - 1} now={now} onMore={onMore} />}
      {page.next !== null && more === 0 &&
        <tr role="row" class="more"><td role="cell" colSpan={6}>
          <button type="button" class="button" onClick={onMore}>Show older runs</button>
        </td></tr>}
    </>
  );
}

function Older({ cursor, ...rest }: { cursor: string } & Omit<RowsProps, 'page'>) {
  const fresh = usePoll<RunPage>(address.runs(cursor), QUIET_MS).data;
  const last = useRef<RunPage | null>(null);
  if (fresh) last.current = fresh;
  return last.current && <Rows page={last.current} {...rest} />;
}

function Table({ page }: { page: RunPage }) {
  const [more, setMore] = useState(0);
  const now = useNow(5000);
  return (
    <table role="table" class="runs">
      <caption class="hidden">Runs, newest first</caption>
      <thead role="rowgroup">
        <tr role="row">
          <th role="columnheader" scope="col">State</th>
          <th role="columnheader" scope="col">Run</th>
          <th role="columnheader" scope="col">Ladder</th>
          <th role="columnheader" scope="col">Progress</th>
          <th role="columnheader" scope="col" class="right">Accuracy</th>
          <th role="columnheader" scope="col" class="right">Created</th>
        </tr>
      </thead>
      <tbody role="rowgroup">
        <Rows page={page} more={more} now={now} onMore={() => setMore(more + 1)} />
      </tbody>
    </table>
  );
}

export function RunsView() {
  const [busy, setBusy] = useState(true);
  const { data, problem } = usePoll<RunPage>(address.runs(null), busy ? BUSY_MS : QUIET_MS);
  const active = data?.runs.filter((run) => !isFinal(run.state)).length ?? 0;
  useEffect(() => setBusy(active > 0 || data === null), [active > 0, data === null]);
  useTitle(active > 0 ? `${active} active – odenet` : 'Runs – odenet');
  return (
    <>
      <div class="heading">
        <h1>Runs</h1>
        {data && data.runs.length > 0 &&
          <p class="quiet">{active === 0 ? 'none active' : `${active} active`}</p>}
      </div>
      {problem && <Refused problem={problem} what="The list cannot be shown" />}
      {data && (data.runs.length === 0 ? <Empty /> : <Table page={data} />)}
    </>
  );
}
