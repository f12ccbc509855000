import { post } from './api.js';
import { announce, show, whileBusy } from './elements.js';

const KEY_BYTES = 16;

/** Starts campaigns. The form checks its own constraints; the server validates everything else. */
export function setUpForm(started) {
  const form = document.getElementById('start');
  const button = form.querySelector('button');
  const problem = document.getElementById('start-problem');
  const fold = setUpFold(document.getElementById('unfold'));
  // Stays the same while the same draft is retried: a lost answer must not start the campaign twice.
  let key = newKey();
  form.addEventListener('input', () => (key = newKey()));

  const submit = async () => {
    try {
      const { id, name } = await post('api/v1/campaigns', draftOf(form), { 'idempotency-key': key });
      key = newKey();
      form.reset();
      if (!fold()) form.elements.name.focus();
      announce(`${name}: started`);
      void started(id);
    } catch (refusal) {
      if (!showErrors(form, refusal.body?.errors ?? {})) show(problem, refusal.message);
    }
  };
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    show(problem);
    if (!showErrors(form, gapsIn(form))) void whileBusy([button], submit);
  });
}

/**
 * On a narrow screen the form is folded away, so that the progress comes first; the style sheet hides this button on
 * others. The result folds the form and moves the focus from it to the button; it returns false where there is no fold.
 */
function setUpFold(button) {
  const set = (isUnfolded) => button.setAttribute('aria-expanded', String(isUnfolded));
  button.addEventListener('click', () => set(button.getAttribute('aria-expanded') === 'false'));
  return () => {
    if (!button.checkVisibility()) return false;
    set(false);
    button.focus();
    return true;
  };
}

function draftOf({ elements }) {
  const limit = elements['audience.limit'].value.trim();
  return {
    name: elements.name.value.trim(),
    subject: elements.subject.value.trim(),
    body: elements.body.value.trim(),
    channels: [...elements.channels].filter((box) => box.checked).map((box) => box.value),
    ...(limit !== '' && { audience: { limit: Number(limit) } }),
  };
}

const gapsIn = ({ elements }) =>
  Object.fromEntries(
    [...elements]
      .filter((field) => !field.checkValidity())
      .map((field) => [field.name, [field.dataset.wrong ?? field.validationMessage]]),
  );

/** Shows the errors at their fields and focuses the first field; returns whether there were any. */
function showErrors(form, errors) {
  for (const old of form.querySelectorAll('.field .problem')) old.remove();
  for (const old of form.querySelectorAll('[aria-invalid]')) {
    old.removeAttribute('aria-invalid');
    old.removeAttribute('aria-describedby');
  }
  const wrong = Object.entries(errors).flatMap(([path, texts]) => {
    const field = fieldAt(form, path);
    return field ? [showError(field, texts)] : [];
  });
  wrong[0]?.focus();
  return wrong.length > 0;
}

function showError(field, texts) {
  const note = document.createElement('p');
  note.className = 'problem';
  note.id = `${field.id}-problem`;
  note.textContent = texts.join('; ');
  field.closest('.field').append(note);
  field.setAttribute('aria-invalid', 'true');
  field.setAttribute('aria-describedby', note.id);
  return field;
}

/** The field at a path; for several checkboxes with one name, their group. */
function fieldAt(form, path) {
  const found = form.elements.namedItem(path);
  return found instanceof RadioNodeList ? found[0].closest('fieldset') : found;
}

/** Not `randomUUID`: browsers offer it on secure pages only. */
function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(KEY_BYTES));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
