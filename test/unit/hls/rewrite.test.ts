import fc from 'fast-check';
import { type RewriteUri, rewritePlaylist, type UriRole } from '../../../src/hls';
import { longestTurnMs } from '../../support/longest-turn';

const marked: RewriteUri = (uri, role) => `/x/${role}?${uri}`;

async function rewritten(text: string, rewriteUri = marked, sources = {}): Promise<string> {
  const { playlist, fault } = await rewritePlaylist(Buffer.from(text), rewriteUri, sources);
  if (playlist === undefined) throw new Error(`line ${fault.line}: ${fault.reason}`);
  return playlist.toString();
}

describe('rewriting a playlist', () => {
  it.each<[role: UriRole, before: string, after: string]>([
    ['segment', 'a.ts', '/x/segment?a.ts'],
    ['segment', '#EXTINF:4,\n#EXT-X-GAP\n \ta b.ts \t', '#EXTINF:4,\n#EXT-X-GAP\n \t/x/segment?a b.ts \t'],
    [
      'variant',
      '#EXT-X-STREAM-INF:BANDWIDTH=1\n# why\n\nlow.m3u8',
      '#EXT-X-STREAM-INF:BANDWIDTH=1\n# why\n\n/x/variant?low.m3u8',
    ],
    ['key', '#EXT-X-KEY:METHOD=AES-128,URI="k?a,b",IV=0x01', '#EXT-X-KEY:METHOD=AES-128,URI="/x/key?k?a,b",IV=0x01'],
    [
      'session-key',
      '#EXT-X-SESSION-KEY:METHOD=AES-128, URI="k"',
      '#EXT-X-SESSION-KEY:METHOD=AES-128, URI="/x/session-key?k"',
    ],
    ['map', '#EXT-X-MAP:BYTERANGE="10@0",URI="i.mp4"', '#EXT-X-MAP:BYTERANGE="10@0",URI="/x/map?i.mp4"'],
    [
      'rendition',
      '#EXT-X-MEDIA:TYPE=AUDIO,NAME="a, URI=b",URI="a.m3u8"',
      '#EXT-X-MEDIA:TYPE=AUDIO,NAME="a, URI=b",URI="/x/rendition?a.m3u8"',
    ],
    [
      'iframes',
      '#EXT-X-I-FRAME-STREAM-INF:URI="i.m3u8",BANDWIDTH=1',
      '#EXT-X-I-FRAME-STREAM-INF:URI="/x/iframes?i.m3u8",BANDWIDTH=1',
    ],
    [
      'images',
      '#EXT-X-IMAGE-STREAM-INF:BANDWIDTH=1,URI="i.m3u8"',
      '#EXT-X-IMAGE-STREAM-INF:BANDWIDTH=1,URI="/x/images?i.m3u8"',
    ],
    [
      'part',
      '#EXT-X-PART:DURATION=0.3,URI="p.1.mp4",INDEPENDENT=YES',
      '#EXT-X-PART:DURATION=0.3,URI="/x/part?p.1.mp4",INDEPENDENT=YES',
    ],
    ['hint', '#EXT-X-PRELOAD-HINT:TYPE=PART,URI="p.2.mp4"', '#EXT-X-PRELOAD-HINT:TYPE=PART,URI="/x/hint?p.2.mp4"'],
    [
      'report',
      '#EXT-X-RENDITION-REPORT:URI="../1/w.m3u8",LAST-MSN=1',
      '#EXT-X-RENDITION-REPORT:URI="/x/report?../1/w.m3u8",LAST-MSN=1',
    ],
    [
      'session-data',
      '#EXT-X-SESSION-DATA:DATA-ID="a",URI="a.json"',
      '#EXT-X-SESSION-DATA:DATA-ID="a",URI="/x/session-data?a.json"',
    ],
    [
      'steering',
      '#EXT-X-CONTENT-STEERING:SERVER-URI="s",PATHWAY-ID="A"',
      '#EXT-X-CONTENT-STEERING:SERVER-URI="/x/steering?s",PATHWAY-ID="A"',
    ],
    [
      'asset',
      '#EXT-X-DATERANGE:ID="1",X-ASSET-URI="ad.m3u8"',
      '#EXT-X-DATERANGE:ID="1",X-ASSET-URI="/x/asset?ad.m3u8"',
    ],
    [
      'asset-list',
      '#EXT-X-DATERANGE:X-ASSET-LIST="l",ID="1"',
      '#EXT-X-DATERANGE:X-ASSET-LIST="/x/asset-list?l",ID="1"',
    ],
    ['unknown', '#EXT-X-NEW-THING:A=1,URI="n"', '#EXT-X-NEW-THING:A=1,URI="/x/unknown?n"'],
    ['segment', '#EXT-X-PREFETCH:next.ts', '#EXT-X-PREFETCH:/x/segment?next.ts'],
    ['key', '#EXT-X-KEY:METHOD=AES-128,URI=k , IV=0x01', '#EXT-X-KEY:METHOD=AES-128,URI=/x/key?k , IV=0x01'],
    ['key', '#EXT-X-KEY:URI="never closed', '#EXT-X-KEY:URI="/x/key?never closed'],
    ['key', '#EXT-X-KEY:nonsense,URI = "k"', '#EXT-X-KEY:nonsense,URI = "/x/key?k"'],
  ])('finds the URI of a %s: %j', async (_role, before, after) => {
    expect(await rewritten(`#EXTM3U\n${before}\n`)).toBe(`#EXTM3U\n${after}\n`);
  });

  it.each([
    ['comments', '#EXTM3U\n# URI="a"\n#\n#EX URI="a"\n'],
    ['titles', '#EXTM3U\n#EXTINF:-1 tvg-logo="http://a/b",URI="x"\n'],
    ['attributes of other names', '#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,X-URI="a",NAME="URI=b"\n'],
    ['nothing but the header', '#EXTM3U'],
    ['a byte order mark and white space', '\ufeff \r\n\r\n#EXTM3U \r\n\r\n\t\r\n'],
    ['attributes without value', '#EXTM3U\n#EXT-X-KEY:,,=,URI,="x",\n#EXT-X-KEY:=\n'],
  ])('leaves %s', async (_name, text) => {
    expect(await rewritten(text)).toBe(text);
  });

  it('keeps bytes that are no UTF-8, and every end of a line', async () => {
    const before = Buffer.from('\xef\xbb\xbf#EXTM3U\r\n#EXTINF:1,\xff\xfe\ra.ts\r\r\nb.ts', 'latin1');
    const { playlist } = await rewritePlaylist(before, (uri) => `/${uri}`);
    expect(playlist?.toString('latin1')).toBe('\xef\xbb\xbf#EXTM3U\r\n#EXTINF:1,\xff\xfe\r/a.ts\r\r\n/b.ts');
  });

  it('gives and takes URIs as text, whatever letters are in them', async () => {
    const seen: string[] = [];
    const text = await rewritten('#EXTM3U\nżółć.ts\n#EXT-X-MAP:URI="é"\n', (uri) => {
      seen.push(uri);
      return `ü/${uri}`;
    });
    expect(seen).toEqual(['żółć.ts', 'é']);
    expect(text).toBe('#EXTM3U\nü/żółć.ts\n#EXT-X-MAP:URI="ü/é"\n');
  });

  it('lets nothing that is put in end its value or its line', async () => {
    const text = await rewritten('#EXTM3U\na\n#EXT-X-KEY:URI="a",B=1\n#EXT-X-KEY:URI=a,B=1', () => 'x"\n,y');
    expect(text).toBe('#EXTM3U\nx"%0A,y\n#EXT-X-KEY:URI="x%22%0A,y",B=1\n#EXT-X-KEY:URI=x%22%0A%2Cy,B=1');
  });

  it('tells a master playlist from a media playlist', async () => {
    const read = (text: string) => rewritePlaylist(Buffer.from(text), marked);
    expect(await read('#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\na')).toMatchObject({ isMaster: true });
    expect(await read('#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,URI="a"')).toMatchObject({ isMaster: true });
    expect(await read('#EXTM3U\n#EXTINF:1,\na')).toMatchObject({ isMaster: false });
  });

  it('puts in the values of variables before the URI is seen', async () => {
    const seen: string[] = [];
    const text = [
      '#EXTM3U',
      '#EXT-X-DEFINE:NAME="host",VALUE="h.example"',
      '#EXT-X-DEFINE:NAME="base",VALUE="http://{$host}/a"',
      '#EXT-X-DEFINE:IMPORT="of-master"',
      '#EXT-X-DEFINE:QUERYPARAM="token"',
      '{$base}/1.ts',
      '#EXT-X-KEY:URI="{$of-master}?{$token}"',
      '{$unknown}/2.ts',
      'same.ts',
    ].join('\n');
    const playlist = await rewritten(
      text,
      (uri) => {
        seen.push(uri);
        return uri === 'same.ts' ? undefined : 'new';
      },
      { imported: new Map([['of-master', 'm']]), url: 'http://h/a.m3u8?x=1&token=a%2Fb#c' },
    );
    expect(seen).toEqual(['http://h.example/a/1.ts', 'm?a/b', 'same.ts']);
    // No player finds that parameter in the URL that it knows; and its value is nobody's business.
    const expected = text
      .replace('QUERYPARAM="token"', 'NAME="token",VALUE=""')
      .replace('{$base}/1.ts', 'new')
      .replace('{$of-master}?{$token}', 'new');
    expect(playlist).toBe(expected);
  });

  it('says which variables it defines', async () => {
    const text =
      '#EXTM3U\n#EXT-X-DEFINE:NAME="a",VALUE="1"\n#EXT-X-DEFINE:NAME="a",VALUE="2"\n#EXT-X-DEFINE:NAME="?",VALUE="2"';
    expect(await rewritePlaylist(Buffer.from(text), marked)).toMatchObject({ variables: new Map([['a', '1']]) });
  });

  it.each<[name: string, text: string, line: number | undefined, reason: RegExp]>([
    ['no header', '#EXTINF:1,\na.ts', 1, /#EXTM3U/],
    ['nothing', '', 1, /#EXTM3U/],
    ['more than 2 MB', `#EXTM3U\n${'#'.repeat(2 * 1024 * 1024)}`, undefined, /bytes/],
    ['more than 20,000 URIs', `#EXTM3U\n${'a\n'.repeat(20_001)}`, 20_002, /20000 URIs/],
    [
      'more than 20,000 URIs in one line',
      `#EXTM3U\n#EXT-X-KEY:${'URI="",'.repeat(9000)}\n#EXT-X-KEY:${'URI="",'.repeat(9000)}\n#EXT-X-KEY:${'URI="",'.repeat(9000)}`,
      4,
      /20000 URIs/,
    ],
    ['a URI of 2 MB', `#EXTM3U\n${'a'.repeat(2_000_000)}`, 2, /65536 characters/],
    ['attributes of 2 MB', `#EXTM3U\n\n#EXT-X-KEY:${'A=1,'.repeat(500_000)}`, 3, /65536 characters/],
  ])('refuses %s', async (_name, text, line, reason) => {
    const { fault } = await rewritePlaylist(Buffer.from(text), marked);
    expect(fault).toEqual({ line, reason: expect.stringMatching(reason) });
  });

  it('passes on what is long and no URI', async () => {
    const text = `#EXTM3U\n#${'c'.repeat(1_000_000)}\n#EXTINF:1,${'t'.repeat(900_000)}\na`;
    expect(await rewritten(text)).toBe(text.replace(/a$/, '/x/segment?a'));
  });

  it('gives back the original when all is undone', async () => {
    const uri = fc.stringMatching(/^[a-z0-9/.?&=%é-]{1,12}$/);
    const noise = fc.constantFrom(
      '',
      ' ',
      '#',
      '# URI="a"',
      '#EXTINF:1,a="b',
      '#EXT-X-DISCONTINUITY',
      '#EXT-X-KEY:METHOD=NONE',
      '#EXTÿ',
    );
    const line = fc.oneof(
      noise,
      uri,
      fc.tuple(fc.constantFrom(' ', '\t', ''), uri).map(([space, one]) => `${space}${one}${space}`),
      uri.map((one) => `#EXT-X-KEY:METHOD=AES-128,URI="${one}",IV=0x1`),
      uri.map((one) => `#EXT-X-MEDIA:NAME="a,b" , URI=${one}`),
      uri.map((one) => `#EXT-X-X:URI="${one}`),
      uri.map((one) => `#EXT-X-STREAM-INF:A="${one}"\n${one}`),
    );
    const end = fc.constantFrom('\n', '\r\n', '\r', '\n\n');
    const playlists = fc
      .array(fc.tuple(line, end), { maxLength: 30 })
      .map((lines) => `#EXTM3U\n${lines.flat().join('')}`)
      .chain((text) => fc.constantFrom(text, `\ufeff${text}`, text.trimEnd()));
    await fc.assert(
      fc.asyncProperty(playlists, async (text) => {
        const names = new Map<string, string>();
        const there = await rewritten(text, (one) => {
          const name = `/n/${names.size}`;
          names.set(name, one);
          return name;
        });
        expect(await rewritten(there, (one) => names.get(one))).toBe(text);
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ['20,000 URIs', `#EXTM3U\n${'#EXTINF:4,\nsegment.ts?token=0123456789\n'.repeat(20_000)}`],
    ['two million empty lines', `#EXTM3U\n${'\n'.repeat(2_000_000)}`],
    ['as many attributes as lines may hold', `#EXTM3U\n${`#EXT-X-MEDIA:${'A=1,'.repeat(15_000)}\n`.repeat(30)}`],
    ['references that are never closed', `#EXTM3U\n${`${'{$aaaa'.repeat(10_000)}\n`.repeat(30)}`],
    ['equals signs', `#EXTM3U\n${`#EXT-X-MEDIA:${'='.repeat(60_000)}\n`.repeat(30)}`],
  ])('lets others have their turn while it reads %s', async (_name, text) => {
    const mostMs = 20;
    expect(
      await longestTurnMs(async () => {
        await rewritten(text);
      }, mostMs),
    ).toBeLessThan(mostMs);
  });

  it('is not made longer and longer by variables', async () => {
    const value = '#EXT-X-DEFINE:NAME="a",VALUE="'.concat('x'.repeat(8000), '"');
    const line = '{$a}'.repeat(100);
    let given = 0;
    await rewritten(`#EXTM3U\n${value}\n${`${line}\n`.repeat(5000)}`, (uri) => {
      given += uri.length;
      return 'u';
    });
    expect(given).toBeGreaterThan(0);
    expect(given).toBeLessThanOrEqual(2 * 1024 * 1024);
  });
});
