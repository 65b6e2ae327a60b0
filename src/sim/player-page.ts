import { readFileSync } from 'node:fs';

/** The page at `/stream/`: a player for the stream beside it. */
export const PLAYER_PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>stand-in player</title>
<style>html, body { margin: 0; height: 100%; background: #000 } video { width: 100%; height: 100% }</style>
</head>
<body>
<video id="video" muted autoplay controls playsinline></video>
<script src="hls.min.js"></script>
<script>
const url = 'index.m3u8' + location.search;
const video = document.getElementById('video');
if (Hls.isSupported()) {
  const hls = new Hls();
  hls.loadSource(url);
  hls.attachMedia(video);
} else {
  video.src = url;
}
</script>
</body>
</html>
`;

let script: Buffer | undefined;

/** The player's script, which MediaMTX serves beside every stream's page. Throws when the package hls.js is missing. */
export function playerScript(): Buffer {
  script ??= readFileSync(require.resolve('hls.js/dist/hls.min.js'));
  return script;
}
