/* paint.ts - what is drawn behind and over the curves: bands of levels, marks of transfers. */
import type uPlot from 'uplot';
import * as format from '../format';
import type { Band, Jump } from './series';

export interface Palette {
  ink: string;
  quiet: string;
  grid: string;
  band: string;
  surface: string;
  curves: string[];
}

export function palette(): Palette {
  const style = getComputedStyle(document.documentElement);
  const of = (name: string): string => style.getPropertyValue(name).trim();
  return {
    ink: of('--ink'),
    quiet: of('--quiet'),
    grid: of('--grid'),
    band: of('--band'),
    surface: of('--surface'),
    curves: [of('--train'), of('--test')],
  };
}

export function font(): string {
  return `12px ${getComputedStyle(document.body).fontFamily}`;
}

export const BAND_LABEL = 24; // px above the plot, for the names of levels

/* Every other level is tinted; its size stands above where there is room. */
export function paintBands(u: uPlot, list: readonly Band[], colours: Palette): void {
  const { ctx } = u;
  const dpr = devicePixelRatio;
  const { left, width } = u.bbox;
  const top = u.bbox.top - BAND_LABEL * dpr;
  const height = u.bbox.height + BAND_LABEL * dpr;
  ctx.save();
  ctx.beginPath();
  ctx.rect(left, top, width, height);
  ctx.clip();
  ctx.font = font().replace('12px', `${11 * dpr}px`);
  ctx.textBaseline = 'top';
  ctx.textAlign = 'left';
  list.forEach((band, index) => {
    const from = Math.max(u.valToPos(band.from, 'x', true), left);
    const to = Math.min(u.valToPos(band.to, 'x', true), left + width);
    if (to <= from) return;
    if (index % 2 === 0) {
      ctx.fillStyle = colours.band;
      ctx.fillRect(from, top, to - from, height);
    }
    const size = format.pixels(band.level.resolution);
    const label = [`${size} · ${format.blocks(band.level.blocks)}`, size]
      .find((text) => ctx.measureText(text).width < to - from - 14 * dpr);
    if (label === undefined) return;
    ctx.fillStyle = colours.quiet;
    ctx.fillText(label, from + 7 * dpr, top + 6 * dpr);
  });
  ctx.restore();
}

function disc(ctx: CanvasRenderingContext2D, x: number, y: number, stroke: string, fill: string): void {
  ctx.beginPath();
  ctx.arc(x, y, 3.5 * devicePixelRatio, 0, 2 * Math.PI);
  ctx.fillStyle = fill;
  ctx.strokeStyle = stroke;
  ctx.fill();
  ctx.stroke();
}

/* A transfer: a dashed line, on it the probe's value before (hollow) and after (filled). */
export function paintJumps(u: uPlot, list: readonly Jump[], colours: Palette): void {
  const { ctx } = u;
  const dpr = devicePixelRatio;
  const { left, width } = u.bbox;
  const top = u.bbox.top - BAND_LABEL * dpr;
  const height = u.bbox.height + BAND_LABEL * dpr;
  ctx.save();
  ctx.beginPath();
  ctx.rect(left, top, width, height);
  ctx.clip();
  ctx.lineWidth = 1.25 * dpr;
  for (const jump of list) {
    const x = Math.round(u.valToPos(jump.x, 'x', true));
    ctx.strokeStyle = colours.quiet;
    ctx.setLineDash([2 * dpr, 4 * dpr]);
    ctx.beginPath();
    ctx.moveTo(x, top);
    ctx.lineTo(x, top + height);
    ctx.stroke();
    if (jump.before === null || jump.after === null) continue;
    const before = u.valToPos(jump.before, 'y', true);
    const after = u.valToPos(jump.after, 'y', true);
    ctx.setLineDash([]);
    ctx.strokeStyle = colours.ink;
    ctx.beginPath();
    ctx.moveTo(x, before);
    ctx.lineTo(x, after);
    ctx.stroke();
    disc(ctx, x, before, colours.ink, colours.surface);
    disc(ctx, x, after, colours.ink, colours.ink);
  }
  ctx.restore();
}
