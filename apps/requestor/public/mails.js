import { get } from './api.js';
import { instantiate, show, write } from './elements.js';
import { time } from './figures.js';

const SHOWN = 5;

const list = document.getElementById('mails');
const note = document.getElementById('no-mails');
let shown = '';

/** Shows the latest mails that the demo's mail sink received. */
export async function showMails() {
  try {
    const { hasSink, mails } = await get(`api/v1/mails?limit=${SHOWN}`);
    draw(mails);
    show(note, noteOn(hasSink, mails));
  } catch (refusal) {
    show(note, refusal.message);
  }
}

function draw(mails) {
  const ids = mails.map(({ id }) => id).join();
  if (ids === shown) return;
  shown = ids;
  list.replaceChildren(...mails.map(itemFor));
}

function itemFor({ subject, to, text, receivedAt }) {
  const { element, parts } = instantiate('mail');
  write(parts.subject, subject);
  write(parts.to, to);
  write(parts.text, text);
  write(parts.received, time(receivedAt));
  parts.received.dateTime = receivedAt;
  return element;
}

function noteOn(hasSink, mails) {
  if (!hasSink) return 'This server has no mail sink: MAIL_SINK_URL is not set.';
  return mails.length === 0 ? 'No mails yet.' : undefined;
}
