/* format.ts - numbers, times and names as people read them. A dash stands for "not known". */

const NONE = '–';

const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const percent = new Intl.NumberFormat('en-US', {
  style: 'percent', minimumFractionDigits: 1, maximumFractionDigits: 1,
});
const percentWhole = new Intl.NumberFormat('en-US', {
  style: 'percent', maximumFractionDigits: 0,
});
const compact = new Intl.NumberFormat('en-US', {
  notation: 'compact', maximumSignificantDigits: 3,
});
const three = new Intl.NumberFormat('en-US', {
  minimumSignificantDigits: 3, maximumSignificantDigits: 3,
});
const ago = new Intl.RelativeTimeFormat('en-US', { numeric: 'always', style: 'long' });
const stamp = new Intl.DateTimeFormat('en-US', { dateStyle: 'medium', timeStyle: 'medium' });
const clock = new Intl.DateTimeFormat('en-US', { timeStyle: 'medium' });

type Maybe = number | null | undefined;

function known(value: Maybe): value is number {
  return value !== null && value !== undefined && Number.isFinite(value);
}

export function count(value: Maybe): string {
  return known(value) ? whole.format(value) : NONE;
}

export function short(value: Maybe): string {
  return known(value) ? compact.format(value) : NONE;
}

export function accuracy(value: Maybe): string {
  return known(value) ? percent.format(value) : NONE;
}

/* Never "100%" before the end. */
export function progress(value: Maybe): string {
  if (!known(value)) return NONE;
  return percentWhole.format(value < 1 ? Math.min(value, 0.99) : 1);
}

export function loss(value: Maybe): string {
  if (!known(value)) return NONE;
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e5)) return value.toExponential(2);
  return three.format(value);
}

export function bytes(value: Maybe): string {
  if (!known(value)) return NONE;
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? whole.format(value) : three.format(value)} ${units[unit]}`;
}

export function duration(seconds: Maybe): string {
  if (!known(seconds)) return NONE;
  if (seconds > 0 && seconds < 10) return `${seconds.toFixed(1)} s`;
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${String(s % 60).padStart(2, '0')} s`;
  if (s < 86400) {
    return `${Math.floor(s / 3600)} h ${String(Math.floor((s % 3600) / 60)).padStart(2, '0')} min`;
  }
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

export function age(at: string, now: number): string {
  const seconds = (now - Date.parse(at)) / 1000;
  if (!Number.isFinite(seconds)) return NONE;
  if (seconds < 10) return 'just now';
  if (seconds < 60) return ago.format(-Math.floor(seconds), 'second');
  if (seconds < 3600) return ago.format(-Math.floor(seconds / 60), 'minute');
  if (seconds < 86400) return ago.format(-Math.floor(seconds / 3600), 'hour');
  return ago.format(-Math.floor(seconds / 86400), 'day');
}

export function when(at: string | null): string {
  return at === null ? NONE : stamp.format(new Date(at));
}

export function timeOfDay(ms: number): string {
  return clock.format(new Date(ms));
}

export function blocks(list: readonly number[] | null): string {
  return list === null || list.length === 0 ? NONE : list.join('-');
}

export function pixels(resolution: Maybe): string {
  return known(resolution) ? `${resolution} px` : NONE;
}

/* "2x resolution", "half the depth": what a transfer changed, in words. */
export function change(
  resolution: readonly [number, number], depth: readonly [number[], number[]],
): string {
  const sum = (list: number[]): number => list.reduce((a, b) => a + b, 0);
  const parts = [
    factor(resolution[1] / resolution[0], 'resolution'),
    factor(sum(depth[1]) / sum(depth[0]), 'depth'),
  ].filter((part) => part !== '');
  return parts.length === 0 ? 'same network' : parts.join(', ');
}

function factor(by: number, what: string): string {
  if (!Number.isFinite(by) || by === 1) return '';
  if (by === 0.5) return `½ ${what}`;
  return `${Number(by.toPrecision(2))}× ${what}`;
}
