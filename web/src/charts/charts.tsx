/* charts.tsx - loss and accuracy over the whole ladder, against steps, work or time. */
import { useMemo, useState } from 'preact/hooks';
import type { Level, Series } from '../api';
import * as format from '../format';
import { Chart } from './chart';
import { bands, columns, jumps } from './series';
import type { Axis, Columns } from './series';

const AXES: readonly { axis: Axis; label: string; note: string }[] = [
  { axis: 'step', label: 'Steps', note: 'step' },
  { axis: 'work', label: 'Work', note: 'work' },
  { axis: 'time', label: 'Time', note: 'time' },
];

const CURVES = [{ label: 'train', points: false }, { label: 'test', points: true }];

function lossLimits(log: boolean): (lo: number, hi: number) => [number, number] {
  return (lo, hi) => (log ? [lo / 1.3, hi * 1.6] : [0, hi * 1.12]);
}

function accuracyLimits(lo: number): [number, number] {
  return [Math.max(0, Math.floor((lo - 0.02) * 10) / 10), 1.04];
}

function accuracyTick(value: number): string {
  return value > 1.0001 ? '' : `${Math.round(value * 1000) / 10}%`;
}

function last(list: readonly Columns[]): number {
  return Math.max(0, ...list.map((one) => one.x[one.x.length - 1] ?? 0));
}

function Chooser({ axis, onAxis }: { axis: Axis; onAxis: (axis: Axis) => void }) {
  return (
    <fieldset class="choose">
      <legend class="hidden">Horizontal axis</legend>
      {AXES.map((one) => (
        <label key={one.axis}>
          <input type="radio" name="axis" value={one.axis} checked={axis === one.axis}
                 onChange={() => onAxis(one.axis)} />
          <span>{one.label}</span>
        </label>
      ))}
    </fieldset>
  );
}

export function Charts({ series, levels }: { series: readonly Series[]; levels: readonly Level[] }) {
  const [axis, setAxis] = useState<Axis>('step');
  const [log, setLog] = useState(false);
  const loss = useMemo(() => columns(series, ['train.loss', 'test.loss'], axis), [series, axis]);
  const accuracy = useMemo(
    () => columns(series, ['train.accuracy', 'test.accuracy'], axis), [series, axis]);
  const shown = useMemo(() => {
    const end = last([loss, accuracy]);
    const list = bands(levels, axis, end);
    return {
      bands: list,
      xMax: Math.max(end, list[list.length - 1]?.to ?? 0),
      loss: jumps(levels, axis, 'loss'),
      accuracy: jumps(levels, axis, 'accuracy'),
    };
  }, [levels, axis, loss, accuracy]);
  const note = AXES.find((one) => one.axis === axis)?.note ?? '';
  const xTick = axis === 'time' ? format.duration : axis === 'work' ? format.short : format.count;
  const common = { note, curves: CURVES, bands: shown.bands, xMax: shown.xMax, xTick };
  return (
    <section class="charts" aria-labelledby="charts-title">
      <div class="section-head">
        <h2 id="charts-title">Learning</h2>
        <label class="check">
          <input type="checkbox" checked={log} onChange={(event) => setLog(event.currentTarget.checked)} />
          Log loss
        </label>
        <Chooser axis={axis} onAxis={setAxis} />
      </div>
      <div class="pair even">
        <Chart {...common} title="Loss" columns={loss} jumps={shown.loss} log={log}
               limits={lossLimits(log)} value={format.loss}
               tick={(value) => String(Number(value.toPrecision(3)))} />
        <Chart {...common} title="Accuracy" columns={accuracy} jumps={shown.accuracy} log={false}
               limits={accuracyLimits} value={format.accuracy} tick={accuracyTick} />
      </div>
      <p class="quiet hint">
        Shaded bands are levels. At each transfer the hollow mark is the probe just before, the
        filled one just after. Drag to zoom, double-click to see all.
      </p>
    </section>
  );
}
