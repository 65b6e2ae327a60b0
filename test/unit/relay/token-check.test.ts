import { createTokenCheck } from '../../../src/relay/token-check';

const token = 'geheim mit € und :';
const basic = (login: string) => `Basic ${Buffer.from(login).toString('base64')}`;

describe('with a token', () => {
  const check = createTokenCheck('geheim');
  const ask = (headers: Record<string, string> = {}, url = '/streams', method = 'GET') =>
    check({ headers, url, method })?.problem;

  it.each<[string, Record<string, string>, string]>([
    ['X-API-Token', { 'x-api-token': 'geheim' }, '/streams'],
    ['the query', {}, '/streams?x=1&api_token=geheim'],
    ['Bearer', { authorization: 'bearer geheim' }, '/streams'],
    ['Basic, as its password', { authorization: basic('pilot:geheim') }, '/streams'],
    ['one of several', { 'x-api-token': 'other', authorization: 'Bearer geheim' }, '/streams'],
  ])('lets in who gives it in %s', (_, headers, url) => {
    expect(ask(headers, url)).toBeUndefined();
  });

  it.each<[string, Record<string, string>, string]>([
    ['nothing', {}, '/streams'],
    ['an empty header', { 'x-api-token': '' }, '/streams?api_token='],
    ['another scheme', { authorization: 'Digest x' }, '/streams'],
  ])('asks for it who gives %s', (_, headers, url) => {
    expect(ask(headers, url)).toBe('NoToken');
  });

  it.each<[string, Record<string, string>, string]>([
    ['X-API-Token', { 'x-api-token': 'geheim ' }, '/streams'],
    ['the query', {}, '/streams?api_token=x&api_token=y'],
    ['Bearer', { authorization: 'Bearer GEHEIM' }, '/streams'],
    ['Basic', { authorization: basic('geheim:x') }, '/streams'],
    ['Basic without a colon', { authorization: basic('x') }, '/streams'],
  ])('refuses a wrong one in %s', (_, headers, url) => {
    expect(ask(headers, url)).toBe('WrongToken');
  });

  it('lets in pages of other sites that know it', () => {
    expect(ask({ 'x-api-token': 'geheim', origin: 'http://evil.example' }, '/streams', 'POST')).toBeUndefined();
  });

  it('compares texts of any length and characters', () => {
    const odd = createTokenCheck(token);
    expect(odd({ headers: {}, url: `/?api_token=${encodeURIComponent(token)}`, method: 'GET' })).toBeUndefined();
    expect(odd({ headers: {}, url: `/?api_token=${'x'.repeat(5000)}`, method: 'GET' })?.problem).toBe('WrongToken');
  });
});

describe('without a token', () => {
  const check = createTokenCheck(undefined);

  it.each<[string, string, Record<string, string>, string | undefined]>([
    ['anybody', 'DELETE', { host: '127.0.0.1:8085' }, undefined],
    ['its own page', 'POST', { host: '127.0.0.1:8085', origin: 'http://127.0.0.1:8085' }, undefined],
    ['a page of another site that reads', 'GET', { host: '127.0.0.1:8085', origin: 'http://evil.example' }, undefined],
    [
      'a page of another site that changes',
      'POST',
      { host: '127.0.0.1:8085', origin: 'http://evil.example' },
      'OtherSite',
    ],
    ['a page without a name', 'DELETE', { host: '127.0.0.1:8085', origin: 'null' }, 'OtherSite'],
  ])('%s may %s, or is refused', (_, method, headers, expected) => {
    expect(check({ headers, url: '/streams', method })?.problem).toBe(expected);
  });
});
