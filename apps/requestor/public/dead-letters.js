import { get, post, remove } from './api.js';
import { announce, instantiate, nameButton, removeElement, show, whileBusy, write } from './elements.js';
import { count, counted } from './figures.js';
import { LetterList } from './letter-list.js';
import { onSecondPress } from './second-press.js';

const SHOWN_FIRST = 5;
const SHOWN_MORE = 20;
const SHOWN_AT_MOST = 100;

const streams = new Map();
const list = document.getElementById('dead-letters');
const title = document.getElementById('dead-letters-title');
const empty = document.getElementById('no-dead-letters');
const hint = document.getElementById('dead-letters-hint');
const problem = document.getElementById('dead-letters-problem');
const link = document.getElementById('dead-letters-link');
let latest = 0;

/** Shows the latest dead letters of each stream that has some. */
export async function showDeadLetters() {
  const mine = ++latest;
  try {
    const found = (await get('dead-letters')).filter((each) => each.count > 0);
    const pages = await Promise.all(found.map(({ stream }) => latestOf(stream)));
    // Another call has started since, perhaps after one of these letters was deleted.
    if (mine !== latest) return;
    draw(found.map((each, index) => ({ ...each, ...pages[index] })));
    show(problem);
  } catch (refusal) {
    if (mine !== latest) return;
    if (streams.size === 0) show(empty);
    show(problem, refusal.message);
  }
}

const pathOf = (stream) => `dead-letters/${encodeURIComponent(stream)}`;

const latestOf = (stream) => get(`${pathOf(stream)}?order=newest&count=${streams.get(stream)?.shown ?? SHOWN_FIRST}`);

function draw(found) {
  const total = found.reduce((sum, each) => sum + each.count, 0);
  for (const [stream, { element }] of streams) {
    if (found.some((each) => each.stream === stream)) continue;
    streams.delete(stream);
    removeElement(element, title);
  }
  for (const each of found) drawStream(streams.get(each.stream) ?? add(each.stream), each);
  show(empty, total === 0 ? 'No dead letters.' : undefined);
  empty.classList.toggle('checked', total === 0);
  hint.hidden = total === 0;
  show(link, total === 0 ? undefined : counted(total, 'dead letter'));
}

function drawStream({ parts, letterList, shown }, { count: total, letters, next }) {
  write(parts.count, counted(total, 'letter'));
  letterList.draw(letters);
  show(parts.extent, extentOf(total, letters.length, next));
  parts.more.hidden = next === null || letters.length === total || shown >= SHOWN_AT_MOST;
}

/** Counts include entries that are no dead letters, which a list leaves out. */
function extentOf(total, listed, next) {
  if (next !== null && listed < total) return `These are the latest ${count(listed)} of ${count(total)}.`;
  const others = Math.max(0, total - listed);
  return others === 0 ? undefined : `Not written by a worker, so they cannot run again: ${count(others)}.`;
}

function add(stream) {
  const { element, parts } = instantiate('dead-letter-stream');
  const view = { stream, element, parts, shown: SHOWN_FIRST };
  const act = (button, action) => carryOut(view, button, action);
  view.letterList = new LetterList({ path: pathOf(stream), stream, list: parts.letters, act, nextFocus: element });
  streams.set(stream, view);
  write(parts.stream, stream);
  parts.more.addEventListener('click', () => {
    view.shown = Math.min(SHOWN_AT_MOST, view.shown + SHOWN_MORE);
    void showDeadLetters();
  });
  parts.redriveAll.addEventListener('click', () => void act(parts.redriveAll, () => redriveAll(stream)));
  onSecondPress(parts.purgeAll, {
    calm: 'Delete all',
    sure: 'Delete all for good?',
    subject: () => `letters of ${stream}`,
    act: () => act(parts.purgeAll, () => purgeAll(stream)),
  });
  nameButton(parts.more, `letters of ${stream}`);
  nameButton(parts.redriveAll, `letters of ${stream}`);
  list.append(element);
  return view;
}

/** Runs an action, which returns what to announce, and then shows what is left. */
function carryOut({ stream, parts }, button, action) {
  return whileBusy([button], async () => {
    try {
      announce(await action());
      show(parts.problem);
    } catch (refusal) {
      show(parts.problem, refusal.message);
      announce(`${stream}: ${refusal.message}`);
    }
    await showDeadLetters();
  });
}

async function redriveAll(stream) {
  const { redriven } = await post(`${pathOf(stream)}/redrive`);
  if (redriven === 0) throw new Error('None of these letters can run again. The log of the gateway says why.');
  return `${counted(redriven, 'message')} of ${stream} will run again`;
}

async function purgeAll(stream) {
  const { deleted } = await remove(pathOf(stream));
  return `${counted(deleted, 'letter')} of ${stream} deleted`;
}
