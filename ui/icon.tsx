/** Shapes that differ without their colour; each is drawn in the text's colour on a 16 x 16 grid. */
const shapes = {
  ok: 'M8 1.5a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13ZM4.9 8.2l2.2 2.2 4-4.6',
  warn: 'M8 2 15 14H1L8 2Zm0 4.5v3.6m0 1.6v.3',
  bad: 'M5.3 1.5h5.4l3.8 3.8v5.4l-3.8 3.8H5.3l-3.8-3.8V5.3l3.8-3.8Zm.2 4 5 5m0-5-5 5',
  drain: 'M2 2.5h12L9.5 8v5.5l-3-1.7V8L2 2.5Z',
  maint:
    'M10.2 2a3.8 3.8 0 0 0-3.6 5.1L1.9 11.8a1.6 1.6 0 0 0 2.3 2.3l4.7-4.7A3.8 3.8 0 0 0 14 4.9l-2.3 2.3-2.6-.3-.3-2.6L11 2a3.7 3.7 0 0 0-.8 0Z',
  unknown: 'M8 1.5a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13ZM6 6.2C6.1 3.9 10 4 9.9 6.3 9.8 7.8 8 7.8 8 9.4m0 2.2v.2',
  hand: 'M3 8.5 8 3l5 5.5M8 3v10.5',
  move: 'M1.5 5h11m-3-3 3 3-3 3M14.5 11h-11m3-3-3 3 3 3',
  play: 'M4 2.5v11l9-5.5-9-5.5Z',
  stop: 'M3.5 3.5h9v9h-9z',
  search: 'M7 2a5 5 0 1 1 0 10A5 5 0 0 1 7 2Zm3.6 8.6L14.5 14.5',
  close: 'm3.5 3.5 9 9m0-9-9 9',
  overview: 'M1.5 12.5 5 7.5l3 2.5 6.5-7.5M1.5 14.5h13',
  fleet: 'M2 2.5h12v4.5H2zM2 9h12v4.5H2zM4.5 4.8h.1M4.5 11.2h.1',
  streams:
    'M4.6 4.6a4.8 4.8 0 0 0 0 6.8m6.8 0a4.8 4.8 0 0 0 0-6.8M2.3 2.3a8 8 0 0 0 0 11.4m11.4 0a8 8 0 0 0 0-11.4M8 8h.1',
  relay: 'M1.5 8h4m5 0h4M8 5.2a2.8 2.8 0 1 1 0 5.600 2.800 2.800 0 0 1 0-5.600ZM3.500 3l2.600 3m3.800 4 2.600 3',
  events: 'M2 4h1m3 0h8M2 8h1m3 0h8M2 12h1m3 0h8',
  sun: 'M8 5a3 3 0 1 1 0 6 3 3 0 0 1 0-6ZM8 1v1.4m0 11.2V15M1 8h1.4m11.2 0H15M3 3l1 1m8 8 1 1m0-10-1 1m-8 8-1 1',
  moon: 'M13.5 9.8A6 6 0 1 1 6.2 2.5a4.8 4.8 0 0 0 7.3 7.3Z',
  auto: 'M8 1.5a6.5 6.5 0 1 1 0 13v-13Zm0 0a6.5 6.5 0 0 0 0 13',
  key: 'M10.5 2a3.5 3.5 0 1 1-2.9 5.4L2 13v1.5h2.5V13H6v-1.5h1.5L9 9.9M11 5h.1',
  lock: 'M3.5 7.5h9v6.5h-9zM5.5 7.5V5a2.5 2.5 0 0 1 5 0v2.5',
  info: 'M8 1.5a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13ZM8 7v4.3M8 4.5v.2',
  started: 'M8 13.5v-11m-4.5 4.500L8 2.500l4.500 4.500',
  ended: 'M8 2.500v11m-4.500-4.500L8 13.500l4.500-4.500',
  eye: 'M1 8s2.500-4.500 7-4.500S15 8 15 8s-2.500 4.500-7 4.500S1 8 1 8Zm7-2a2 2 0 1 1 0 4 2 2 0 0 1 0-4Z',
} as const;
export type IconName = keyof typeof shapes;

/** An icon beside a word that says the same; readers of the screen skip it. */
export function Icon({ name }: { readonly name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={shapes[name]} />
    </svg>
  );
}
