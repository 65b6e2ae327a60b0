import { playlistUris } from '../../../src/demo/playlist-uris';
import { parseSessionsTable } from '../../../src/demo/sessions-table';
import { sumOfMetric } from '../../../src/demo/sum-of-metric';

describe('playlistUris', () => {
  it('finds renditions and variants of a master playlist, query and all', () => {
    const master =
      '#EXTM3U\n#EXT-X-VERSION:10\n\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="a,b",URI="audio2_stream.m3u8?mtxs=1"\n' +
      '#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS="avc1.42c00c,mp4a.40.2",AUDIO="audio"\nvideo1_stream.m3u8?mtxs=1\n';
    expect(playlistUris(master)).toEqual({
      init: [],
      media: ['audio2_stream.m3u8?mtxs=1', 'video1_stream.m3u8?mtxs=1'],
    });
  });

  it('finds init segment and segments of a media playlist, but no gaps', () => {
    const media =
      '#EXTM3U\r\n#EXT-X-MAP:URI="init.mp4"\r\n#EXT-X-GAP\r\n#EXTINF:1,\r\ngap.mp4\r\n#EXTINF:1,\r\nseg1.mp4\r\n';
    expect(playlistUris(media)).toEqual({ init: ['init.mp4'], media: ['seg1.mp4'] });
  });

  it('finds nothing in what is no playlist', () => {
    expect(playlistUris('')).toEqual({ init: [], media: [] });
  });
});

describe('parseSessionsTable', () => {
  it('reads entries as HAProxy 2.6 to 3.4 write them, and leaves out those without a server', () => {
    const reply = [
      '# table: sessions, type: string, size:204800, used:3',
      '0x5566aa: key=live/a|0b7c use=0 exp=59874 server_id=1 server_key=mtx1',
      '0x5566bb: key=live/studio/b|127.0.0.1 use=0 exp=1200 shard=0 server_id=3 server_key=mtx3',
      '0x5566cc: key=live/c|9 use=0 exp=1200 shard=0 server_id=0',
      '',
    ].join('\n');
    expect(parseSessionsTable(reply)).toEqual([
      { stream: 'live/a', session: '0b7c', server: 'mtx1', expiresInMs: 59874 },
      { stream: 'live/studio/b', session: '127.0.0.1', server: 'mtx3', expiresInMs: 1200 },
    ]);
  });
});

describe('sumOfMetric', () => {
  const text = [
    '# HELP a_total Things.',
    'a_total{bridge="spoe",state="located"} 3',
    'a_total{bridge="spoe",state="placed"} 2',
    'a_total{bridge="http",state="located"} 10',
    'a_total_created 5',
    'b 7',
  ].join('\n');

  it('adds up the samples that have all the labels', () => {
    expect(sumOfMetric(text, 'a_total', {})).toBe(15);
    expect(sumOfMetric(text, 'a_total', { bridge: 'spoe' })).toBe(5);
    expect(sumOfMetric(text, 'a_total', { bridge: 'spoe', state: 'placed' })).toBe(2);
    expect(sumOfMetric(text, 'a_total', { state: 'lo' })).toBe(0);
    expect(sumOfMetric(text, 'b', {})).toBe(7);
  });
});
