/* run.tsx - everything about one run. */
import { useEffect, useState } from 'preact/hooks';
import { address, isFinal, levelsOfSpec } from '../api';
import type { Level, RunDetail, Series } from '../api';
import { Charts } from '../charts/charts';
import * as format from '../format';
import { useNow, useTitle } from '../hooks';
import { usePoll } from '../poll';
import { follow } from '../router';
import { Cancel } from './cancel';
import { Ladder } from './ladder';
import { LevelTable } from './levels';
import { Log } from './log';
import { Bar, Refused, State, Unknown } from './parts';
import { Model, SpecCard } from './spec';

const LIVE_MS = 1200;
const QUEUED_MS = 2000;
const FINAL_MS = 20_000; // a finished run may be run again

function Figure({ label, value, note }: { label: string; value: string; note?: string }) {
  return (
    <div class="figure-box">
      <dt>{label}</dt>
      <dd><span class="figure">{value}</span>{note && <span class="meta">{note}</span>}</dd>
    </div>
  );
}

function best(series: readonly Series[], name: string): number | null {
  const values = series.find((one) => one.name === name)?.points
    .map((point) => point.value).filter((value): value is number => value !== null) ?? [];
  return values.length === 0 ? null : Math.max(...values);
}

function Figures({ run, series }: { run: RunDetail; series: readonly Series[] }) {
  const top = best(series, 'test.accuracy');
  const left = isFinal(run.state) ? undefined
    : run.eta_s === null ? undefined : `${format.duration(run.eta_s)} left`;
  const train = run.metrics['train.loss'];
  return (
    <dl class="figures">
      <Figure label="Test accuracy" value={format.accuracy(run.metrics['test.accuracy'])}
              {...(top !== null && { note: `best ${format.accuracy(top)}` })} />
      <Figure label="Test loss" value={format.loss(run.metrics['test.loss'])}
              {...(train !== undefined && { note: `train ${format.loss(train)}` })} />
      <Figure label="Training time" value={format.duration(run.time)}
              {...(left !== undefined && { note: left })} />
      <Figure label="Step" value={format.count(run.step)} note={`of ${format.count(run.steps)}`} />
      <Figure label="Work" value={format.short(run.work)} note={`of ${format.short(run.total_work)} units`} />
    </dl>
  );
}

function Outcome({ run }: { run: RunDetail }) {
  if (run.error) {
    return (
      <div class="notice bad" role="alert" data-error>
        <p><strong>{run.error.text}</strong></p>
        <p class="meta">
          <code>{run.error.code}</code>{run.error.at ? <> at <code>{run.error.at}</code></> : null}
        </p>
      </div>
    );
  }
  if (run.reason && run.state !== 'succeeded') {
    return <p class="notice" role="status">{run.reason}</p>;
  }
  return null;
}

function Head({ run, refresh }: { run: RunDetail; refresh: () => void }) {
  const now = useNow(5000);
  return (
    <div class="run-head">
      <div>
        <p class="crumb"><a href="/" onClick={follow}>Runs</a></p>
        <h1>{run.name || 'Unnamed run'}</h1>
        <p class="facts">
          <State state={run.state} />
          <span>{run.dataset}</span>
          <span><time dateTime={run.created_at} title={format.when(run.created_at)}>
            {format.age(run.created_at, now)}</time></span>
          {run.attempt > 1 && <span>attempt {run.attempt} of {run.max_retries + 1}</span>}
          {run.priority !== 0 && <span>priority {run.priority}</span>}
          <code class="id">{run.id}</code>
        </p>
      </div>
      <div class="actions">
        <Model run={run} />
        <Cancel run={run} refresh={refresh} />
      </div>
    </div>
  );
}

function shownLevels(run: RunDetail, levels: Level[] | undefined): Level[] {
  return levels && levels.length > 0 ? levels : levelsOfSpec(run.spec);
}

function useFastWhile(): [number, (run: RunDetail | null) => void] {
  const [every, setEvery] = useState(LIVE_MS);
  return [every, (run) => {
    if (run === null) return;
    setEvery(isFinal(run.state) ? FINAL_MS : run.state === 'queued' ? QUEUED_MS : LIVE_MS);
  }];
}

export function RunView({ id }: { id: string }) {
  const [every, tune] = useFastWhile();
  const doc = usePoll<RunDetail>(address.run(id), every);
  const run = doc.data;
  useEffect(() => tune(run), [run?.state]);
  const live = run !== null && !isFinal(run.state);
  const pace = live ? every : null;
  const known = run !== null;
  const levels = usePoll<{ levels: Level[] }>(known ? address.levels(id) : null, pace);
  const metrics = usePoll<{ series: Series[] }>(known ? address.metrics(id) : null, pace);
  useTitle(run === null ? 'Run – odenet'
    : `${live ? format.progress(run.progress) : run.state} · ${run.name || 'run'} – odenet`);

  if (run === null) {
    if (doc.problem?.status === 404) {
      return <Unknown title="No such run" text={`There is no run ${id}. It may have been deleted.`} />;
    }
    return doc.problem ? <Refused problem={doc.problem} what="The run cannot be shown" />
      : <p class="loading" role="status">Loading…</p>;
  }
  const ladder = shownLevels(run, levels.data?.levels);
  const series = metrics.data?.series ?? [];
  return (
    <article class="run" data-run={run.id} data-run-state={run.state}>
      <Head run={run} refresh={doc.refresh} />
      {doc.problem && <Refused problem={doc.problem} what="This run cannot be refreshed" />}
      <div class="overall">
        <Bar value={run.progress} state={run.state} label="Progress of the run" />
        <span class="figure">{format.progress(run.progress)}</span>
      </div>
      <Outcome run={run} />
      <Figures run={run} series={series} />
      <section aria-labelledby="ladder-title">
        <h2 id="ladder-title">Ladder</h2>
        <div class="card">
          <Ladder run={run} levels={ladder} />
          <LevelTable run={run} levels={ladder} />
        </div>
      </section>
      <Charts series={series} levels={ladder} />
      <div class="pair">
        <Log id={id} live={live} />
        <SpecCard run={run} />
      </div>
    </article>
  );
}
