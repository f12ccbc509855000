/** A new element from a template, and its parts by name. */
export function instantiate(template) {
  const element = document.getElementById(template).content.firstElementChild.cloneNode(true);
  const parts = {};
  for (const part of element.querySelectorAll('[data-part]')) parts[part.dataset.part] = part;
  return { element, parts };
}

/** Writes only a changed text: writing the same text again resets selections and repeats announcements and layout. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Shows a text; hides the element if there is none. */
export function show(element, text) {
  write(element, text ?? '');
  element.hidden = !text;
}

/** Names a button for screen readers: its text, and what it acts on. */
export function nameButton(button, subject) {
  const name = `${button.textContent} ${subject}`;
  if (button.getAttribute('aria-label') !== name) button.setAttribute('aria-label', name);
}

/** Unlike `disabled`, this keeps the focus on the button. */
export function setBusy(button, isBusy) {
  button.setAttribute('aria-disabled', String(isBusy));
}

export const isBusy = (button) => button.getAttribute('aria-disabled') === 'true';

/** Runs an action unless one of its buttons is busy; they are busy until it has ended. */
export async function whileBusy(buttons, action) {
  if (buttons.some(isBusy)) return;
  for (const button of buttons) setBusy(button, true);
  try {
    await action();
  } finally {
    for (const button of buttons) setBusy(button, false);
  }
}

/** Removes an element. If it contains the focus, `nextFocus` gets it: otherwise the next tab starts at the top. */
export function removeElement(element, nextFocus) {
  const hasFocus = element.contains(document.activeElement);
  element.remove();
  if (hasFocus) nextFocus.focus();
}

/** Announces a change to screen readers. */
export function announce(text) {
  document.getElementById('announcements').textContent = text;
}
