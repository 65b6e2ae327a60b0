import { useState } from 'preact/hooks';
import type { Sample } from './api';
import { formatAge, formatClock } from './format';

export interface Line {
  readonly label: string;
  readonly read: (sample: Sample) => number | null;
  /** Also told by the stroke: the second line is dashed. */
  readonly kind: 'first' | 'second';
}

export interface GraphProps {
  readonly title: string;
  readonly hint: string;
  readonly samples: readonly Sample[];
  readonly lines: readonly Line[];
  readonly format: (value: number | null) => string;
}

const width = 600;
const height = 150;
const hourMs = 3_600_000;
const shortestSpanMs = 60_000;
/** Longer without a sample than this is a gap in the line. */
const gapMs = 45_000;

/** A graph over the last hour, or as much of it as there is. The pointer, or the arrow keys, tell the values of one time. */
export function Graph({ title, hint, samples, lines, format }: GraphProps) {
  const [chosen, setChosen] = useState<number | undefined>();
  const lastMs = samples.at(-1)?.atMs ?? 0;
  const spanMs = Math.min(hourMs, Math.max(shortestSpanMs, lastMs - (samples[0]?.atMs ?? lastMs)));
  const values = samples.flatMap((sample) => lines.flatMap(({ read }) => read(sample) ?? []));
  const top = niceTop(Math.max(0, ...values));
  const x = (atMs: number): number => width - ((lastMs - atMs) / spanMs) * width;
  const y = (value: number): number => height - (value / top) * (height - 8);
  const shown = chosen === undefined ? samples.at(-1) : samples[chosen];

  const choose = (clientX: number, target: Element): void => {
    const box = target.getBoundingClientRect();
    const atMs = lastMs - (1 - (clientX - box.left) / box.width) * spanMs;
    let nearest = 0;
    for (const [i, sample] of samples.entries()) {
      if (Math.abs(sample.atMs - atMs) < Math.abs((samples[nearest]?.atMs ?? 0) - atMs)) nearest = i;
    }
    setChosen(samples.length === 0 ? undefined : nearest);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const at = chosen ?? samples.length - 1;
    if (event.key === 'ArrowLeft') setChosen(Math.max(0, at - 1));
    else if (event.key === 'ArrowRight') setChosen(Math.min(samples.length - 1, at + 1));
    else if (event.key === 'Escape') setChosen(undefined);
    else return;
    event.preventDefault();
  };

  const reading = lines
    .map(({ label, read }) => `${label} ${shown === undefined ? '–' : format(read(shown))}`)
    .join(', ');
  return (
    <figure class="graph card">
      <figcaption>
        <h3>{title}</h3>
        <p class="muted">{hint}</p>
      </figcaption>
      <div class="graph-legend">
        {lines.map(({ label, read, kind }) => (
          <span key={label} class={`legend ${kind}`}>
            <i />
            {label} <b>{shown === undefined ? '–' : format(read(shown))}</b>
          </span>
        ))}
        <span class="muted graph-time">
          {chosen !== undefined && shown !== undefined ? formatClock(shown.atMs) : 'now'}
        </span>
      </div>
      {samples.length < 2 ? (
        <p class="empty small">The first samples come within ten seconds.</p>
      ) : (
        <div
          class="graph-area"
          role="slider"
          tabIndex={0}
          aria-label={`${title}, the last ${formatAge(spanMs)}`}
          aria-valuemin={0}
          aria-valuemax={samples.length - 1}
          aria-valuenow={chosen ?? samples.length - 1}
          aria-valuetext={`${shown === undefined ? '' : formatClock(shown.atMs)}: ${reading}`}
          onKeyDown={onKeyDown}
          onPointerMove={(event) => choose(event.clientX, event.currentTarget)}
          onPointerLeave={() => setChosen(undefined)}
          onBlur={() => setChosen(undefined)}
        >
          <svg viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" aria-hidden="true" focusable="false">
            <path class="grid" d={`M0 ${y(top)}H${width}M0 ${y(top / 2)}H${width}M0 ${height - 0.5}H${width}`} />
            {lines.map(({ label, read, kind }) => (
              <g key={label} class={kind}>
                {kind === 'first' && <path class="area" d={areaOf(samples, read, x, y)} />}
                <path class="line" d={lineOf(samples, read, x, y)} />
              </g>
            ))}
            {chosen !== undefined && shown !== undefined && <path class="cursor" d={`M${x(shown.atMs)} 0V${height}`} />}
          </svg>
          <span class="graph-top">{format(top)}</span>
        </div>
      )}
      <div class="graph-axis muted" aria-hidden="true">
        <span>{spanMs >= hourMs ? '1 h ago' : `${formatAge(spanMs)} ago`}</span>
        <span>now</span>
      </div>
    </figure>
  );
}

type Read = Line['read'];
type Scale = (value: number) => number;

/** The stretches without a gap. */
function stretches(samples: readonly Sample[], read: Read): { atMs: number; value: number }[][] {
  const found: { atMs: number; value: number }[][] = [];
  let last = Number.NEGATIVE_INFINITY;
  for (const sample of samples) {
    const value = read(sample);
    if (value === null) continue;
    if (sample.atMs - last > gapMs) found.push([]);
    found.at(-1)?.push({ atMs: sample.atMs, value });
    last = sample.atMs;
  }
  return found;
}

function lineOf(samples: readonly Sample[], read: Read, x: Scale, y: Scale): string {
  return stretches(samples, read)
    .map((points) => `M${points.map(({ atMs, value }) => `${x(atMs).toFixed(1)} ${y(value).toFixed(1)}`).join('L')}`)
    .join('');
}

function areaOf(samples: readonly Sample[], read: Read, x: Scale, y: Scale): string {
  return stretches(samples, read)
    .map((points) => {
      const line = points.map(({ atMs, value }) => `L${x(atMs).toFixed(1)} ${y(value).toFixed(1)}`).join('');
      return `M${x(points[0]?.atMs ?? 0).toFixed(1)} ${height}${line}V${height}Z`;
    })
    .join('');
}

/** The next of 1, 2, 5, 10, … above, so that the scale does not jump with each sample. */
function niceTop(value: number): number {
  if (value <= 0) return 1;
  const unit = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 5, 10].find((step) => step * unit >= value * 1.05) ?? 20) * unit;
}
