import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Agent } from 'undici';
import { errorCode, errorText } from '../wire';
import type { DemoAddresses, DemoServerAddress } from './addresses';
import { type Child, startChild } from './child';
import { DemoError } from './demo-error';
import type { Ending } from './ending';
import type { DemoFleet } from './fleet';
import type { HolderLog } from './holder-log';
import { mediamtxConfig } from './mediamtx-config';
import { programPath } from './program-path';
import { waitFor } from './wait-for';

export interface RealFleetOptions {
  readonly addresses: DemoAddresses;
  /** The MediaMTX executable. */
  readonly mediamtxBin: string;
  /** Where configuration files may be written. */
  readonly folder: string;
  readonly log: HolderLog;
  /** Is told when one of the programs dies. */
  readonly ending: Ending;
}

/**
 * Three real MediaMTX processes, and one ffmpeg for each publisher.
 *
 * @throws DemoError when one of the programs cannot be run or does not come up; nothing is left running then.
 */
export async function createRealDemoFleet(options: RealFleetOptions): Promise<DemoFleet> {
  const { addresses, log, ending } = options;
  const bin = programPath(options.mediamtxBin);
  const version = await mediamtxVersion(bin);
  const servers: Child[] = [];
  const publishers = new Map<string, Child>();
  const connections = new Agent();
  async function startServer(server: DemoServerAddress): Promise<void> {
    const file = join(options.folder, `${server.name}.yml`);
    await writeFile(file, mediamtxConfig(server, version));
    const child = await startChild({
      title: `MediaMTX ${server.name}`,
      command: bin,
      args: [file],
      // Its own variables would override the file.
      env: withoutPrefix('MTX_'),
      cwd: options.folder,
      missing: missingMediamtx(bin),
    });
    servers.push(child);
    ending.watch(child);
    const answers = async () => (await ask(server, '/v3/paths/list')).status === 200;
    await waitFor(`the Control API of ${server.name}`, answers, ending.reason);
  }

  function addressOf(name: string): DemoServerAddress {
    const found = addresses.servers.find((server) => server.name === name);
    if (found === undefined) throw new Error(`no server ${name}`);
    return found;
  }

  async function ask(server: DemoServerAddress, path: string): Promise<{ status: number; body: unknown }> {
    const { statusCode, body } = await connections.request({ origin: `http://${server.api}`, path, method: 'GET' });
    return { status: statusCode, body: await body.json() };
  }

  async function isLive(server: DemoServerAddress, stream: string): Promise<boolean> {
    const { status, body } = await ask(server, `/v3/paths/get/${stream}`);
    return status === 200 && typeof body === 'object' && body !== null && 'ready' in body && body.ready === true;
  }

  async function publish(stream: string, name: string): Promise<void> {
    const server = addressOf(name);
    log.connecting(stream, name);
    const child = await startChild({
      title: `ffmpeg publishing ${stream} to ${name}`,
      command: 'ffmpeg',
      args: publisherArgs(`rtsp://${server.rtsp}/${stream}`, addresses.servers.indexOf(server)),
      env: process.env,
      cwd: options.folder,
      missing: 'there is no ffmpeg, which publishes to real servers: apt-get install ffmpeg',
    });
    publishers.set(`${stream} ${name}`, child);
    ending.watch(child);
    await waitFor(`${name} to have ${stream}`, () => isLive(server, stream), ending.reason);
    log.live(stream, name);
  }

  async function unpublish(stream: string, name: string): Promise<void> {
    const key = `${stream} ${name}`;
    const child = publishers.get(key);
    if (child === undefined) return;
    publishers.delete(key);
    log.leaving(stream, name);
    await child.stop();
    const hasLost = async () => !(await isLive(addressOf(name), stream));
    await waitFor(`${name} to lose ${stream}`, hasLost, ending.reason);
    log.gone(stream, name);
  }

  async function stop(): Promise<void> {
    // Publishers first: they would complain about servers that are gone.
    await Promise.all([...publishers.values()].map((child) => child.stop()));
    publishers.clear();
    await Promise.all(servers.map((child) => child.stop()));
    await connections.destroy();
  }

  try {
    await Promise.all(addresses.servers.map(startServer));
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    description: `MediaMTX ${version}`,
    publish,
    unpublish,
    async move(stream, from, to) {
      await unpublish(stream, from);
      await publish(stream, to);
    },
    stop,
    kill: () => {
      for (const child of [...publishers.values(), ...servers]) child.kill();
    },
  };
}

async function mediamtxVersion(bin: string): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(bin, ['--version'], { env: withoutPrefix('MTX_') });
    return stdout.trim();
  } catch (error) {
    const isMissing = errorCode(error) === 'ENOENT';
    throw new DemoError(isMissing ? missingMediamtx(bin) : `cannot run ${bin} (MEDIAMTX_BIN): ${errorText(error)}`);
  }
}

const missingMediamtx = (bin: string): string =>
  `there is no ${bin}: MEDIAMTX_BIN must name a MediaMTX executable; without it the demo uses stand-ins`;

function withoutPrefix(prefix: string): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith(prefix)));
}

/** A test picture with a tone, a key frame a second. Each server's pictures have another hue, so a move can be seen. */
function publisherArgs(url: string, serverIndex: number): string[] {
  return [
    ...['-hide_banner', '-loglevel', 'error', '-nostdin', '-re'],
    ...['-f', 'lavfi', '-i', 'testsrc2=size=640x360:rate=25'],
    ...['-f', 'lavfi', '-i', `sine=frequency=${440 + 110 * serverIndex}:sample_rate=48000`],
    ...['-vf', `hue=h=${120 * serverIndex}`, '-pix_fmt', 'yuv420p'],
    ...['-c:v', 'libx264', '-profile:v', 'baseline', '-preset', 'ultrafast', '-tune', 'zerolatency'],
    ...['-g', '25', '-b:v', '500k', '-threads', '1', '-c:a', 'aac', '-b:a', '64k'],
    ...['-f', 'rtsp', '-rtsp_transport', 'tcp', url],
  ];
}
