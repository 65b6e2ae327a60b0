// The demo's page: a player for every stream, and what the demo tells about itself once a second.
import { createTile } from './tile.js';

const drawEveryMs = 250;
const byId = (id) => document.getElementById(id);

/** @type {Map<string, ReturnType<typeof createTile>>} */
const tiles = new Map();
let status;
/** From this browser's clock to the demo's, which may be on another machine. */
let clockOffsetMs = 0;
/** Calls and their time of some seconds ago, for a rate. */
let calls = [];

const events = new EventSource('/events');
events.onmessage = ({ data }) => {
  status = JSON.parse(data);
  clockOffsetMs = status.atMs - Date.now();
  byId('alert').hidden = true;
  showStatus();
};
events.onerror = () => {
  byId('alert').textContent =
    'The demo does not answer any more. Start it again with npm run demo; this page then goes on by itself.';
  byId('alert').hidden = false;
};

setInterval(draw, drawEveryMs);
document.addEventListener('sound', ({ target }) => {
  for (const tile of tiles.values()) if (tile.root !== target) tile.mute();
});

function showStatus() {
  const { figures, servers, streams } = status;
  const { decisions, apiCalls } = figures;
  byId('fleet').textContent = `HAProxy in front of three ${status.fleet}`;
  byId('viewers').textContent = number(figures.viewers);
  byId('decisions').textContent = number(decisions.located + decisions.placed + decisions.unknown);
  byId('api-calls').textContent = number(apiCalls);
  byId('moves').textContent = number(figures.moves);
  byId('api-rate').textContent = rateOf(apiCalls, servers.length + 1);
  showServers(servers);
  showRelay(status.relay);
  showEvents(status.events);
  const names = servers.map(({ name }) => name);
  for (const stream of streams) {
    if (tiles.has(stream.name)) continue;
    const tile = createTile(stream, names, viewersUrl());
    tiles.set(stream.name, tile);
    byId('tiles').append(tile.root);
  }
}

/** HAProxy's address; where it listens on every address of its machine, the one that this page came from. */
function viewersUrl() {
  const colon = status.viewersAddress.lastIndexOf(':');
  const host = status.viewersAddress.slice(0, colon);
  const port = status.viewersAddress.slice(colon + 1);
  return `http://${['0.0.0.0', '[::]', '*', ''].includes(host) ? location.hostname : host}:${port}`;
}

/** Calls a second and server over the last ten seconds; the relay is asked like a server. */
function rateOf(apiCalls, serverCount) {
  calls.push({ atMs: status.atMs, apiCalls });
  calls = calls.filter(({ atMs }) => status.atMs - atMs <= 10_000);
  const [first] = calls;
  const seconds = (status.atMs - first.atMs) / 1000;
  if (seconds < 2) return '\u00a0';
  return `${((apiCalls - first.apiCalls) / seconds / serverCount).toFixed(1)} a second and server`;
}

function showServers(servers) {
  byId('servers').replaceChildren(
    ...servers.map(({ name, address, streams, viewers }) => {
      const chip = document.createElement('i');
      chip.dataset.server = name;
      return make(
        'li',
        chip,
        make('b', name),
        make('span', `${count(streams, 'stream')}, ${count(viewers, 'viewer')}`),
        make('small', address),
      );
    }),
  );
}

function showRelay({ source, bytes, cuts, failovers, gapsMs, errors, failed, lastError }) {
  byId('relay-source').textContent = source === null ? 'no source' : source === 0 ? 'primary' : `backup ${source}`;
  byId('relay-bytes').textContent = `${(bytes / 1e6).toFixed(1)} MB`;
  byId('relay-cuts').textContent = number(cuts);
  byId('relay-failovers').textContent = number(failovers);
  byId('relay-gap').textContent = gapsMs.length === 0 ? '–' : `${number(Math.max(...gapsMs))} ms`;
  byId('relay-errors').textContent = number(errors + failed);
  byId('relay-errors').title = lastError ?? '';
}

function showEvents(list) {
  byId('events').replaceChildren(
    ...list.slice(0, 12).map(({ atMs, stream, text }) => {
      const time = make('time', new Date(atMs).toLocaleTimeString([], { hour12: false }));
      return make('li', time, make('span', make('b', stream), ` ${text}`));
    }),
  );
  if (list.length === 0)
    byId('events').replaceChildren(make('li', make('time', ''), make('span', 'Nobody has moved yet.')));
}

function draw() {
  if (status === undefined) return;
  const nowMs = Date.now();
  for (const { name, holdings } of status.streams) {
    const local = holdings.map((holding) => ({
      ...holding,
      liveMs: toLocal(holding.liveMs),
      toMs: toLocal(holding.toMs),
    }));
    tiles.get(name)?.update(local, nowMs);
  }
}

function toLocal(atMs) {
  return atMs === undefined ? undefined : atMs - clockOffsetMs;
}

function make(name, ...content) {
  const element = document.createElement(name);
  element.append(...content);
  return element;
}

const number = (value) => value.toLocaleString('en');
const count = (value, word) => `${value} ${value === 1 ? word : `${word}s`}`;
