import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { AskError, ask, type IntentKind, inPath, type Now, type RelayStream, type Server, type Stream } from './api';
import { type Consequences, failoverConsequences, intentConsequences, moveConsequences } from './consequences';
import { counted } from './format';
import { Icon } from './icon';
import type { Operator } from './use-operator';

/** What somebody is about to change. */
export type Change =
  | { readonly kind: IntentKind; readonly server: Server }
  | { readonly kind: 'move'; readonly stream: Stream }
  | { readonly kind: 'clear-move'; readonly stream: Stream }
  | { readonly kind: 'failover'; readonly stream: RelayStream }
  | {
      readonly kind: 'settings';
      readonly relay: string;
      /** Of the settings that it is made for. */
      readonly tag: string;
      /** Null: as configured. */
      readonly settings: Readonly<Record<string, number | null>>;
      /** What is changed, in words. */
      readonly sentences: readonly string[];
      readonly onDone: () => void;
    }
  | { readonly kind: 'token' };

export interface ChangeDialogProps {
  readonly change: Change;
  readonly now: Now;
  readonly operator: Operator;
  readonly onClose: () => void;
  readonly onDone: (message: string) => void;
}

const done = {
  drain: 'gets no new viewers now',
  maint: 'is out of service now',
  ready: 'is in service again',
} as const;
const deadlines = [
  ['', 'No, keep draining'],
  ['10m', 'after 10 minutes'],
  ['30m', 'after 30 minutes'],
  ['2h', 'after 2 hours'],
] as const;

/** Says what will happen before it does; without a token it asks for one first. */
export function ChangeDialog({ change, now, operator, onClose, onDone }: ChangeDialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [reason, setReason] = useState('');
  const [name, setName] = useState(operator.name);
  const [token, setToken] = useState('');
  const [deadline, setDeadline] = useState('');
  const [target, setTarget] = useState(change.kind === 'move' ? firstTarget(change.stream, now) : '');
  const [lastError, setLastError] = useState('');
  const [isBusy, setBusy] = useState(false);
  const needsToken = operator.token === undefined || change.kind === 'token';

  useLayoutEffect(() => {
    const shown = dialog.current;
    shown?.showModal();
    // Closing, unlike vanishing, gives the keyboard back to where it was.
    return () => shown?.close();
  }, []);

  const { title, verb, consequences } = describe(change, target, now);
  const lacksForce =
    change.kind === 'move' && !change.stream.holders.some(({ server }) => server === target) && target !== '';

  const carryOut = async (): Promise<void> => {
    const usedToken = operator.token === undefined || change.kind === 'token' ? token.trim() : operator.token;
    if (change.kind === 'token') {
      operator.set(usedToken === '' ? undefined : usedToken, name.trim());
      onDone(usedToken === '' ? 'The token is forgotten.' : 'The token is kept until this tab is closed.');
      return;
    }
    setBusy(true);
    setLastError('');
    const by = { reason: reason.trim(), ...(name.trim() === '' ? {} : { operator: name.trim() }) };
    try {
      if (change.kind === 'move') {
        await ask(`/v1/streams/${inPath(change.stream.name)}/move`, {
          method: 'POST',
          token: usedToken,
          body: { ...by, server: target, force: lacksForce },
        });
        onDone(`New viewers of ${change.stream.name} go to ${target} now.`);
      } else if (change.kind === 'clear-move') {
        await ask(`/v1/streams/${inPath(change.stream.name)}/move`, { method: 'DELETE', token: usedToken, body: by });
        onDone(`The move of ${change.stream.name} is cleared.`);
      } else if (change.kind === 'failover') {
        const { moved } = await ask<{ readonly moved: number }>(
          `/v1/relay/streams/${inPath(change.stream.id)}/failover`,
          { method: 'POST', token: usedToken, body: by },
        );
        onDone(moved === 0 ? 'Nobody plays it: there was nothing to move.' : `${counted(moved, 'client')} moved on.`);
      } else if (change.kind === 'settings') {
        await ask(`/v1/relay/config/${inPath(change.relay)}`, {
          method: 'POST',
          token: usedToken,
          body: { ...by, tag: change.tag, settings: change.settings },
        });
        change.onDone();
        onDone(`The settings of ${change.relay} are changed.`);
      } else {
        await ask(`/v1/servers/${inPath(change.server.name)}/${change.kind}`, {
          method: 'POST',
          token: usedToken,
          body: { ...by, ...(change.kind === 'drain' && deadline !== '' ? { deadline } : {}) },
        });
        onDone(`${change.server.name} ${done[change.kind]}.`);
      }
      operator.set(usedToken, name.trim());
    } catch (error) {
      if (error instanceof AskError && error.status === 401) {
        operator.set(undefined, name.trim());
        setLastError('The agent does not know this token. Enter the value of http.token.');
      } else setLastError(error instanceof Error ? error.message : String(error));
    } finally {
      setBusy(false);
    }
  };

  return (
    <dialog
      ref={dialog}
      class="dialog"
      aria-labelledby="change-title"
      onClose={onClose}
      onClick={(event) => {
        if (event.target === dialog.current) dialog.current?.close();
      }}
    >
      <form
        method="dialog"
        onSubmit={(event) => {
          event.preventDefault();
          void carryOut();
        }}
      >
        <h2 id="change-title">{title}</h2>
        {change.kind === 'move' && (
          <fieldset class="targets">
            <legend>Send new viewers to</legend>
            {now.servers.map((server) => (
              <label key={server.name}>
                <input
                  type="radio"
                  name="target"
                  value={server.name}
                  checked={target === server.name}
                  onChange={() => setTarget(server.name)}
                />
                <span class="mono">{server.name}</span>
                <span class="muted">
                  {change.stream.holders.some((holder) => holder.server === server.name)
                    ? 'has the stream'
                    : 'does not have it'}
                </span>
              </label>
            ))}
          </fieldset>
        )}
        {consequences.sentences.length > 0 && (
          <ul class="consequences">
            {consequences.sentences.map((sentence) => (
              <li key={sentence}>{sentence}</li>
            ))}
          </ul>
        )}
        {consequences.warning !== undefined && (
          <p class="notice warn">
            <Icon name="warn" /> {consequences.warning}
          </p>
        )}
        {needsToken && now.changes === 'token' && (
          <label class="field">
            Token
            <input
              type="password"
              autocomplete="off"
              required={change.kind !== 'token'}
              value={token}
              onInput={(event) => setToken(event.currentTarget.value)}
            />
            <small class="muted">
              The value of http.token. Kept in this tab until it is closed, sent only with changes.
            </small>
          </label>
        )}
        {now.changes !== 'token' && (
          <p class="notice">
            <Icon name="lock" />{' '}
            {now.changes === 'refused'
              ? 'This agent accepts changes on its admin socket only: use the mtxpilot command on its machine, or set http.token and restart it.'
              : 'This agent controls no HAProxy (its servers are a list in the configuration), so there is nothing to change.'}
          </p>
        )}
        {now.changes === 'token' && (
          <>
            {change.kind === 'drain' && (
              <label class="field">
                Then take it out completely (maint)?
                <select value={deadline} onChange={(event) => setDeadline(event.currentTarget.value)}>
                  {deadlines.map(([value, label]) => (
                    <option key={value} value={value}>
                      {label}
                    </option>
                  ))}
                </select>
              </label>
            )}
            <div class="field-pair">
              {change.kind !== 'token' && (
                <label class="field">
                  Reason
                  <input
                    maxLength={200}
                    placeholder="upgrade"
                    value={reason}
                    onInput={(event) => setReason(event.currentTarget.value)}
                  />
                </label>
              )}
              <label class="field">
                Your name
                <input
                  maxLength={60}
                  placeholder="token"
                  value={name}
                  onInput={(event) => setName(event.currentTarget.value)}
                />
              </label>
            </div>
          </>
        )}
        <p class="last-error" role="alert">
          {lastError}
        </p>
        <div class="buttons">
          <button type="button" onClick={() => dialog.current?.close()}>
            {now.changes === 'token' ? 'Cancel' : 'Close'}
          </button>
          {now.changes === 'token' && (
            <button type="submit" class="primary" disabled={isBusy || (change.kind === 'move' && target === '')}>
              {isBusy ? 'Asking…' : verb}
            </button>
          )}
        </div>
      </form>
    </dialog>
  );
}

function firstTarget(stream: Stream, now: Now): string {
  const holders = stream.holders.map(({ server }) => server);
  return (
    holders.find((server) => server !== holders[0]) ?? now.servers.find(({ name }) => name !== holders[0])?.name ?? ''
  );
}

const nothing: Consequences = { sentences: [], warning: undefined };

function describe(
  change: Change,
  target: string,
  now: Now,
): { readonly title: string; readonly verb: string; readonly consequences: Consequences } {
  switch (change.kind) {
    case 'token':
      return { title: 'Who are you?', verb: 'Save', consequences: nothing };
    case 'move':
      return {
        title: `Move ${change.stream.name}`,
        verb: target === '' ? 'Move' : `Move to ${target}`,
        consequences: target === '' ? nothing : moveConsequences(change.stream, target),
      };
    case 'clear-move':
      return {
        title: `Clear the move of ${change.stream.name}`,
        verb: 'Clear the move',
        consequences: moveConsequences(change.stream, undefined),
      };
    case 'failover':
      return {
        title: `Fail over ${change.stream.title ?? change.stream.id}?`,
        verb: 'Fail over',
        consequences: failoverConsequences(change.stream),
      };
    case 'settings':
      return {
        title: `Change HLS buffering of ${change.relay}?`,
        verb: 'Save',
        consequences: { sentences: change.sentences, warning: undefined },
      };
    case 'drain':
    case 'maint':
    case 'ready': {
      const verbs = { drain: 'Drain', maint: 'Take out', ready: 'Use again' } as const;
      const { server, kind } = change;
      // What is said is about now, not about when the dialog was opened.
      const current = now.servers.find(({ name }) => name === server.name) ?? server;
      return {
        title: `${verbs[kind]}${kind === 'ready' ? `: ${server.name}` : ` ${server.name}`}?`,
        verb: kind === 'ready' ? `Use ${server.name} again` : `${verbs[kind]} ${server.name}`,
        consequences: intentConsequences(kind, current, now.servers),
      };
    }
  }
}
