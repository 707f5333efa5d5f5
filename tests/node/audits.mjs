// node audits.mjs URL: runs the server audits of graphql-http, and prints one line of JSON for each.
import { serverAudits } from 'graphql-http';

for (const audit of serverAudits({ url: process.argv[2] })) {
  const { id, name, status, reason, response } = await audit.fn();
  const answer = status === 'ok' ? {} : { reason, answer: `${response.status} ${response.body ?? ''}` };
  console.log(JSON.stringify({ id, name, status, ...answer }));
}
