/*
 * series.ts - from the API's series to uPlot's columns.
 *
 * All curves of a chart share one column of x values. Where a curve has no point it holds
 * undefined, which uPlot draws across; null is a gap: between two levels, as a transfer
 * changes the network, and where the value was not finite.
 */
import type { Level, Point, Probe, Series } from '../api';

export type Axis = 'step' | 'work' | 'time';

export type Cell = number | null | undefined;

export interface Columns {
  x: number[];
  y: Cell[][];
}

interface Mark {
  x: number;
  value: number | null;
}

/* A curve's points in order, with a gap between levels. */
function marks(points: readonly Point[], axis: Axis): Mark[] {
  const sorted = [...points].sort((a, b) => a.step - b.step);
  const list: Mark[] = [];
  let before: Point | undefined;
  for (const point of sorted) {
    if (before && before.level !== point.level) {
      list.push({ x: (before[axis] + point[axis]) / 2, value: null });
    }
    list.push({ x: point[axis], value: point.value });
    before = point;
  }
  return list;
}

/* A gap reaches from the last value before it to the first after it. */
function widen(column: Cell[]): void {
  let gap = false;
  const spread = (index: number): void => {
    if (column[index] === null) gap = true;
    else if (column[index] !== undefined) gap = false;
    else if (gap) column[index] = null;
  };
  for (let i = 0; i < column.length; i++) spread(i);
  gap = false;
  for (let i = column.length - 1; i >= 0; i--) spread(i);
}

export function columns(series: readonly Series[], names: readonly string[], axis: Axis): Columns {
  const curves = names.map((name) =>
    marks(series.find((one) => one.name === name)?.points ?? [], axis));
  const x = [...new Set(curves.flatMap((curve) => curve.map((mark) => mark.x)))]
    .sort((a, b) => a - b);
  const place = new Map(x.map((value, index) => [value, index]));
  const y = curves.map((curve) => {
    const column: Cell[] = new Array<Cell>(x.length).fill(undefined);
    for (const mark of curve) {
      const index = place.get(mark.x);
      if (index !== undefined) column[index] = mark.value;
    }
    widen(column);
    return column;
  });
  return { x, y };
}

/* The newest value of a curve at or before a place; null: none. */
export function valueAt(column: readonly Cell[], index: number): number | null {
  for (let i = Math.min(index, column.length - 1); i >= 0; i--) {
    const value = column[i];
    if (typeof value === 'number') return value;
  }
  return null;
}

export interface Band {
  from: number;
  to: number;
  level: Level;
}

export interface Jump {
  x: number;
  before: number | null;
  after: number | null;
}

/* Where each level begins and ends. A transfer says exactly; the plan says for steps and
 * work to come; of time to come nobody knows, so there bands end with the last value. */
export function bands(levels: readonly Level[], axis: Axis, last: number): Band[] {
  const list: Band[] = [];
  let at = 0;
  for (const level of levels) {
    if (level.state === 'skipped') continue;
    const from = level.transfer ? level.transfer[axis] : at;
    const span = axis === 'step' ? level.steps : axis === 'work' ? level.work : null;
    const before = list[list.length - 1];
    if (before) before.to = from;
    if (axis === 'time' && level.state === 'pending') break;
    at = axis === 'time' ? Math.max(last, from) : from + (span ?? 0);
    list.push({ from, to: at, level });
  }
  return list.filter((band) => band.to > band.from);
}

export function jumps(levels: readonly Level[], axis: Axis, what: keyof Probe): Jump[] {
  return levels.flatMap((level) => level.transfer
    ? [{ x: level.transfer[axis], before: level.transfer.before[what],
         after: level.transfer.after[what] }]
    : []);
}
