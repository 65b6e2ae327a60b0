import type Hls from 'hls.js';
import { useEffect, useRef, useState } from 'preact/hooks';
import { Icon } from './icon';
import { viewersUrl } from './viewers-url';

/** Plays a stream as any viewer would, through HAProxy; it counts as one. Nothing is loaded before somebody asks for it. */
export function Preview({ stream }: { readonly stream: string }) {
  const [isWanted, setWanted] = useState(false);
  return (
    <div class="preview">
      {isWanted ? (
        <Player stream={stream} onStop={() => setWanted(false)} />
      ) : (
        <button type="button" class="preview-start" onClick={() => setWanted(true)}>
          <Icon name="play" /> Play a preview
          <small>through HAProxy at {viewersUrl()}; it counts as a viewer</small>
        </button>
      )}
    </div>
  );
}

function Player({ stream, onStop }: { readonly stream: string; readonly onStop: () => void }) {
  const video = useRef<HTMLVideoElement>(null);
  const [state, setState] = useState<'loading' | 'playing' | 'broken'>('loading');
  const [lastError, setLastError] = useState('');
  const [server, setServer] = useState<string | undefined>();

  useEffect(() => {
    let hls: Hls | undefined;
    let isOver = false;
    const fail = (message: string): void => {
      setState('broken');
      setLastError(message);
    };
    const start = async (): Promise<void> => {
      const { default: Player } = await import('hls.js');
      const element = video.current;
      if (isOver || element === null) return;
      if (!Player.isSupported()) {
        fail('This browser cannot play HLS with JavaScript.');
        return;
      }
      // A worker would come from a blob, which the page's policy forbids; fMP4 passes through as it is anyway.
      hls = new Player({ enableWorker: false, backBufferLength: 10 });
      hls.on(Player.Events.MANIFEST_LOADED, (_, data) => {
        const details: unknown = data.networkDetails;
        if (details instanceof XMLHttpRequest) setServer(details.getResponseHeader('x-mtx-server') ?? undefined);
      });
      hls.on(Player.Events.ERROR, (_, data) => {
        if (!data.fatal) return;
        const code = data.response?.code ?? 0;
        hls?.destroy();
        fail(
          code === 0 && data.type === Player.ErrorTypes.NETWORK_ERROR
            ? `HAProxy cannot be reached at ${viewersUrl()} from this browser. If viewers come in elsewhere, set http.viewersUrl.`
            : code > 0
              ? `HAProxy answered ${code}: ${code === 404 ? 'nobody has this stream now.' : 'the stream cannot be read.'}`
              : `The player gave up: ${data.details}.`,
        );
      });
      hls.attachMedia(element);
      const path = stream.split('/').map(encodeURIComponent).join('/');
      hls.loadSource(`${viewersUrl()}/${path}/index.m3u8`);
    };
    start().catch((error: unknown) => fail(`The player could not be loaded: ${String(error)}`));
    return () => {
      isOver = true;
      hls?.destroy();
    };
  }, [stream]);

  return (
    <>
      <div class="preview-frame">
        <video
          ref={video}
          muted
          autoplay
          playsInline
          controls
          hidden={state === 'broken'}
          onPlaying={() => setState('playing')}
          aria-label={`preview of ${stream}`}
          data-state={state}
        />
        {state === 'loading' && <p class="preview-note">Starting…</p>}
        {state === 'broken' && (
          <p class="preview-note broken" role="alert">
            <Icon name="bad" /> {lastError}
          </p>
        )}
      </div>
      <p class="preview-foot muted">
        {server === undefined ? `through HAProxy at ${viewersUrl()}` : `through HAProxy, from ${server}`}
        <button type="button" class="quiet" onClick={onStop}>
          <Icon name="stop" /> Stop
        </button>
      </p>
    </>
  );
}
