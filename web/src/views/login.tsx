/* login.tsx - what is shown instead of any page while the daemon wants a token. */
import { useState } from 'preact/hooks';
import type { Problem } from '../api';
import { useTitle } from '../hooks';
import { sessionBegin } from '../session';
import { Refused } from './parts';

export function Login() {
  const [token, setToken] = useState('');
  const [problem, setProblem] = useState<Problem | null>(null);
  const [busy, setBusy] = useState(false);
  useTitle('A token, please – odenet');

  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setProblem(await sessionBegin(token.trim()));
    setBusy(false);
  };

  return (
    <section class="login">
      <h1>A token, please</h1>
      <p>This daemon answers those who have one. Whoever runs it makes them with <code>odenetd --make-token</code>.</p>
      <form onSubmit={(event) => void submit(event)}>
        <label for="token">Token</label>
        <input id="token" type="password" autocomplete="current-password" required value={token}
               onInput={(event) => setToken(event.currentTarget.value)} />
        <button type="submit" class="button primary" disabled={busy}>Go on</button>
      </form>
      {problem && <Refused problem={problem} what="Not taken" />}
    </section>
  );
}
