import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkConfig } from '../../../src/check/check-config';
import { loadConfig } from '../../../src/check/load-config';
import { type ConfigFolder, shippedConfig } from '../../fixtures/check/apply';
import { expectedOfShipped } from '../../fixtures/check/expected';

let config: ConfigFolder;
afterEach(() => config.remove());

/*
 * Two firewalls that are asked over SPOE on the same way, as their users set them up: one asks by rules and passes its verdict to a Lua script, the other by an
 * event. Neither gates its questions, both let HAProxy wait longer than the agent does, and their backends are not checked.
 */
const bouncer = `[crowdsec]
spoe-agent crowdsec-agent
    messages     crowdsec-connection
    groups       crowdsec-request
    option       var-prefix crowdsec
    option       set-on-error error
    timeout      hello 200ms
    timeout      idle 55s
    timeout      processing 500ms
    use-backend  crowdsec-spoa
    log          global

spoe-message crowdsec-connection
    args   id=unique-id src-ip=src src-port=src_port
    event  on-client-session

spoe-message crowdsec-http
    args   remediation=var(txn.crowdsec.remediation) id=unique-id host=hdr(Host) method=method path=path headers=req.hdrs url=url upstream=be_name

spoe-group crowdsec-request
    messages  crowdsec-http
`;
const waf = `[coraza]
spoe-agent coraza-agent
    messages     coraza-request
    option       var-prefix coraza
    option       set-on-error error
    timeout      hello 2s
    timeout      idle 2m
    timeout      processing 500ms
    use-backend  coraza-spoa
    log          global

spoe-message coraza-request
    args   app=var(txn.coraza.app) id=unique-id src-ip=src src-port=src_port dst-ip=dst method=method path=path query=query version=req.ver headers=req.hdrs body=req.body
    event  on-frontend-http-request
`;
const rules = `filter spoe engine crowdsec config crowdsec.cfg
    filter spoe engine coraza config coraza.cfg
    http-request set-var(txn.coraza.app) str(media)
    http-request send-spoe-group crowdsec crowdsec-request if { nbsrv(crowdsec-spoa) gt 0 }
    http-request lua.crowdsec_handle if { var(txn.crowdsec.remediation) -m str ban }
    http-request deny deny_status 403 if { var(txn.coraza.action) -m str deny }
    http-request deny deny_status 500 if { var(txn.coraza.error) -m int gt 0 }
`;
const backends = `
backend crowdsec-spoa
    mode tcp
    server s1 127.0.0.1:9000
backend coraza-spoa
    mode tcp
    server s1 127.0.0.1:9001
`;

/** The shipped files with both firewalls before everything else of the frontend, and one line of them as given. */
function withFirewalls(line = 'filter spoe engine mtx config spoe.cfg', instead = line): void {
  config = shippedConfig({ name: 'with firewalls', line, instead, finds: [] });
  const text = readFileSync(config.file, 'utf8').replace(/^frontend .*\n/m, (first) => `${first}    ${rules}`);
  writeFileSync(config.file, text);
  appendFileSync(config.file, backends);
  writeFileSync(join(config.folder, 'crowdsec.cfg'), bouncer);
  writeFileSync(join(config.folder, 'coraza.cfg'), waf);
}

function wrongs(env: Readonly<Record<string, string>> = {}) {
  const loaded = loadConfig(config.file, { environment: new Map(Object.entries(env)), version: '3.4.7' });
  if ('problem' in loaded) throw new Error(loaded.problem);
  return checkConfig(loaded, expectedOfShipped).filter(({ severity }) => severity !== 'ok');
}

it.each([
  ['spoe', {}],
  ['lua', { MTX_BRIDGE: 'lua' }],
])("other programs' filters are left alone: bridge %s", (_, env) => {
  withFirewalls();
  expect(wrongs(env)).toEqual([]);
});

it('none of them is taken for the agent’s when that is missing', () => {
  withFirewalls('filter spoe engine mtx config spoe.cfg', '# no filter');
  const found = wrongs();
  expect(found.map(({ id }) => id)).toEqual(['bridge.present']);
  expect(found[0]?.what).toMatch(
    /; the filter "crowdsec" asks another program, the filter "coraza" asks another program\.$/,
  );
});

it('nothing about them is to be changed when something else is wrong too', () => {
  withFirewalls('http-request send-spoe-group mtx route if !decided master agent_up', '# not asked');
  for (const { what, place, change } of wrongs()) {
    expect(place?.file).not.toMatch(/crowdsec|coraza/);
    expect(`${what} ${change}`).not.toMatch(/crowdsec|coraza/);
  }
});

it('a file that cannot be read proves nothing', () => {
  withFirewalls('filter spoe engine mtx config spoe.cfg', 'filter spoe engine waf config absent.cfg');
  const [found] = wrongs();
  expect(found?.id).toBe('bridge.present');
  expect(found?.what).toMatch(
    /which program the filter "waf" asks is not known \(.*absent\.cfg cannot be read: there is no such file\)/,
  );
});

it.each([
  ['what it sends', 'engine mtx', 'engine router', '[mtx]', '[router]'],
  ['whom it asks', 'stream=var', 'path=var', 'option var-prefix', 'option var-prefix'],
])('the agent’s is known by %s, whatever it is called', (_, line, instead, alsoLine, alsoInstead) => {
  withFirewalls();
  for (const name of ['haproxy.cfg', 'spoe.cfg']) {
    const path = join(config.folder, name);
    const text = readFileSync(path, 'utf8')
      .replaceAll('engine mtx', 'engine router')
      .replaceAll('send-spoe-group mtx', 'send-spoe-group router')
      .replaceAll('[mtx]', '[router]')
      .replaceAll(line, instead)
      .replaceAll(alsoLine, alsoInstead)
      .replace(/(option +var-prefix +)mtx/, '$1pilot')
      .replaceAll('txn.mtx.', 'txn.pilot.');
    writeFileSync(path, text);
  }
  expect(wrongs().map(({ id }) => id)).toEqual(line === 'stream=var' ? ['bridge.arguments'] : []);
});
