import { idleStart, readPathConfig } from '../../../src/mediamtx/path-config';

describe('readPathConfig', () => {
  it.each<[string, Record<string, unknown>, string]>([
    ['an on-demand source', { source: 'rtsp://10.0.0.9/a', sourceOnDemand: true }, 'reader'],
    ['a source that always runs', { source: 'rtsp://10.0.0.9/a', sourceOnDemand: false }, 'itself'],
    ['a camera', { source: 'rpiCamera', sourceOnDemand: true }, 'reader'],
    ['a publisher', { source: 'publisher', sourceOnDemand: false, runOnDemand: '' }, 'publisher'],
    ['a command', { source: 'publisher', runOnDemand: 'ffmpeg …' }, 'reader'],
    ['a filler', { source: 'publisher', alwaysAvailable: true }, 'reader'],
    ['a redirect', { source: 'redirect', sourceRedirect: 'rtsp://10.0.0.9/a' }, 'nothing'],
    ['hardly anything', {}, 'publisher'],
    ['what no MediaMTX says', { source: 7, sourceOnDemand: 'yes', runOnDemand: [] }, 'publisher'],
  ])('reads %s', (_, item, start) => {
    expect(readPathConfig({ name: 'cam/a', ...item })).toEqual({ name: 'cam/a', start });
  });

  it.each([undefined, null, 7, [], {}, { name: '' }, { name: 7 }])('makes nothing of %j', (item) => {
    expect(readPathConfig(item)).toBeUndefined();
  });
});

it.each([
  ['rtspSource', 'reader'],
  ['rpiCameraSource', 'reader'],
  ['redirect', 'nothing'],
  ['rtspSession', 'publisher'],
  [undefined, 'publisher'],
])('a path that is not live, with the source %s', (type, start) => expect(idleStart(type)).toBe(start));
