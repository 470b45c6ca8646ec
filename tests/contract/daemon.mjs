/* daemon.mjs - a real daemon with a real worker, in a folder of its own. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const PATIENCE_MS = 1000 * (process.env.ODENET_PATIENCE_S ?? 120);

/* Asks until the answer is true; what it waits for has a deadline. */
export async function until(what, question) {
  const end = Date.now() + PATIENCE_MS;

  for (;;) {
    const found = await question();

    if (found)
      return found;
    if (Date.now() > end)
      throw new Error(`waited in vain until ${what}`);
    await new Promise((wake) => setTimeout(wake, 20));
  }
}

/* The worker is the real one, but for runs whose name says how they begin: "late" says nothing
 * for a while, "broken" leaves with the code of a data error, before its first record. */
const WORKER = `#!/bin/sh
if [ "$1" = train ] && grep -q '"name": *"late"' "$2"; then exec sleep 300; fi
if [ "$1" = train ] && grep -q '"name": *"broken"' "$2"; then exit 3; fi
exec "${resolve('odenet')}" "$@"
`;

/* {token, line}: a new token of the role, and its line for the token file. */
export function makeToken(name, role) {
  const [token, line] = execFileSync('./odenetd', ['--make-token', name, role],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trimEnd().split('\n').slice(-2);

  return { token, line };
}

export class Daemon {
  /* Flags beside its own; with lines for a token file, whoever asks has to show a token. */
  constructor({ flags = [], tokens } = {}) {
    this.folder = mkdtempSync(join(tmpdir(), 'odenet-contract-'));
    this.log = join(this.folder, 'daemon.log');
    const worker = join(this.folder, 'worker');
    const state = join(this.folder, 'state');
    const out = openSync(this.log, 'a');

    writeFileSync(worker, WORKER);
    chmodSync(worker, 0o755);
    if (tokens)
      writeFileSync(join(this.folder, 'tokens'), `${tokens.join('\n')}\n`, { mode: 0o600 });
    this.address = join(state, 'odenetd.address');
    this.process = spawn('./odenetd', ['--state-dir', state, '--data-dir', this.folder, '--port', '0',
      '--worker', worker, '--slots', '1', '--cores', '2', '--poll-ms', '20', '--grace-s', '10',
      '--max-body-bytes', '65536', ...(tokens ? ['--token-file', join(this.folder, 'tokens')] : []), ...flags], { stdio: ['ignore', out, out] });
    this.ended = once(this.process, 'exit');
  }

  async url() {
    await until('the daemon listens', () => {
      if (this.process.exitCode !== null)
        throw new Error(`the daemon ended: ${readFileSync(this.log)}`);
      return existsSync(this.address) && readFileSync(this.address, 'utf8').includes('\n');
    });
    return readFileSync(this.address, 'utf8').split('\n')[0].replace(/\/$/, '');
  }

  async close() {
    this.process.kill('SIGTERM'); // it stops its worker
    await this.ended;
    rmSync(this.folder, { recursive: true, force: true });
  }
}
