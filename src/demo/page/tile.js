// One player: it plays a stream through HAProxy, shows from which server, and begins anew when the server has lost the stream.
import { createTimeline, oldestMs } from './timeline.js';

/* global Hls */

const firstRetryMs = 250;
const slowestRetryMs = 2000;

/**
 * @param {{ name: string, habit: string }} stream
 * @param {readonly string[]} servers
 * @param {string} viewersUrl where HAProxy listens, without a slash at the end
 */
export function createTile(stream, servers, viewersUrl) {
  const root = document.getElementById('tile').content.firstElementChild.cloneNode(true);
  const part = (name) => root.querySelector(`[data-part="${name}"]`);
  const video = root.querySelector('video');
  const still = root.querySelector('.still');
  const timeline = createTimeline(part('timeline'), servers);
  part('name').textContent = stream.name;
  part('name').href = `${viewersUrl}/${stream.name}/`;
  part('habit').textContent = stream.habit;

  let server;
  let played = [];
  let lastTime = 0;
  let lastAdvanceMs = 0;
  let restarts = 0;
  let gapMs;
  let retryMs = firstRetryMs;
  let retryTimer;

  const hls = new Hls({
    // fMP4 passes through as it is: there is nothing that a worker could do.
    enableWorker: false,
    backBufferLength: 10,
  });
  hls.attachMedia(video);

  // Every answer names its server, and HAProxy allows pages to read that.
  const readServer = (_, data) => {
    const name = data.networkDetails?.getResponseHeader?.('x-mtx-server');
    if (name) showServer(name);
  };
  hls.on(Hls.Events.MANIFEST_LOADED, readServer);
  hls.on(Hls.Events.LEVEL_LOADED, readServer);
  hls.on(Hls.Events.FRAG_LOADED, readServer);
  hls.on(Hls.Events.MANIFEST_PARSED, () => {
    retryMs = firstRetryMs;
    // Muted players may start by themselves; where one may not, its button is there.
    video.play().catch(() => setState('paused', 'click to play'));
  });
  hls.on(Hls.Events.ERROR, (_, data) => {
    if (data.fatal) beginAnew(data);
  });

  function load() {
    retryTimer = undefined;
    hls.loadSource(`${viewersUrl}/${stream.name}/index.m3u8`);
  }

  /** The session is over: its publisher has left this server. The master playlist tells where to go on. */
  function beginAnew({ details, response }) {
    if (retryTimer !== undefined) return;
    freeze();
    const isNobodys = details === Hls.ErrorDetails.MANIFEST_LOAD_ERROR && response?.code === 404;
    if (isNobodys) setState('waiting', 'nobody publishes');
    else setState('restarting', 'looking again');
    if (server !== undefined) restarts++;
    showServer(undefined);
    hls.stopLoad();
    retryTimer = setTimeout(load, retryMs);
    retryMs = Math.min(slowestRetryMs, retryMs * 2);
  }

  /** Keeps the last picture while there is no other. */
  function freeze() {
    if (!still.hidden || video.videoWidth === 0 || lastAdvanceMs === 0) return;
    still.width = video.videoWidth;
    still.height = video.videoHeight;
    still.getContext('2d').drawImage(video, 0, 0);
    still.hidden = false;
  }

  function showServer(name) {
    if (name === server) return;
    server = name;
    const badge = part('server');
    badge.lastElementChild.textContent = name ?? '–';
    if (name === undefined) badge.removeAttribute('data-server');
    else badge.setAttribute('data-server', name);
  }

  function setState(state, text) {
    root.dataset.state = state;
    part('state').textContent = text;
  }

  /** Notes from where the picture comes, if it moves. */
  function look(nowMs) {
    const advances = video.currentTime !== lastTime && !video.paused && retryTimer === undefined;
    lastTime = video.currentTime;
    const last = played.at(-1);
    if (!advances || server === undefined) {
      if (last !== undefined) last.isOpen = false;
      return;
    }
    if (lastAdvanceMs !== 0 && root.dataset.state !== 'playing') gapMs = nowMs - lastAdvanceMs;
    lastAdvanceMs = nowMs;
    setState('playing', 'playing');
    still.hidden = true;
    if (last?.isOpen && last.server === server) last.toMs = nowMs;
    else played.push({ server, fromMs: nowMs, toMs: nowMs, isOpen: true });
    played = played.filter(({ toMs }) => toMs > oldestMs(nowMs));
  }

  part('sound').addEventListener('click', () => setSound(video.muted));
  video.addEventListener('click', () => void video.play().catch(() => undefined));

  function setSound(isOn) {
    video.muted = !isOn;
    part('sound').setAttribute('aria-pressed', String(isOn));
    if (isOn) root.dispatchEvent(new CustomEvent('sound', { bubbles: true }));
  }

  setState('connecting', 'connecting');
  load();

  return {
    root,
    mute: () => setSound(false),
    /** Called a few times a second; `holdings` is who had the stream, and when. Times are this browser's. */
    update(holdings, nowMs) {
      look(nowMs);
      const published = holdings
        .filter(({ liveMs }) => liveMs !== undefined)
        .map(({ server: holder, liveMs, toMs }) => ({ server: holder, fromMs: liveMs, toMs }));
      timeline.draw(published, played, nowMs);
      part('account').textContent =
        restarts === 0
          ? 'no restart so far'
          : `${restarts} ${restarts === 1 ? 'restart' : 'restarts'}${gapMs === undefined ? '' : ` · last gap ${(gapMs / 1000).toFixed(1)} s`}`;
    },
  };
}
