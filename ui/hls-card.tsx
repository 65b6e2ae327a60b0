import { useId, useState } from 'preact/hooks';
import type { RelayConfig, RelayConfigList, RelayRow, RelaySetting } from './api';
import type { Change } from './change-dialog';
import { counted, formatCount, formatTook } from './format';
import { changedMeanwhile, checkDrafts, type Drafts, textOf } from './hls-drafts';
import { Icon } from './icon';
import { useAsked } from './use-asked';

type OnChange = (change: Extract<Change, { readonly kind: 'settings' }>) => void;

interface RelayOfHls {
  readonly name: string;
  readonly config: RelayConfig;
}

interface HlsCardProps {
  readonly isLive: boolean;
  readonly streams: readonly RelayRow[];
  readonly onChange: OnChange;
}

/** The settings of HLS of the relays whose stream mode it is; nothing where there is none. */
export function HlsCard({ isLive, streams, onChange }: HlsCardProps) {
  const { answer } = useAsked<RelayConfigList>('/v1/relay/config', isLive);
  const [picked, setPicked] = useState('');
  const relays = (answer?.relays ?? []).flatMap(({ name, config }) =>
    config?.streamMode === 'HLS' ? [{ name, config }] : [],
  );
  const shown = relays.find(({ name }) => name === picked) ?? relays[0];
  if (shown === undefined) return null;
  return (
    <section class="card hls-card" aria-labelledby="hls-title">
      <div class="hls-head">
        <h3 id="hls-title">HLS buffering</h3>
        {relays.length > 1 ? (
          <label>
            <span class="hidden">Relay</span>
            <select value={shown.name} onChange={(event) => setPicked(event.currentTarget.value)}>
              {relays.map(({ name }) => (
                <option key={name} value={name}>
                  {name}
                </option>
              ))}
            </select>
          </label>
        ) : (
          <span class="mono muted">{shown.name}</span>
        )}
      </div>
      <div class="hls-split">
        <HlsForm key={shown.name} relay={shown} onChange={onChange} />
        <ChannelList rows={streams.filter((row) => row.relays.includes(shown.name))} config={shown.config} />
      </div>
    </section>
  );
}

/** More channels than this are told by their number. */
const mostChannels = 8;

/** How full the buffers of the relay's channels are now. */
function ChannelList({ rows, config }: { readonly rows: readonly RelayRow[]; readonly config: RelayConfig }) {
  const channels = rows.flatMap(({ stream: { id, title, channel } }) =>
    channel === null ? [] : [{ id, title, channel }],
  );
  const held = config.settings.find(({ name }) => name === 'hls_max_segments')?.value ?? 1;
  return (
    <div class="hls-channels">
      <h4 id="hls-channels-title">Channels now</h4>
      {channels.length === 0 ? (
        <p class="muted">Nobody plays an HLS stream.</p>
      ) : (
        <ul class="failovers" aria-labelledby="hls-channels-title">
          {channels.slice(0, mostChannels).map(({ id, title, channel: { segments, seconds, underruns, fetchMs } }) => (
            <li key={id}>
              <span class={title === null ? 'hls-channel mono' : 'hls-channel'}>{title ?? id}</span>
              <progress max={held} value={segments} aria-label={`Segments held of ${title ?? id}`} />
              <span class="muted">
                {counted(segments, 'segment')}, {Math.round(seconds)} s · {counted(underruns, 'underrun')}
                {fetchMs !== null && ` · ${formatTook(fetchMs)} a fetch`}
              </span>
            </li>
          ))}
        </ul>
      )}
      {channels.length > mostChannels && (
        <p class="muted footnote">and {formatCount(channels.length - mostChannels)} more</p>
      )}
    </div>
  );
}

const nothing: Drafts = new Map();

function HlsForm({
  relay: { name: relay, config },
  onChange,
}: {
  readonly relay: RelayOfHls;
  readonly onChange: OnChange;
}) {
  const [drafts, setDrafts] = useState(nothing);
  /** What was in force when somebody began to type. */
  const [base, setBase] = useState<RelayConfig | undefined>();
  const { changes, problems } = checkDrafts(config.settings, drafts);
  const isDirty = changes.size > 0 || problems.size > 0;
  const others = base !== undefined && isDirty && base.tag !== config.tag ? changedMeanwhile(base, config) : [];

  const forget = (): void => {
    setDrafts(nothing);
    setBase(undefined);
  };
  const type = (name: string, text: string): void => {
    if (!isDirty) setBase(config);
    setDrafts(new Map(drafts).set(name, text));
  };
  const labelled = (setting: RelaySetting, to: number): string =>
    `${textOf(setting.name).label}: ${setting.value} → ${to}.`;
  const isChanged = config.settings.some((setting) => setting.isChanged);

  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (changes.size === 0 || problems.size > 0 || others.length > 0) return;
        onChange({
          kind: 'settings',
          relay,
          tag: config.tag,
          settings: Object.fromEntries(changes),
          sentences: config.settings.flatMap((setting) => {
            const to = changes.get(setting.name);
            return to === undefined ? [] : [`${labelled(setting, to)} ${textOf(setting.name).trade}`];
          }),
          onDone: forget,
        });
      }}
    >
      {config.failure !== null && (
        <p class="notice warn" role="alert">
          <Icon name="warn" /> {config.failure}
        </p>
      )}
      {others.length > 0 && (
        <div class="notice warn hls-conflict" role="alert">
          <Icon name="warn" />
          <p>
            <b>Somebody else has changed settings meanwhile.</b>{' '}
            {others.map(({ name, value }) => `${textOf(name).label} is ${value} now.`).join(' ')}
          </p>
          <div class="buttons">
            <button type="button" onClick={() => setBase(config)}>
              Keep what I typed
            </button>
            <button type="button" onClick={forget}>
              Take theirs
            </button>
          </div>
        </div>
      )}
      <div class="hls-fields">
        {config.settings.map((setting) => (
          <Field
            key={setting.name}
            setting={setting}
            draft={drafts.get(setting.name)}
            problem={problems.get(setting.name)}
            onType={(text) => type(setting.name, text)}
          />
        ))}
      </div>
      <div class="buttons hls-buttons">
        <button type="submit" class="primary" disabled={changes.size === 0 || problems.size > 0 || others.length > 0}>
          Save…
        </button>
        <button type="button" disabled={!isDirty} onClick={forget}>
          Undo
        </button>
        <button
          type="button"
          disabled={!isChanged}
          onClick={() =>
            onChange({
              kind: 'settings',
              relay,
              tag: config.tag,
              settings: Object.fromEntries(
                config.settings.filter((setting) => setting.isChanged).map(({ name }) => [name, null]),
              ),
              sentences: config.settings
                .filter((setting) => setting.isChanged)
                .map((setting) => `${labelled(setting, setting.configured)} That is configured.`),
              onDone: forget,
            })
          }
        >
          Reset to the configuration…
        </button>
        <span class="muted" role="status">
          {problems.size > 0
            ? `${counted(problems.size, 'field')} cannot be saved`
            : changes.size > 0
              ? `${counted(changes.size, 'change')} not saved yet`
              : ''}
        </span>
        {!config.isDurable && <span class="muted">This relay has no store: changes last until it ends.</span>}
      </div>
    </form>
  );
}

interface FieldProps {
  readonly setting: RelaySetting;
  readonly draft: string | undefined;
  readonly problem: string | undefined;
  readonly onType: (text: string) => void;
}

const unitWords = { segments: 'segments', s: 'seconds', 'target durations': '× target duration' } as const;

function Field({ setting, draft, problem, onType }: FieldProps) {
  const id = useId();
  const { name, value, least, most, standard, configured, isChanged, isWhole, unit } = setting;
  const { label, trade } = textOf(name);
  return (
    <div class="field hls-field">
      <label for={id}>{label}</label>
      <span class="hls-input">
        <input
          id={id}
          inputMode={isWhole ? 'numeric' : 'decimal'}
          autocomplete="off"
          maxLength={12}
          value={draft ?? String(value)}
          aria-invalid={problem !== undefined}
          aria-describedby={`${id}-range ${id}-trade ${id}-problem`}
          onInput={(event) => onType(event.currentTarget.value)}
        />
        <span class="muted">{unitWords[unit]}</span>
      </span>
      <small id={`${id}-problem`} class="last-error">
        {problem}
      </small>
      <small id={`${id}-range`} class="muted">
        {least} to {most}, default {standard}
        {configured !== standard && `, configured ${configured}`}
        {isChanged && <b>, changed here</b>}
      </small>
      <small id={`${id}-trade`} class="muted">
        {trade}
      </small>
    </div>
  );
}
