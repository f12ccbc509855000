import { setUpForm } from './campaign-form.js';
import { showAnswer, showCampaign, showConnection } from './campaigns.js';
import { get } from './api.js';
import { showDeadLetters } from './dead-letters.js';
import { follow } from './live.js';
import { showMails } from './mails.js';

const MAILS_EVERY_MS = 2_000;
const DEAD_LETTERS_EVERY_MS = 4_000;

/** Refreshes periodically, one refresh at a time, while the page is visible. */
function keepFresh(refresh, everyMs) {
  let timer;
  const run = async () => {
    clearTimeout(timer);
    await refresh();
    clearTimeout(timer);
    if (!document.hidden) timer = setTimeout(run, everyMs);
  };
  document.addEventListener('visibilitychange', () => !document.hidden && run());
  void run();
}

// The event stream reports the campaign too, but only after a responder has started it.
setUpForm((id) => get(`api/v1/campaigns/${id}`).then(showAnswer, () => undefined));
follow({ changed: showCampaign, entered: showConnection });
keepFresh(showMails, MAILS_EVERY_MS);
keepFresh(showDeadLetters, DEAD_LETTERS_EVERY_MS);
