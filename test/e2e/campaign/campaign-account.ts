/** The totals of a campaign, as the API, the database, the sink and the run itself count them. */
export interface CampaignAccount {
  readonly audience: number;
  readonly sent: number;
  readonly failed: number;
  /** Intents in the database, and how many users they are for. */
  readonly intents: number;
  readonly users: number;
  /** Mails that reached the sink, and how many of them are different. */
  readonly received: number;
  readonly unique: number;
  readonly kills: number;
  /** Most mails that a responder can have been sending when it was killed. */
  readonly inFlight: number;
  readonly fanOutSeconds: number;
  readonly seconds: number;
  /** By process name; the highest value across restarts. */
  readonly peakHeapMegabytes: Readonly<Record<string, number>>;
}

/** Describes whatever does not add up; empty for a campaign that kept its promises. */
export function discrepancies(account: CampaignAccount): string[] {
  const { audience, sent, failed, intents, users, received, unique, kills, inFlight } = account;
  const found: string[] = [];
  const expect = (holds: boolean, what: string): void => {
    if (!holds) found.push(what);
  };
  expect(sent + failed === audience, `sent ${sent} + failed ${failed} is not the audience of ${audience}`);
  expect(intents === audience && users === audience, `${intents} intents for ${users} users, not one for each`);
  expect(unique === sent, `${unique} different mails have arrived, but ${sent} were counted as sent`);
  const doubles = received - unique;
  expect(doubles <= kills * inFlight, `${doubles} doubles are more than ${kills} kills explain (${inFlight} each)`);
  return found;
}

export function described(account: CampaignAccount): string {
  const { peakHeapMegabytes, seconds, fanOutSeconds, received, unique, ...counts } = account;
  const rows: [string, string | number][] = [
    ...Object.entries(counts),
    ['received at the sink', received],
    ['unique', unique],
    ['doubles', received - unique],
    ['fan-out, seconds', fanOutSeconds.toFixed(1)],
    ['seconds', seconds.toFixed(1)],
    ['mails a second', Math.round(account.sent / seconds)],
    ...Object.entries(peakHeapMegabytes).map(([name, size]): [string, string] => [
      `peak heap of ${name}, MB`,
      size.toFixed(0),
    ]),
  ];
  return rows.map(([name, value]) => `${name.padEnd(30)} ${String(value).padStart(10)}`).join('\n');
}
