import type { ListedMail } from './listed-mail.js';
import type { Mailbox } from './mailbox.js';

const REFRESH_SECONDS = 2;
const ENTITIES: ReadonlyMap<string, string> = new Map([
  ['&', '&amp;'],
  ['<', '&lt;'],
  ['>', '&gt;'],
  ['"', '&quot;'],
  ["'", '&#39;'],
]);

const STYLE = `
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
article { border-top: 1px solid #ccc; padding: .75rem 0; }
h2 { font-size: 1rem; margin: 0; }
p { color: #666; margin: 0; }
pre { font: inherit; white-space: pre-wrap; overflow-wrap: anywhere; max-height: 8rem; overflow: auto; margin: .5rem 0 0; }`;

/** The HTML page with the latest mails. */
export const page = ({ received, unique }: Mailbox['stats'], mails: readonly ListedMail[]): string => `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="refresh" content="${REFRESH_SECONDS}">
<title>Mail sink (${received})</title>
<style>${STYLE}</style>
<h1>Mail sink</h1>
<p>${received} received, ${unique} unique. Latest mails:</p>
${mails.map(article).join('\n')}
</html>
`;

const article = ({ subject, from, to, receivedAt, text }: ListedMail): string => `<article>
<h2>${escaped(subject)}</h2>
<p>${escaped(from)} to ${escaped(to)} at ${escaped(receivedAt)}</p>
<pre>${escaped(text)}</pre>
</article>`;

const escaped = (text: string): string => text.replaceAll(/[&<>"']/g, (character) => ENTITIES.get(character) ?? '');
