/* cancel.tsx - ending a run, after asking. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { cancelRun, isFinal } from '../api';
import type { Problem, Run } from '../api';

export function Cancel({ run, refresh }: { run: Run; refresh: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [asked, setAsked] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const final = isFinal(run.state);

  useEffect(() => {
    if (final) dialog.current?.close();
  }, [final]);

  const cancel = async (): Promise<void> => {
    dialog.current?.close();
    setAsked(true);
    setProblem(null);
    const refused = await cancelRun(run.id);
    if (refused) {
      setAsked(false);
      setProblem(refused);
    }
    refresh();
  };

  const why = final ? `This run has ${run.state === 'cancelled' ? 'been cancelled' : run.state}.`
    : asked ? 'The worker is being stopped.' : undefined;
  return (
    <div class="cancel">
      <button type="button" class="button" disabled={final || asked} title={why}
              aria-describedby={why ? 'cancel-why' : undefined}
              onClick={() => dialog.current?.showModal()}>
        {asked && !final ? 'Cancelling…' : 'Cancel run'}
      </button>
      {why && <span id="cancel-why" class="hidden">{why}</span>}
      {problem && <p class="notice bad" role="alert">{problem.detail}</p>}
      <dialog ref={dialog} aria-labelledby="cancel-title" aria-describedby="cancel-text">
        <h2 id="cancel-title">Cancel this run?</h2>
        <p id="cancel-text">
          Its worker stops after the step it is at. Metrics, log and checkpoints stay;
          the run does not go on.
        </p>
        <div class="choices">
          <button type="button" class="button" autofocus
                  onClick={() => dialog.current?.close()}>Keep it running</button>
          <button type="button" class="button danger" onClick={() => void cancel()}>
            Cancel the run</button>
        </div>
      </dialog>
    </div>
  );
}
