import { post } from './api.js';
import { announce, instantiate, nameButton, show, whileBusy, write } from './elements.js';
import { count, counted, duration, exactTime, percent, rate } from './figures.js';
import { onSecondPress } from './second-press.js';

const STATES = {
  queued: 'Queued',
  'fanning-out': 'Fanning out',
  sending: 'Sending',
  paused: 'Paused',
  done: 'Done',
  cancelling: 'Cancelling',
  cancelled: 'Cancelled',
  failed: 'Failed',
};
const CHANNELS = { email: 'Email', sms: 'SMS' };
const OVER = new Set(['done', 'cancelling', 'cancelled', 'failed']);

/** What the list says while it is empty, by the state of the connection. */
const EMPTY = {
  connecting: 'Loading campaigns.',
  live: 'No campaigns yet. The first one shows up here as soon as it starts.',
  stalled: 'No worker answers, so campaigns cannot be listed. They show up here as soon as one does.',
  lost: 'The server cannot be reached, so campaigns cannot be listed. They show up here as soon as it can.',
};

const cards = new Map();
const list = document.getElementById('campaigns');
const note = document.getElementById('no-campaigns');

/** Adds or updates the card of a campaign from the event stream; newest campaigns come first. */
export function showCampaign(campaign) {
  const card = cards.get(campaign.id);
  if (!card || !isOlder(campaign, card.shown)) update(card ?? add(campaign), campaign);
}

/** The same for an answer to a request, which events may have overtaken. */
export function showAnswer(campaign) {
  const shown = cards.get(campaign.id)?.shown;
  const hasEnded = shown && isOver(shown) && !isOver(campaign);
  if (!hasEnded) showCampaign(campaign);
}

/** Explains an empty list. */
export function showConnection(state) {
  show(note, cards.size === 0 ? EMPTY[state] : undefined);
}

function add({ id, createdAt, name }) {
  const { element, parts } = instantiate('campaign');
  const card = { id, createdAt, element, parts, shown: undefined };
  cards.set(id, card);
  const younger = [...cards.values()].filter((other) => other !== card && other.createdAt > createdAt);
  list.insertBefore(element, younger.length === 0 ? list.firstChild : oldestOf(younger).element.nextSibling);
  show(note);
  parts.hold.addEventListener('click', () => void order(card, card.shown.paused ? 'resume' : 'pause'));
  onSecondPress(parts.cancel, {
    calm: 'Cancel',
    sure: 'Cancel for good?',
    subject: () => name,
    act: () => order(card, 'cancel'),
  });
  return card;
}

function update(card, campaign) {
  const before = card.shown && stateOf(card.shown);
  card.shown = campaign;
  draw(card, campaign);
  if (before !== undefined && before !== stateOf(campaign)) announce(`${campaign.name}: ${wordFor(campaign)}`);
}

function draw(card, campaign) {
  const { parts } = card;
  const { name, status, audience, sent, failed } = campaign;
  const over = isOver(campaign);
  write(parts.name, name);
  write(parts.state, wordFor(campaign));
  parts.state.dataset.state = stateOf(campaign);
  const channels = campaign.channels.map((each) => CHANNELS[each]).join(' and ');
  write(parts.about, `${channels}, ${exactTime(campaign.createdAt)}`);
  drawProgress(parts.progress, campaign);
  write(parts.percent, percent(sent + failed, audience));
  write(parts.pace, paceOf(campaign));
  drawFigures(parts, campaign);
  write(parts.hold, campaign.paused ? 'Resume' : 'Pause');
  nameButton(parts.hold, name);
  drawActions(card, { canHold: !over, canCancel: !over || status === 'failed' });
  if (over) show(parts.problem);
}

/** A campaign that has failed can be cancelled: otherwise it starts once its dead letter runs again. */
function drawActions({ element, parts }, { canHold, canCancel }) {
  const { actions, hold, cancel } = parts;
  const focused = document.activeElement;
  // Keep the focus on the campaign when its focused button disappears.
  if ((focused === hold && !canHold) || (focused === cancel && !canCancel)) element.focus();
  hold.hidden = !canHold;
  cancel.hidden = !canCancel;
  actions.hidden = !canHold && !canCancel;
}

function drawFigures(parts, { status, audience, sent, failed, queued, cancelled }) {
  const isCancelled = status === 'cancelled';
  write(parts.rest, isCancelled ? 'Not sent' : 'Queued');
  const figures = { sent, failed, queued: isCancelled ? cancelled : queued, audience };
  for (const [part, value] of Object.entries(figures)) write(parts[part], count(value));
  parts.failed.classList.toggle('some', failed > 0);
}

function drawProgress(progress, { name, status, audience, sent, failed, finishedAt }) {
  progress.setAttribute('aria-label', `Progress of ${name}`);
  if (audience === 0 && finishedAt === null) {
    progress.removeAttribute('value');
    return;
  }
  progress.max = audience || 1;
  progress.value = audience === 0 && status !== 'failed' ? 1 : sent + failed;
}

function order({ id, parts, shown }, action) {
  return whileBusy([parts.hold, parts.cancel], async () => {
    try {
      showAnswer(await post(`api/v1/campaigns/${id}/${action}`));
      show(parts.problem);
    } catch (refusal) {
      if (refusal.body?.campaign) showAnswer(refusal.body.campaign);
      show(parts.problem, refusal.message);
      announce(`${shown.name}: ${refusal.message}`);
    }
  });
}

/** A cancellation is never undone, and after it the figures only grow until they are final. */
function isOlder(campaign, shown) {
  if (shown.status !== 'cancelled') return false;
  if (campaign.status !== 'cancelled') return true;
  return campaign.sent + campaign.failed < shown.sent + shown.failed || (isFinal(shown) && !isFinal(campaign));
}

const isFinal = ({ finishedAt }) => finishedAt !== null;

const isOver = (campaign) => OVER.has(stateOf(campaign));

/** The state to show: a campaign that is being cancelled still waits for results. */
function stateOf({ status, paused, finishedAt }) {
  if (status === 'cancelled') return finishedAt === null ? 'cancelling' : 'cancelled';
  return paused ? 'paused' : status;
}

const wordFor = (campaign) => STATES[stateOf(campaign)];

const oldestOf = (some) => some.reduce((oldest, each) => (each.createdAt < oldest.createdAt ? each : oldest));

function paceOf({ status, paused, queued, cancelled, ratePerSecond, etaSeconds, startedAt, finishedAt }) {
  if (status === 'cancelled') {
    return queued === cancelled ? '' : `Waiting for ${counted(queued - cancelled, 'result')}`;
  }
  if (status === 'done') {
    const seconds = (Date.parse(finishedAt) - Date.parse(startedAt)) / 1_000;
    return Number.isNaN(seconds) ? '' : `in ${duration(seconds)}`;
  }
  if (status === 'failed') return 'It could not be started';
  if (paused || ratePerSecond === 0) return '';
  return etaSeconds === null ? rate(ratePerSecond) : `${rate(ratePerSecond)}, ${duration(etaSeconds)} left`;
}
