// The last minute and a half of one stream: a row a server, a wide bar while it is published there, a narrow one while it is played from there.

const shownMs = 90_000;
const width = 900;
const rowHeight = 12;
const rowGap = 2;
const svgNamespace = 'http://www.w3.org/2000/svg';

/**
 * @param {Element} host where it is drawn
 * @param {readonly string[]} servers a row each, from above
 */
export function createTimeline(host, servers) {
  const height = servers.length * (rowHeight + rowGap) - rowGap;
  const svg = element('svg', { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: 'none', 'aria-hidden': 'true' });
  const rails = servers.map((_, row) => element('rect', { class: 'rail', y: top(row), width, height: rowHeight }));
  const bars = element('g', {});
  svg.append(...rails, bars);
  const names = document.createElement('ol');
  names.append(
    ...servers.map((server) => {
      const name = document.createElement('li');
      name.textContent = server;
      return name;
    }),
  );
  host.replaceChildren(names, svg);

  function bar(kind, { server, fromMs, toMs }, nowMs) {
    const row = servers.indexOf(server);
    const begin = position(fromMs, nowMs);
    const end = position(toMs ?? nowMs, nowMs);
    if (row === -1 || end <= 0) return [];
    const inset = kind === 'played' ? 4 : 0;
    return [
      element('rect', {
        class: kind,
        'data-server': server,
        x: begin.toFixed(1),
        y: top(row) + inset,
        width: Math.max(1, end - begin).toFixed(1),
        height: rowHeight - 2 * inset,
      }),
    ];
  }

  return {
    /** Spans are `{server, fromMs, toMs}`; `toMs` is missing while they last. */
    draw(published, played, nowMs) {
      bars.replaceChildren(
        ...published.flatMap((span) => bar('published', span, nowMs)),
        ...played.flatMap((span) => bar('played', span, nowMs)),
      );
    },
  };
}

/** Spans that ended before this are not seen any more. */
export const oldestMs = (nowMs) => nowMs - shownMs;

function top(row) {
  return row * (rowHeight + rowGap);
}

function position(atMs, nowMs) {
  return Math.max(0, width * (1 - (nowMs - atMs) / shownMs));
}

function element(name, attributes) {
  const made = document.createElementNS(svgNamespace, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  return made;
}
