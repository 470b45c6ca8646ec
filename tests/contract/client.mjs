/* client.mjs - plain HTTP to the daemon: any method, any header, every byte of the answer. */
import http from 'node:http';
import { gunzipSync } from 'node:zlib';

const PATIENCE_MS = 120_000;

/* The answer's head; its body is `answer.stream`. */
function begin(base, method, path, { headers = {}, body } = {}) {
  return new Promise((resolve, reject) => {
    const request = http.request(base + path, { method, headers, timeout: PATIENCE_MS });

    request.on('response', (stream) =>
      resolve({ status: stream.statusCode, headers: stream.headers, stream }));
    request.on('timeout', () => request.destroy(new Error(`${method} ${path}: no answer`)));
    request.on('error', reject);
    if (body !== undefined)
      request.setHeader('Content-Length', Buffer.byteLength(body));
    request.end(body);
  });
}

/* {status, headers, text}: the whole answer; what was squeezed is made whole. */
export async function ask(base, method, path, options) {
  const answer = await begin(base, method, path, options);
  const pieces = [];

  for await (const piece of answer.stream)
    pieces.push(piece);
  const bytes = Buffer.concat(pieces);
  const squeezed = answer.headers['content-encoding'] === 'gzip' && bytes.length > 0;

  return { ...answer, text: (squeezed ? gunzipSync(bytes) : bytes).toString() };
}

/* Takes what a stream says until enough(text) or its end. */
export async function listen(base, path, accept, enough = () => false, headers = {}) {
  const answer = await begin(base, 'GET', path, { headers: { Accept: accept, ...headers } });
  let text = '';

  for await (const piece of answer.stream) {
    text += piece;
    if (enough(text))
      break; // which ends the connection
  }
  return { ...answer, text };
}

/* The events of a text/event-stream, as {id, event, data}; comments are left out. */
export function events(text) {
  return text.split('\n\n').slice(0, -1).map((block) => {
    const event = {};

    for (const line of block.split('\n')) {
      const [, field, value] = /^([a-z]*): ?(.*)$/.exec(line) ?? [];

      if (field === undefined)
        throw new Error(`no line of an event stream: ${line}`);
      if (field !== '')
        event[field] = value;
    }
    return event;
  }).filter((event) => event.data !== undefined);
}
