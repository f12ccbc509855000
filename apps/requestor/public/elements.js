/** What a template holds, as a new element, and its parts by name. */
export function instantiate(template) {
  const element = document.getElementById(template).content.firstElementChild.cloneNode(true);
  const parts = {};
  for (const part of element.querySelectorAll('[data-part]')) parts[part.dataset.part] = part;
  return { element, parts };
}

/** Writes only what is new: a text that is written again is selected, announced and laid out again. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Shows a text, or nothing at all. */
export function show(element, text) {
  write(element, text ?? '');
  element.hidden = !text;
}

/** Unlike `disabled`, it keeps the focus where it is. */
export function setBusy(button, isBusy) {
  button.setAttribute('aria-disabled', String(isBusy));
}

export const isBusy = (button) => button.getAttribute('aria-disabled') === 'true';

/** Tells those who cannot see it what has changed. */
export function announce(text) {
  document.getElementById('announcements').textContent = text;
}
