// Sends one call of each kind with a stock client, as its documentation says, and ends with
// the line "ok". SLUICE_URL, SLUICE_KEY and SLUICE_CLIENT say where, as whom and with which.
const { SLUICE_URL: url, SLUICE_KEY: writeKey, SLUICE_CLIENT: kind } = process.env;

function segment() {
  const { Analytics } = require('@segment/analytics-node');
  const client = new Analytics({ writeKey, host: url, flushAt: 3, flushInterval: 200 });
  client.on('error', (e) => { console.error('client reports', e.code); process.exitCode = 1; });
  return { client, end: () => client.closeAndFlush({ timeout: 15000 }) };
}

function rudder(gzip) {
  const RudderAnalytics = require('@rudderstack/rudder-sdk-node');
  const client = new (RudderAnalytics.default ?? RudderAnalytics)(writeKey, { dataPlaneUrl: url, flushAt: 20, gzip });
  return { client, end: () => client.flush() };
}

const { client, end } = { segment, rudder: () => rudder(false), 'rudder-gzip': () => rudder(true) }[kind]();
const who = { userId: 'u-1', anonymousId: 'a-1' };
client.identify({ ...who, traits: { plan: 'pro' } });
client.track({ ...who, event: 'Lesson Started', properties: { course: 'c1', position: 12.5 }, context: { ip: '203.0.113.77' } });
client.page({ ...who, name: 'Home', properties: { url: 'https://edu.example/?token=canary' } });
client.screen({ ...who, name: 'Player' });
client.group({ ...who, groupId: 'g-1', traits: { size: 'small' } });
client.alias({ userId: 'u-1', previousId: 'a-1' });
end().then(() => console.log('ok'), (e) => { console.error('flush failed', e?.name); process.exitCode = 1; });
