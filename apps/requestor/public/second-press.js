import { announce, isBusy, nameButton, write } from './elements.js';

const SURE_WITHIN_MS = 5_000;

/**
 * For an action that cannot be undone: the first press of the button asks, and a second press within a few seconds
 * acts. `subject` returns what the action is about.
 */
export function onSecondPress(button, { calm, sure, subject, act }) {
  let doubt;
  const ask = (isAsked) => {
    clearTimeout(doubt);
    button.classList.toggle('sure', isAsked);
    write(button, isAsked ? sure : calm);
    nameButton(button, subject());
    if (isAsked) doubt = setTimeout(() => ask(false), SURE_WITHIN_MS);
  };
  ask(false);
  button.addEventListener('click', ({ detail }) => {
    // The second click of a double click is no answer to a question that nobody has read.
    if (isBusy(button) || detail > 1) return;
    const isSure = button.classList.contains('sure');
    ask(!isSure);
    if (isSure) void act();
    else announce(`${sure} Press again to confirm.`);
  });
}
