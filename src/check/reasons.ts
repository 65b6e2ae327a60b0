/** Every question of the preflight, and why it matters when the answer is wrong. */
export const reasons = {
  'config.read': 'Without the file nothing about HAProxy can be checked before it runs.',
  'config.valid': 'HAProxy does not start with it, and at a reload the old process goes on with the old configuration.',
  'config.warnings': 'HAProxy starts with it, and may not do what the line was written for.',
  'config.program': 'Only the haproxy program itself can tell whether the configuration is valid.',
  'config.conditions': 'What depends on this condition was checked as if it were in force.',
  'config.chroot':
    'HAProxy 3.4 warns of it at every start: whoever breaks into a process that sees all files can read every file that its user may read.',
  'config.backend': 'Everything the agent does is about this backend: it looks for streams on its servers.',

  'bridge.present': 'Without a question to the agent HAProxy guesses: it tries the servers one after the other.',
  'bridge.masters':
    'Everything looks fine, yet HAProxy never asks about a master playlist: no error, no log line, no traffic.',
  'bridge.config': 'This file says what HAProxy asks; where it is wrong, the agent gets questions it cannot answer.',
  'bridge.arguments': 'The agent cannot answer a question that does not name the stream and the session.',
  'bridge.address': 'HAProxy asks somebody else, or nobody.',
  'bridge.deadline':
    'The agent may use its whole lookup deadline for a stream that is new to it; HAProxy must wait a little longer, or it drops those answers.',

  'agent.gate':
    'A hung agent then costs every request the whole processing time-out, even after its check has failed: open connections are still used.',
  'agent.retries': 'When the agent is dead, each retry waits, so every request takes the whole processing time-out.',
  'agent.checks': 'A server without a check always counts as up: HAProxy goes on asking an agent that is dead or hung.',
  'agent.check-kind': 'A hung agent still accepts connections, so a mere TCP check never fails.',
  'agent.up': 'While the check of the agent fails, HAProxy does not ask it.',
  'agent.answers': 'This agent cannot answer HAProxy either.',

  'routes.map':
    "The map holds the agent's answers in advance: HAProxy then need not ask about a master playlist at all.",
  'routes.gate': 'A map that is no longer kept up to date sends viewers to where streams used to be.',
  'use-server': 'HAProxy gets the decision and does not follow it.',

  'retries.masters':
    'Segments and media playlists of another server belong to another recording: a player that gets them stops with an error.',
  'retries.heal':
    'A master playlist that reaches a server without the stream is healed by trying the next one within the same request; without it the viewer gets the 404.',
  'retries.time-out':
    'A server that holds a master playlist back has the stream and waits for its first key frame. No other server has it, so the viewer waits for one time-out after another.',
  'retries.placed':
    'The agent said that nobody has the stream. Trying all servers costs each of them a request, and may start an on-demand source on the wrong one.',
  'retries.elsewhere':
    'The agent says so when it cannot read which server is configured to start a stream on demand: the first one that is asked need not be the right one.',
  'servers.backup':
    'While another server is up, a backup gets no streams that nobody has, and new viewers only of streams that are live only there.',
  balance: 'A retry goes to the next server with round robin only; with a hash it alternates between two of them.',

  'balance.weights':
    'With a static algorithm HAProxy accepts only the weights 0 % and 100 % while it runs, so load does not change who gets new streams.',

  'relays.reached': 'Viewers of relays are sent to MediaMTX servers, which have not got their streams.',
  'relays.names': 'The agent tells servers apart by their names alone, and places nothing of a relay on a MediaMTX.',
  'relays.decided': 'HAProxy gets the decision and does not follow it.',
  'relays.account':
    'Each relay counts for itself: with clients on two of them, an account gets more connections than its provider allows.',
  'relays.once':
    'The second request opens a second connection to the provider, which the account may not have, for the same answer.',
  'relays.leave':
    'A client that leaves while the provider is silent keeps the connection of its account until HAProxy gives up.',
  'relays.patience':
    'A relay keeps players waiting over the silence of a provider, and lets them pause; HAProxy ends it before.',
  'relays.checks': 'A relay that hangs, or is about to end, still accepts connections.',

  'stick.memory':
    "Viewers are kept on their server by HAProxy's tables; without them every segment is a question, or a guess.",
  'stick.success':
    'MediaMTX since v1.18 answers 302 for any name, and every server answers 404 for a wrong one: the table learns wrong servers, and viewers follow it.',
  'table.key': 'Longer keys are cut, so that streams or viewers with the same beginning share one entry.',
  'table.size': 'A full table forgets its oldest entries, or takes no new ones.',
  'table.expire':
    'Entries must outlast the pauses of a player, and go when it has left: else viewers lose their server, or the table fills up.',
  'table.peers': 'The table is empty after every reload.',

  'peers.local': 'HAProxy drops the section with nothing but a warning, and all tables are empty after every reload.',
  'peers.single': 'With two sections, HAProxy 3.0 and newer lose the tables of one of them at every reload.',
  'peers.agent':
    'Without it HAProxy does not report viewers to the agent as they come and go; the agent polls the tables instead.',
  'peers.loopback':
    'The peers protocol has no passwords: whoever reaches the port reads who watches what, and moves viewers.',

  'socket.admin': "The agent learns the servers there, and sets their states and HAProxy's map.",
  'socket.address': 'The agent asks another socket than the one that HAProxy opens.',
  'socket.exposed': 'There is no password: whoever reaches the port can stop every server.',

  'forwarded.set':
    'MediaMTX sees one address for all viewers: in its logs, in its sessions and in its rules by address.',
  'forwarded.forged': 'A viewer who sends the header chooses which address MediaMTX believes.',

  'runtime.answers': 'Without it the agent does not know the servers and cannot steer them.',
  'runtime.level': 'At another level states, weights and the map cannot be set.',
  'runtime.version': 'The configuration and the agent are tried with HAProxy 2.6 to 3.4.',
  'runtime.config': 'What was checked is not what runs.',
  'runtime.servers': 'What HAProxy does is up to the configuration that it has loaded.',

  'server.up': 'HAProxy sends nobody there.',
  'server.kind':
    'Streams of relays are placed by account, on relays only: each kind of server has a backend of its own.',
  'server.hls': 'Viewers who are sent there get an error.',
  'server.api': 'The agent does not learn which streams the server has.',
  'server.version': 'Older servers lack what the routing of sessions is built on.',
  'server.trust':
    'The server takes HAProxy for the viewer: one address for all of them, in logs, sessions and rules by address.',
  'server.trust-all': 'Whoever reaches the server directly can claim any address.',
  'server.settings': "The server's settings do not fit what HAProxy does.",
  'server.alike': 'When a stream moves, its players meet another kind of HLS, and some give up.',
  'server.clock': 'When two servers have a stream, the newest publisher wins; their clocks decide which one that is.',

  'viewers.answers': 'Nobody can watch, and whether HAProxy asks the agent cannot be tried.',
  canary: 'A request that goes the whole way is the only proof that HAProxy asks the agent and does what it says.',
} as const;
