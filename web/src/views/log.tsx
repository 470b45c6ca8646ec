/* log.tsx - the end of the worker's log. It follows until one scrolls up. */
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { address } from '../api';
import { usePollText } from '../poll';

const NEAR_PX = 24;

export function Log({ id, live }: { id: string; live: boolean }) {
  const { data, problem } = usePollText(address.log(id), live ? 2000 : null);
  const [follow, setFollow] = useState(true);
  const box = useRef<HTMLPreElement>(null);
  const text = data ?? '';

  useLayoutEffect(() => {
    if (follow && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [text, follow]);

  /* Scrolling is a wish too: up stops following, back to the end goes on. */
  useEffect(() => {
    const pre = box.current;
    if (!pre) return;
    const scrolled = (): void => {
      setFollow(pre.scrollHeight - pre.scrollTop - pre.clientHeight < NEAR_PX);
    };
    pre.addEventListener('scroll', scrolled, { passive: true });
    return () => pre.removeEventListener('scroll', scrolled);
  }, []);

  return (
    <section class="card log" aria-labelledby="log-title">
      <div class="card-head">
        <h2 id="log-title">Log</h2>
        <label class="check">
          <input type="checkbox" checked={follow}
                 onChange={(event) => setFollow(event.currentTarget.checked)} />
          Follow
        </label>
      </div>
      <pre ref={box} tabIndex={0} aria-label="End of the worker's log" data-log>
        {text !== '' ? text
          : problem && problem.status !== 404 ? problem.detail
          : 'Nothing yet: the worker writes here once it has started.'}
      </pre>
    </section>
  );
}
