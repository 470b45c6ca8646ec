/* router.ts - which page an address means, and going from one to another without a reload. */
import { useEffect, useState } from 'preact/hooks';

export type Route =
  | { page: 'runs' }
  | { page: 'run'; id: string }
  | { page: 'unknown'; path: string };

const RUN = /^\/runs\/([0-9a-hjkmnp-tv-z]{26})\/?$/;

export function parse(path: string): Route {
  if (path === '/' || path === '/runs' || path === '/runs/') return { page: 'runs' };
  const id = RUN.exec(path)?.[1];
  return id === undefined ? { page: 'unknown', path } : { page: 'run', id };
}

export function runPath(id: string): string {
  return `/runs/${id}`;
}

const listeners = new Set<() => void>();

export function navigate(path: string): void {
  history.pushState(null, '', path);
  window.scrollTo(0, 0);
  for (const tell of listeners) tell();
}

/* For a plain click on one of our own links; other clicks stay the browser's. */
export function follow(event: MouseEvent): void {
  const link = event.currentTarget;
  if (!(link instanceof HTMLAnchorElement) || event.button !== 0) return;
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  navigate(link.pathname);
}

export function useRoute(): Route {
  const [path, setPath] = useState(location.pathname);
  useEffect(() => {
    const tell = (): void => setPath(location.pathname);
    listeners.add(tell);
    window.addEventListener('popstate', tell);
    return () => {
      listeners.delete(tell);
      window.removeEventListener('popstate', tell);
    };
  }, []);
  return parse(path);
}
