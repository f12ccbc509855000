import { get, post, remove } from './api.js';
import { instantiate, nameButton, removeElement, show, write } from './elements.js';
import { ago, counted, exactTime } from './figures.js';
import { onSecondPress } from './second-press.js';

const REASONS = {
  failed: 'Every attempt failed',
  unrecoverable: 'Cannot succeed',
  rejected: 'Rejected by its handler',
  undecodable: 'Cannot be read',
  abandoned: 'Its worker died each time',
};

/**
 * The latest letters of a stream. `act` runs an action for a button and then draws the list again; `nextFocus` gets the
 * focus when a letter with the focus is gone and no other is left.
 */
export class LetterList {
  #letters = new Map();

  constructor(stage) {
    this.stage = stage;
  }

  draw(letters) {
    const ids = new Set(letters.map(({ id }) => id));
    for (const [id, { element }] of this.#letters) {
      if (ids.has(id)) continue;
      this.#letters.delete(id);
      removeElement(element, element.nextElementSibling ?? element.previousElementSibling ?? this.stage.nextFocus);
    }
    let next = this.stage.list.firstElementChild;
    for (const letter of letters) {
      const { element, parts } = this.#letters.get(letter.id) ?? this.#add(letter);
      drawAge(parts.failed, letter);
      // Moving an element that is already in its place would take the focus from it.
      if (element === next) next = next.nextElementSibling;
      else this.stage.list.insertBefore(element, next);
    }
  }

  #add(letter) {
    const { id, group, attempts, reason, error } = letter;
    const { path, stream, act } = this.stage;
    const view = instantiate('dead-letter');
    const { parts } = view;
    const subject = `letter ${id} of ${stream}`;
    write(parts.reason, REASONS[reason] ?? reason);
    write(parts.about, `Group ${group}, ${counted(attempts, 'attempt')}`);
    show(parts.error, error);
    parts.details.addEventListener('toggle', () => void lookInside(`${path}/${id}`, parts));
    parts.redrive.addEventListener('click', () => {
      void act(parts.redrive, async () => {
        await post(`${path}/${id}/redrive`);
        return `The message of ${subject} will run again`;
      });
    });
    onSecondPress(parts.purge, {
      calm: 'Delete',
      sure: 'Delete for good?',
      subject: () => subject,
      act: () =>
        act(parts.purge, async () => {
          await remove(`${path}/${id}`);
          return `Deleted ${subject}`;
        }),
    });
    nameButton(parts.summary, subject);
    nameButton(parts.redrive, subject);
    this.#letters.set(id, view);
    return view;
  }
}

function drawAge(element, { failedAt }) {
  write(element, failedAt === null ? 'at an unknown time' : ago(failedAt));
  if (failedAt === null || element.dateTime === failedAt) return;
  element.dateTime = failedAt;
  element.title = exactTime(failedAt);
}

/** Asks once: a letter never changes. */
async function lookInside(path, { details, facts, inside }) {
  if (!details.open || facts.childElementCount > 0) return;
  show(inside, 'Loading.');
  try {
    facts.replaceChildren(...factsOf(await get(path)).map(itemFor));
    show(inside);
  } catch (refusal) {
    show(inside, refusal.message);
  }
}

const factsOf = ({ id, entryId, messageId, uuid, campaignId, failedAt, fields }) =>
  [
    ['Letter', id],
    ['Entry', entryId],
    ['Message', messageId],
    ['SMS', uuid],
    ['Campaign', campaignId],
    ['Given up', failedAt && exactTime(failedAt)],
    ['Fields', fields.map(({ name, bytes }) => `${name} (${counted(bytes, 'byte')})`).join(', ')],
  ].filter(([, value]) => value);

function itemFor([name, value]) {
  const { element, parts } = instantiate('fact');
  write(parts.name, name);
  write(parts.value, value);
  return element;
}
