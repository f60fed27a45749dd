// The OFREP provider of OpenFeature's project for pages, in Node with an EventSource of others.
//
//     web.mjs URL ask QUESTIONS
//     web.mjs URL follow TOKEN FLAG POLL_MS
//
// `ask` asks every question of a file as flags_client.py does. `follow` prints `now VALUE` at first and whenever the flag
// changes, until it is ended; it polls where POLL_MS is not 0 and hears of changes by events otherwise. Both print
// `asked STATUS CONDITIONAL` for each request after all flags: what was answered, and whether it named a tag.
import { readFile } from 'node:fs/promises';
import { EventSource } from 'eventsource';
import { OFREPWebProvider } from '@openfeature/ofrep-web-provider';
import { OpenFeature, ProviderEvents } from '@openfeature/web-sdk';
import { quiet } from './quiet.mjs';

const [baseUrl, mode, ...rest] = process.argv.slice(2);
const ask = { boolean: 'getBooleanDetails', string: 'getStringDetails', number: 'getNumberDetails' };

async function noted(...request) {
  const answer = await fetch(...request);
  console.log('asked', answer.status, request[0].headers.has('If-None-Match'));
  return answer;
}

function providerOf(token, more) {
  const headers = [['Authorization', `Bearer ${token}`]];
  return new OFREPWebProvider({ baseUrl, headers, cacheMode: 'disabled', fetchImplementation: noted, ...more }, quiet);
}

async function told(asked) {
  const domain = asked.token;
  await OpenFeature.setContext(domain, asked.context ?? {});
  if (!seen.has(domain)) {
    seen.add(domain);
    const fatal = () => {};
    await OpenFeature.setProviderAndWait(domain, providerOf(domain, { changeDetection: 'none' })).catch(fatal);
  }
  const told = OpenFeature.getClient(domain)[ask[asked.type]](asked.flag, asked.default);
  const { value, variant = null, reason, errorCode: error = null } = told;
  return { value, variant, reason, error };
}

OpenFeature.setLogger(quiet);
const seen = new Set();
if (mode === 'ask') {
  for (const asked of JSON.parse(await readFile(rest[0], 'utf8'))) {
    console.log(JSON.stringify(await told(asked)));
  }
  await OpenFeature.close();
} else {
  const [token, flag, pollMs] = rest;
  // A page sends its session's cookie by itself; here the token goes with every request.
  globalThis.EventSource = class extends EventSource {
    constructor(url) {
      const headers = { Authorization: `Bearer ${token}` };
      super(url, { fetch: (asked, init) => fetch(asked, { ...init, headers: { ...init.headers, ...headers } }) });
      this.addEventListener('open', () => console.log('hears'));
    }
  };
  const poll = { changeDetection: 'polling', pollInterval: Number(pollMs) };
  await OpenFeature.setProviderAndWait(providerOf(token, poll.pollInterval ? poll : {}));
  const client = OpenFeature.getClient();
  const say = () => console.log('now', client.getBooleanValue(flag, false));
  client.addHandler(ProviderEvents.ConfigurationChanged, say);
  say();
}
