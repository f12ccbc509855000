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

/** Unlike `disabled`, this keeps the focus on the button. */
export function setBusy(button, isBusy) {
  button.setAttribute('aria-disabled', String(isBusy));
}

export const isBusy = (button) => button.getAttribute('aria-disabled') === 'true';

/** Announces a change to screen readers. */
export function announce(text) {
  document.getElementById('announcements').textContent = text;
}
