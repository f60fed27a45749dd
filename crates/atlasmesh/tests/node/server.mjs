// The OFREP provider of OpenFeature's project for servers in JavaScript: asks every question of a file, prints one JSON a line.
//
//     server.mjs URL QUESTIONS
//
// QUESTIONS is as for flags_client.py.
import { readFile } from 'node:fs/promises';
import { OFREPProvider } from '@openfeature/ofrep-provider';
import { OpenFeature } from '@openfeature/server-sdk';
import { quiet } from './quiet.mjs';

const [baseUrl, questions] = process.argv.slice(2);
const ask = { boolean: 'getBooleanDetails', string: 'getStringDetails', number: 'getNumberDetails' };

OpenFeature.setLogger(quiet);
const clients = new Map();
async function clientOf(token) {
  if (!clients.has(token)) {
    const provider = new OFREPProvider({ baseUrl, headers: [['Authorization', `Bearer ${token}`]] });
    await OpenFeature.setProviderAndWait(token, provider);
    clients.set(token, OpenFeature.getClient(token));
  }
  return clients.get(token);
}

for (const asked of JSON.parse(await readFile(questions, 'utf8'))) {
  const client = await clientOf(asked.token);
  const told = await client[ask[asked.type]](asked.flag, asked.default, asked.context);
  const { value, variant = null, reason, errorCode: error = null } = told;
  console.log(JSON.stringify({ value, variant, reason, error }));
}
await OpenFeature.close();
