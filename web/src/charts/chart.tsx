/* chart.tsx - one uPlot chart in a box of fixed height, with a legend that shows values. */
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import { useMedia } from '../hooks';
import { BAND_LABEL, font, paintBands, paintJumps, palette } from './paint';
import type { Band, Jump } from './series';
import { valueAt } from './series';
import type { Cell, Columns } from './series';

const HEIGHT = 280;

export interface Curve {
  label: string;
  points: boolean; // few values: each is marked
}

export interface ChartProps {
  title: string;
  note: string; // what x is
  columns: Columns;
  curves: readonly Curve[];
  bands: readonly Band[];
  jumps: readonly Jump[];
  xMax: number;
  log: boolean;
  limits: (lo: number, hi: number) => [number, number]; // of y, around the values
  value: (value: number | null) => string;
  tick: (value: number) => string;
  xTick: (value: number) => string;
}

interface Made {
  plot: uPlot;
  zoomed: boolean;
}

/* Logarithms want values above zero. */
function fit(columns: Columns, log: boolean): uPlot.AlignedData {
  const y = log ? columns.y.map((column) => column.map((v) => (typeof v === 'number' && v <= 0 ? null : v)))
    : columns.y;
  return [columns.x, ...y] as uPlot.AlignedData;
}

function extent(props: ChartProps): [number, number] {
  let lo = Infinity;
  let hi = -Infinity;
  const see = (value: Cell): void => {
    if (typeof value !== 'number' || (props.log && value <= 0)) return;
    lo = Math.min(lo, value);
    hi = Math.max(hi, value);
  };
  for (const column of props.columns.y) column.forEach(see);
  for (const jump of props.jumps) {
    see(jump.before);
    see(jump.after);
  }
  return lo <= hi ? props.limits(lo, hi) : props.limits(props.log ? 0.1 : 0, 1);
}

/* The chart asks `now` for what it shows, so that new values need no new chart. */
function options(now: () => ChartProps, made: () => Made | null, hover: (index: number | null) => void,
                 width: number): uPlot.Options {
  const colours = palette();
  const props = now();
  const axis: uPlot.Axis = {
    stroke: colours.quiet, font: font(), gap: 6,
    grid: { stroke: colours.grid, width: 1 }, ticks: { show: false },
  };
  return {
    width, height: HEIGHT,
    padding: [BAND_LABEL, 18, 0, 0],
    legend: { show: false },
    cursor: { sync: { key: 'run' }, y: false, points: { size: 7 }, drag: { x: true, y: false } },
    scales: {
      x: {
        time: false,
        range: (_u, lo, hi) => (made()?.zoomed ? [lo, hi] : [0, Math.max(now().xMax, 1e-9)]),
      },
      y: { distr: props.log ? 3 : 1, range: () => extent(now()) },
    },
    axes: [
      { ...axis, size: 30, space: 70, grid: { show: false },
        values: (_u, ticks) => ticks.map((tick) => now().xTick(tick)) },
      { ...axis, size: 54, space: 36,
        values: (_u, ticks) => ticks.map((tick) => (tick === null ? '' : now().tick(tick))) },
    ],
    series: [
      {},
      ...props.curves.map((curve, index) => ({
        label: curve.label,
        stroke: colours.curves[index] ?? colours.ink,
        width: curve.points ? 2 : 1.5,
        points: { show: curve.points, size: 6, fill: colours.surface, width: 2 },
      })),
    ],
    hooks: {
      drawClear: [(u) => paintBands(u, now().bands, colours)],
      draw: [(u) => paintJumps(u, now().jumps, colours)],
      setCursor: [(u) => hover(u.cursor.idx ?? null)],
      setSelect: [(u) => {
        const state = made();
        if (state && u.select.width > 0) state.zoomed = true;
      }],
    },
  };
}

function summary(props: ChartProps): string {
  const last = props.columns.x.length - 1;
  if (last < 0) return `${props.title}: no values yet.`;
  const parts = props.curves.map((curve, index) =>
    `${curve.label} ${props.value(valueAt(props.columns.y[index] ?? [], last))}`);
  return `${props.title} against ${props.note}. Newest: ${parts.join(', ')}. `
    + 'The table of levels has the values in text.';
}

export function Chart(props: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const made = useRef<Made | null>(null);
  const latest = useRef(props);
  latest.current = props;
  const [hover, setHover] = useState<number | null>(null);
  const dark = useMedia('(prefers-color-scheme: dark)');
  const data = useMemo(() => fit(props.columns, props.log), [props.columns, props.log]);
  const newest = useRef(data);
  newest.current = data;

  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    const plot = new uPlot(
      options(() => latest.current, () => made.current, setHover, element.clientWidth),
      newest.current, element);
    made.current = { plot, zoomed: false };
    const reset = (): void => {
      if (made.current) made.current.zoomed = false;
    };
    plot.over.addEventListener('dblclick', reset, { capture: true });
    const watcher = new ResizeObserver(() => {
      plot.setSize({ width: element.clientWidth, height: HEIGHT });
    });
    watcher.observe(element);
    return () => {
      watcher.disconnect();
      made.current = null;
      plot.destroy();
    };
  }, [dark, props.log, props.note]);

  useEffect(() => {
    const state = made.current;
    if (!state) return;
    if (state.zoomed) {
      state.plot.setData(data, false);
      state.plot.redraw();
    } else {
      state.plot.setData(data);
    }
  }, [data, props.bands, props.jumps, props.xMax]);

  const at = hover ?? props.columns.x.length - 1;
  const x = props.columns.x[at];
  return (
    <figure class="card chart" data-chart={props.title}>
      <figcaption class="card-head">
        <h2>{props.title}</h2>
        <ul class="legend">
          {props.curves.map((curve, index) => (
            <li key={curve.label} class={`curve-${index}${curve.points ? ' dots' : ''}`}>
              {curve.label} <span class="figure">{props.value(valueAt(props.columns.y[index] ?? [], at))}</span>
            </li>
          ))}
          <li class="where">{x === undefined ? '' : `${props.note} ${props.xTick(x)}`}</li>
        </ul>
      </figcaption>
      <div class="plot" ref={box} role="img" aria-label={summary(props)}>
        {props.columns.x.length === 0 &&
          <p class="nothing">The first values arrive after a few steps.</p>}
      </div>
    </figure>
  );
}
