import { type ConfigContext, masterRequest, type Rule } from './config-context';
import { type Finding, right, wrong } from './finding';
import { effectiveOption } from './proxy';
import { acts } from './rule-condition';

/** Does MediaMTX learn the viewer's address from the connection, and not from the viewer? */
export function checkForwarded(context: ConfigContext): Finding[] {
  const { rules, way, backend } = context;
  const request = masterRequest(context, 1);
  const touching = rules.filter(isAboutForwardedFor);
  const set = touching.findLast(({ words, acls }) => words[1] === 'set-header' && acts(words, acls, request) === true);
  const change = '"http-request set-header X-Forwarded-For %[src]"';
  if (set !== undefined) {
    return isForged(set)
      ? [wrong('error', 'forwarded.forged', 'X-Forwarded-For is taken from the request.', set, `write ${change}`)]
      : [
          right('forwarded.set', "MediaMTX learns the viewer's address."),
          right('forwarded.forged', 'It comes from the connection.'),
        ];
  }
  const isDeleted = touching.some(
    ({ words, acls }) => words[1] === 'del-header' && acts(words, acls, request) === true,
  );
  const option = way.map((proxy) => effectiveOption(proxy, 'forwardfor')).find((line) => line !== undefined);
  const adding = option ?? touching.find(({ words }) => words[1] === 'add-header' || words[1] === 'set-header');
  if (adding === undefined) {
    const what = 'X-Forwarded-For is not set, so a viewer may send one, and no other is added.';
    return [wrong('error', 'forwarded.set', what, way[0] ?? backend, `add ${change}`)];
  }
  return isDeleted
    ? [right('forwarded.set', "MediaMTX learns the viewer's address.")]
    : [
        wrong(
          'error',
          'forwarded.forged',
          'X-Forwarded-For is added behind what the viewer sends, and MediaMTX may read the first.',
          adding,
          `write ${change} instead`,
        ),
      ];
}

function isAboutForwardedFor({ words }: Rule): boolean {
  return words[0] === 'http-request' && words[2]?.toLowerCase() === 'x-forwarded-for';
}

function isForged({ words }: Rule): boolean {
  return /hdr|x-forwarded/i.test(words[3] ?? '');
}
