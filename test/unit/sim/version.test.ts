import { featuresOf, PROFILE_VERSIONS } from '../../../src/sim/version';

it('has the versions that stand for the profiles', () => {
  expect(PROFILE_VERSIONS).toEqual({ 'pre-session': 'v1.17.1', session: 'v1.20.1' });
});

it.each([
  ['v1.2.0', 'info', false],
  ['v1.15.1', 'info', false],
  ['v1.15.2', 'info', true],
  ['v1.15.4', 'errorStatus', false],
  ['v1.15.5', 'errorStatus', true],
  ['v1.15.6', 'online', false],
  ['v1.16.0', 'online', true],
  ['v1.16.3', 'tracks2', false],
  ['v1.17.0', 'tracks2', true],
  ['v1.17.1', 'sessions', false],
  ['v1.18.0', 'sessions', true],
  ['v1.18.0', 'cdn', false],
  ['v1.18.1', 'cdn', true],
  ['v1.18.0', 'slashRedirectStatus', 301],
  ['v1.19.3', 'slashRedirectStatus', 302],
  ['v1.20.0', 'plainCookies', true],
  ['v1.20.1', 'plainCookies', false],
  ['v2.0.0', 'sessions', true],
] as const)('%s: %s is %s', (version, feature, expected) => {
  expect(featuresOf(version)[feature]).toBe(expected);
});

it.each(['1.20.1', 'v1.20', 'v1.1.9', 'v0.23.8', 'latest', ''])('refuses %j and says what is allowed', (version) => {
  expect(() => featuresOf(version)).toThrow(
    `MediaMTX version '${version}' given; allowed are versions from v1.2.0 on, written like v1.20.1`,
  );
});
