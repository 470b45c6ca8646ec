/* levels.tsx - the ladder as a table: the text alternative of the pictures. */
import type { Level, Probe, Run } from '../api';
import * as format from '../format';
import { look, WORDS } from './ladder';

type Value = (value: number | null) => string;

function Pair({ before, after, as, pick }: {
  before: Probe; after: Probe; as: Value; pick: 'loss' | 'accuracy';
}) {
  return (
    <>
      {as(before[pick])} <span aria-hidden="true">→</span><span class="hidden">to</span>{' '}
      {as(after[pick])}
    </>
  );
}

function Row({ level, run }: { level: Level; run: Run }) {
  const t = level.transfer;
  const state = look(level, run);
  return (
    <tr class={state} aria-current={state === 'running' ? 'step' : undefined}>
      <th scope="row">{level.level + 1}</th>
      <td class="left"><span class={`word ${state}`}>{WORDS[state]}</span></td>
      <td>{level.resolution}</td>
      <td>{format.blocks(level.blocks)}</td>
      <td>{format.count(level.epochs)}</td>
      <td>{format.count(level.steps)}</td>
      <td>{format.count(level.parameters)}</td>
      <td>{format.bytes(level.memory_bytes)}</td>
      <td>{format.short(level.work)}</td>
      <td>{format.duration(level.seconds)}</td>
      <td>{format.loss(level.metrics['test.loss'])}</td>
      <td class="strong">{format.accuracy(level.metrics['test.accuracy'])}</td>
      <td>{t ? <Pair before={t.before} after={t.after} as={format.accuracy} pick="accuracy" /> : '–'}</td>
      <td>{t ? <Pair before={t.before} after={t.after} as={format.loss} pick="loss" /> : '–'}</td>
    </tr>
  );
}

export function LevelTable({ run, levels }: { run: Run; levels: readonly Level[] }) {
  const probe = levels.find((level) => level.transfer)?.transfer?.probe_examples;
  return (
    <div class="scroll" role="region" aria-label="Levels, as a table" tabIndex={0}>
      <table class="levels">
        <caption class="hidden">Levels of the ladder</caption>
        <thead>
          <tr>
            <th scope="col">Level</th>
            <th scope="col" class="left">State</th>
            <th scope="col">Pixels</th>
            <th scope="col">Blocks</th>
            <th scope="col">Epochs</th>
            <th scope="col">Steps</th>
            <th scope="col">Parameters</th>
            <th scope="col">Memory</th>
            <th scope="col"><abbr title="One unit is one training step on one image at the finest level">Work</abbr></th>
            <th scope="col">Time</th>
            <th scope="col">Test loss</th>
            <th scope="col">Test accuracy</th>
            <th scope="col"><abbr title={`Accuracy on ${format.count(probe)} probe images, just before and just after parameters moved to this level`}>Transfer accuracy</abbr></th>
            <th scope="col"><abbr title="Loss on the same probe images">Transfer loss</abbr></th>
          </tr>
        </thead>
        <tbody>{levels.map((level) => <Row key={level.level} level={level} run={run} />)}</tbody>
      </table>
    </div>
  );
}
