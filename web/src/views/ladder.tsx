/*
 * ladder.tsx - a network's growth, drawn.
 *
 * A level is drawn as its network: a bar for each block, as tall as the block's feature maps
 * are wide, unit after unit. So a finer level stands taller and a deeper one reaches further
 * to the right. What is trained is filled.
 */
import type { RefObject } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { address } from '../api';
import type { Level, LevelState, Run } from '../api';
import * as format from '../format';
import { usePoll } from '../poll';

const HEIGHT = 112;
const WIDTH = 240;
const LOW = 5;
const MOST_BARS = 72; // deeper networks are drawn as areas

interface Shape {
  x: number;
  width: number;
  height: number;
  from: number; // the part of the level's training after which this begins to fill
  to: number;
}

interface Scale {
  pixel: number; // height of one pixel of resolution
  block: number; // width of one block
}

function depth(level: Level): number {
  return level.blocks.reduce((a, b) => a + b, 0);
}

/* One scale for all levels, so that they can be compared. */
function scaleOf(levels: readonly Level[]): Scale {
  const tallest = Math.max(1, ...levels.map((level) => level.resolution));
  const gaps = 8 * Math.max(0, ...levels.map((level) => level.blocks.length - 1));
  const longest = Math.max(1, ...levels.map(depth));
  return {
    pixel: HEIGHT / tallest,
    block: Math.min(24, (WIDTH - gaps) / longest),
  };
}

function shapes(level: Level, scale: Scale): Shape[] {
  const total = Math.max(1, depth(level));
  const bars = total <= MOST_BARS;
  const list: Shape[] = [];
  let x = 0;
  let seen = 0;
  level.blocks.forEach((n, unit) => {
    const height = Math.max(LOW, (level.resolution / 2 ** unit) * scale.pixel);
    const pieces = bars ? n : 1;
    const width = (n * scale.block) / pieces;
    for (let i = 0; i < pieces; i++) {
      const share = n / pieces / total;
      list.push({
        x, height, width: bars ? Math.max(1, width - Math.min(4, width * 0.25)) : width,
        from: seen, to: seen + share,
      });
      x += width;
      seen += share;
    }
    x += 8;
  });
  return list;
}

function Network({ level, scale, done, state }: {
  level: Level; scale: Scale; done: number; state: string;
}) {
  return (
    <svg class={`network ${state}`} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true"
         preserveAspectRatio="xMinYMax meet">
      {shapes(level, scale).map((s) => {
        const filled = Math.min(Math.max((done - s.from) / (s.to - s.from), 0), 1);
        const radius = Math.min(3, s.width / 3);
        return (
          <g key={s.from}>
            <rect class="hollow" x={s.x} y={HEIGHT - s.height} width={s.width} height={s.height}
                  rx={radius} />
            {filled > 0 &&
              <rect class={filled < 1 ? 'full tip' : 'full'} x={s.x} width={s.width} rx={radius}
                    y={HEIGHT - s.height * filled} height={s.height * filled} />}
          </g>
        );
      })}
    </svg>
  );
}

/* How far a level is, from 0 to 1. */
export function levelDone(level: Level, levels: readonly Level[], run: Run): number {
  if (level.state === 'done') return 1;
  if (level.state !== 'running' || !level.steps) return 0;
  const before = levels.filter((other) => other.level < level.level && other.state !== 'skipped')
    .reduce((sum, other) => sum + (other.steps ?? 0), 0);
  return Math.min(Math.max((run.step - before) / level.steps, 0), 1);
}

/* As the level's state, but a level at which its run ended is not running any more. */
export type Look = LevelState | 'broken' | 'stopped';

function ended(run: Run): Look {
  return run.state === 'failed' ? 'broken' : run.state === 'cancelled' ? 'stopped' : 'running';
}

export function look(level: Level, run: Run): Look {
  return level.state === 'running' ? ended(run) : level.state;
}

export const WORDS: Record<Look, string> = {
  pending: 'to come', running: 'training', done: 'done', skipped: 'skipped',
  broken: 'failed here', stopped: 'stopped here',
};

function Change({ level }: { level: Level }) {
  const t = level.transfer;
  if (t === null) return null;
  return (
    <p class="change">
      <strong>{format.change(t.resolution, t.blocks)}</strong>
      <span class="kept" title="Accuracy on the probe batch, before and after the transfer">
        <span class="hidden">accuracy before and after: </span>
        {format.accuracy(t.before.accuracy)} <span aria-hidden="true">→</span>
        <span class="hidden"> to </span> {format.accuracy(t.after.accuracy)}
      </span>
    </p>
  );
}

/* What the step up from the level below will change, before it has happened. */
function Planned({ from, to }: { from: Level; to: Level }) {
  return (
    <p class="change planned">
      <strong>{format.change([from.resolution, to.resolution], [from.blocks, to.blocks])}</strong>
    </p>
  );
}

export function Ladder({ run, levels }: { run: Run; levels: readonly Level[] }) {
  const scale = scaleOf(levels);
  return (
    <ol class="ladder">
      {levels.map((level, index) => {
        const state = look(level, run);
        const below = levels[index - 1];
        const done = levelDone(level, levels, run);
        return (
          <li key={level.level} class={state} data-level={level.level} data-state={state}
              aria-current={state === 'running' ? 'step' : undefined}>
            {level.transfer ? <Change level={level} />
              : below ? <Planned from={below} to={level} />
              : <p class="change planned"><strong>first level</strong></p>}
            <Network level={level} scale={scale} done={done} state={state} />
            <h3>
              {level.resolution} × {level.resolution}
              <span class="depth">{format.blocks(level.blocks)} blocks</span>
            </h3>
            <p class="outcome">
              <span class={`word ${state}`}>{WORDS[state]}
                {state === 'running' && ` ${format.progress(done)}`}</span>
              {level.metrics['test.accuracy'] !== undefined &&
                <span class="figure">{format.accuracy(level.metrics['test.accuracy'])}</span>}
            </p>
          </li>
        );
      })}
    </ol>
  );
}

/* --- the small one, for lists ---------------------------------------------------------- */

interface Step {
  height: number;
  width: number;
  state: Look;
}

/* The plan never changes, so it is asked for once, when the row comes into view; the state
 * of each level follows from the run. */
function steps(run: Run, levels: readonly Level[] | null): Step[] {
  const tallest = Math.log2(1 + Math.max(1, ...(levels ?? []).map((level) => level.resolution)));
  const longest = Math.max(1, ...(levels ?? []).map(depth));
  const count = run.levels ?? 0;
  return Array.from({ length: count }, (_, index) => {
    const level = levels?.[index];
    const height = level ? Math.log2(1 + level.resolution) / tallest : (index + 1) / count;
    const now = run.level ?? -1;
    return {
      height: 6 + 24 * height ** 2,
      width: 7 + 11 * (level ? Math.sqrt(depth(level) / longest) : 0.5),
      state: run.state === 'succeeded' || index < now ? 'done' : index === now ? ended(run) : 'pending',
    };
  });
}

function useSeen(): [RefObject<HTMLDivElement>, boolean] {
  const box = useRef<HTMLDivElement>(null);
  const [seen, setSeen] = useState(false);
  useEffect(() => {
    if (!box.current || seen) return;
    const watcher = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) setSeen(true);
    });
    watcher.observe(box.current);
    return () => watcher.disconnect();
  }, [seen]);
  return [box, seen];
}

export function SmallLadder({ run }: { run: Run }) {
  const [box, seen] = useSeen();
  const plan = usePoll<{ levels: Level[] }>(seen && run.levels ? address.levels(run.id) : null, null);
  const list = steps(run, plan.data && plan.data.levels.length > 0 ? plan.data.levels : null);
  const gap = 3;
  const width = Math.max(list.reduce((sum, step) => sum + step.width + gap, -gap), 0);
  const at = run.levels === null ? 'a ladder to be made'
    : run.level === null ? `${run.levels} levels`
    : `level ${run.level + 1} of ${run.levels}`;
  let x = 0;
  return (
    <div class="small-ladder" ref={box}>
      <svg viewBox={`0 0 ${Math.max(width, 1)} 30`} width={width} height="30" aria-hidden="true"
           preserveAspectRatio="xMinYMax">
        {list.map((step, index) => {
          const left = x;
          x += step.width + gap;
          return <rect key={index} class={step.state} x={left} y={30 - step.height}
                       width={step.width} height={step.height} rx="2" />;
        })}
      </svg>
      <span class="meta">
        {at}
        {run.resolution !== null && <span class="grid">{format.pixels(run.resolution)} · {format.blocks(run.blocks)}</span>}
      </span>
    </div>
  );
}
