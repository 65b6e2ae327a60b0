import { formatTook } from './format';

const width = 100;
const height = 20;
const most = 20;
const step = width / most;
/** Below it gaps do not fill the height, so that a row of short ones does not look like trouble. */
const leastTopMs = 1000;

/** The gaps of the last failovers as bars, the newest at the right. */
export function Sparkline({ gapsMs }: { readonly gapsMs: readonly number[] }) {
  const shown = gapsMs.slice(-most);
  if (shown.length === 0) return <span class="muted">–</span>;
  const longest = Math.max(...shown);
  const top = Math.max(leastTopMs, longest);
  const bars = shown.map((gap, i) => {
    const tall = Math.max(1.5, (gap / top) * height);
    const x = width - (shown.length - i) * step;
    return `M${x.toFixed(1)} ${height}v${(-tall).toFixed(1)}h${(step - 1.5).toFixed(1)}v${tall.toFixed(1)}Z`;
  });
  return (
    <span class="sparkline">
      <svg viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" aria-hidden="true" focusable="false">
        <path class="ground" d={`M0 ${height - 0.5}H${width}`} />
        <path class="bars" d={bars.join('')} />
      </svg>
      <span class="number">
        <span class="hidden">longest gap of the last {shown.length}: </span>
        {formatTook(longest)}
      </span>
    </span>
  );
}
