/* main.tsx - the dashboard: an address to a page, inside the shell. */
import { render } from 'preact';
import 'uplot/dist/uPlot.min.css';
import './style.css';
import { useRoute } from './router';
import type { Route } from './router';
import { useTokenWanted } from './session';
import { Login } from './views/login';
import { RunView } from './views/run';
import { RunsView } from './views/runs';
import { Shell } from './views/shell';
import { Unknown } from './views/parts';

function page(route: Route) {
  switch (route.page) {
    case 'runs':
      return <RunsView />;
    case 'run':
      return <RunView key={route.id} id={route.id} />;
    case 'unknown':
      return <Unknown title="No such page" text={`Nothing lives at ${route.path}.`} />;
  }
}

function App() {
  const route = useRoute();
  return <Shell>{useTokenWanted() ? <Login /> : page(route)}</Shell>;
}

const root = document.getElementById('page');
if (root) render(<App />, root);
