/* shell.tsx - what surrounds every page: the name, whether the daemon answers, its version. */
import type { ComponentChildren } from 'preact';
import { address } from '../api';
import type { Version } from '../api';
import * as format from '../format';
import { useNow } from '../hooks';
import { linkRetry, useLink } from '../link';
import { usePoll } from '../poll';
import { follow } from '../router';

function Mark() {
  return (
    <svg class="mark" viewBox="0 0 26 26" width="22" height="22" aria-hidden="true">
      <rect x="0" y="18" width="7" height="8" rx="1.5" />
      <rect x="9.5" y="10" width="7" height="16" rx="1.5" />
      <rect x="19" y="0" width="7" height="26" rx="1.5" />
    </svg>
  );
}

function Away() {
  const link = useLink();
  const now = useNow(1000);
  if (!link.away) return <div role="status" />;
  const wait = link.retryAt === null ? 0 : Math.ceil((link.retryAt - now) / 1000);
  return (
    <div class="away" role="status">
      <p>
        <strong>The daemon does not answer.</strong>{' '}
        {link.since !== null && <>What you see is from {format.timeOfDay(link.since)}. </>}
        <span aria-hidden="true">{wait > 0 ? `Asking again in ${wait} s.` : 'Asking again…'}</span>
      </p>
      <button type="button" class="button small" onClick={linkRetry}>Ask now</button>
    </div>
  );
}

export function Shell({ children }: { children: ComponentChildren }) {
  const version = usePoll<Version>(address.version, null).data;
  return (
    <>
      <a class="skip" href="#main">Skip to the content</a>
      <header class="top">
        <a class="brand" href="/" onClick={follow}><Mark />odenet</a>
        <span class="motto">coarse to fine</span>
      </header>
      <Away />
      <main id="main" tabIndex={-1}>{children}</main>
      <footer class="bottom">
        <span>odenet {version?.version ?? ''}</span>
        <nav aria-label="Data">
          <a href="/v1/runs">Runs as JSON</a>
          <a href="/v1/schemas/job.json">Job schema</a>
        </nav>
      </footer>
    </>
  );
}
