import { get, post } from './api.js';
import { announce, instantiate, isBusy, setBusy, show, write } from './elements.js';
import { count } from './figures.js';

const rows = new Map();
const list = document.getElementById('dead-letters');
const problem = document.getElementById('dead-letters-problem');

/** Shows the number of dead letters per stream. */
export async function showDeadLetters() {
  try {
    for (const each of await get('dead-letters')) draw(each);
    show(problem);
  } catch (refusal) {
    show(problem, refusal.message);
  }
}

function draw({ stream, count: letters }) {
  const { element, parts } = rows.get(stream) ?? add(stream);
  write(parts.count, count(letters));
  parts.count.classList.toggle('some', letters > 0);
  // Keep the focus on the stream when its focused button disappears.
  if (letters === 0 && parts.redrive === document.activeElement) element.focus();
  parts.redrive.hidden = letters === 0;
}

function add(stream) {
  const { element, parts } = instantiate('dead-letter');
  write(parts.stream, stream);
  parts.redrive.setAttribute('aria-label', `Run dead letters of ${stream} again`);
  parts.redrive.addEventListener('click', () => void redrive(stream, parts.redrive));
  const row = { element, parts };
  rows.set(stream, row);
  list.append(element);
  return row;
}

async function redrive(stream, button) {
  if (isBusy(button)) return;
  setBusy(button, true);
  try {
    const { redriven } = await post(`dead-letters/${encodeURIComponent(stream)}/redrive`);
    announce(`${count(redriven)} from ${stream} will run again`);
    await showDeadLetters();
  } catch (refusal) {
    show(problem, refusal.message);
  } finally {
    setBusy(button, false);
  }
}
