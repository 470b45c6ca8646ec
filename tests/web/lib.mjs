/* lib.mjs - the browser, and what every page must keep: quiet console, one origin. */
import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';

const PATIENCE_MS = 30_000;

/* Debian's Chromium, as headless as it gets; root has no sandbox. */
export async function openBrowser() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--disable-dev-shm-usage', ...(process.getuid?.() === 0 ? ['--no-sandbox'] : [])],
  });
}

/* Runs in the page. A chart's pixels, from a copy: reading a canvas itself makes it slow. */
function readChart() {
  window.readChart = (title) => {
    const canvas = document.querySelector(`[data-chart="${title}"] canvas`);
    const copy = new OffscreenCanvas(canvas.width, canvas.height);
    const ctx = copy.getContext('2d', { willReadFrequently: true });
    ctx.drawImage(canvas, 0, 0);
    return ctx.getImageData(0, 0, canvas.width, canvas.height);
  };
}

/*
 * A page that writes down what it must not do. complaints() asserts that it did none of it;
 * a daemon that is away makes the browser log failed requests, so `away` forgives those.
 */
export async function openPage(browser, options = {}) {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 }, reducedMotion: 'reduce', ...options,
  });
  await context.addInitScript(readChart);
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  const said = [];
  const hosts = new Set();
  page.on('console', (line) => {
    if (line.type() === 'error' || line.type() === 'warning') said.push(line.text());
  });
  page.on('pageerror', (error) => said.push(error.message));
  page.on('request', (request) => hosts.add(new URL(request.url()).origin));
  return {
    page,
    close: () => context.close(),
    complaints({ away = false, missing = false, refused = false } = {}) {
      const rest = said.filter((text) =>
        !(away && text.includes('net::ERR_')) && !(missing && text.includes('404'))
        && !(refused && text.includes('401')));
      assert.deepEqual(rest, [], 'the console is quiet');
      assert.deepEqual([...hosts], [new URL(page.url()).origin], 'nothing is asked elsewhere');
    },
  };
}

/* Waits until probe() returns something true, and returns it. */
export async function until(what, probe, patience_ms = PATIENCE_MS) {
  const end = Date.now() + patience_ms;
  for (;;) {
    const found = await probe();
    if (found) return found;
    if (Date.now() > end) assert.fail(`timed out waiting until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/* How many pixels of a chart have about this colour. */
export async function pixels(page, title, property) {
  return page.evaluate(([name, variable]) => {
    const probe = document.createElement('span');
    probe.style.color = getComputedStyle(document.documentElement).getPropertyValue(variable);
    document.body.append(probe);
    const [r, g, b] = getComputedStyle(probe).color.match(/\d+/g).map(Number);
    probe.remove();
    const { data } = window.readChart(name);
    let count = 0;
    for (let i = 0; i < data.length; i += 4) {
      const far = Math.abs(data[i] - r) + Math.abs(data[i + 1] - g) + Math.abs(data[i + 2] - b);
      if (data[i + 3] > 200 && far < 24) count++;
    }
    return count;
  }, [title, property]);
}
