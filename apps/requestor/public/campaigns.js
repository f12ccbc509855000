import { post } from './api.js';
import { announce, instantiate, isBusy, setBusy, show, write } from './elements.js';
import { count, duration, percent, rate, time } from './figures.js';

const STATES = {
  queued: 'Queued',
  'fanning-out': 'Fanning out',
  sending: 'Sending',
  done: 'Done',
  cancelled: 'Cancelled',
};
const CHANNELS = { email: 'Email', sms: 'SMS' };
const OVER = new Set(['done', 'cancelled']);
const SURE_WITHIN_MS = 4_000;

const cards = new Map();
const list = document.getElementById('campaigns');

/** Adds or updates the card of a campaign; newest campaigns come first. */
export function showCampaign(campaign) {
  const card = cards.get(campaign.id) ?? add(campaign);
  const { state: before } = card;
  // A stale answer: the end of the campaign arrived first.
  if (OVER.has(before) && !isOver(campaign)) return;
  card.state = stateOf(campaign);
  draw(card, campaign);
  if (before !== undefined && before !== card.state) announce(`${campaign.name}: ${wordFor(campaign)}`);
}

function add({ id, createdAt }) {
  const { element, parts } = instantiate('campaign');
  const card = { id, createdAt, element, parts, state: undefined };
  cards.set(id, card);
  const younger = [...cards.values()].filter((other) => other !== card && other.createdAt > createdAt);
  list.insertBefore(element, younger.length === 0 ? list.firstChild : oldestOf(younger).element.nextSibling);
  document.getElementById('no-campaigns').hidden = true;
  parts.hold.addEventListener('click', () => void order(card, card.state === 'paused' ? 'resume' : 'pause'));
  parts.cancel.addEventListener('click', () => cancelOnceSure(card));
  return card;
}

function draw({ element, parts }, campaign) {
  const { name, audience, sent, failed, queued } = campaign;
  const over = isOver(campaign);
  write(parts.name, name);
  write(parts.state, wordFor(campaign));
  parts.state.dataset.state = stateOf(campaign);
  write(parts.about, `${campaign.channels.map((each) => CHANNELS[each]).join(' and ')}, ${time(campaign.createdAt)}`);
  drawProgress(parts.progress, campaign);
  write(parts.percent, percent(sent + failed, audience));
  write(parts.pace, paceOf(campaign));
  for (const [part, value] of Object.entries({ sent, failed, queued, audience })) write(parts[part], count(value));
  parts.failed.classList.toggle('some', failed > 0);
  write(parts.hold, campaign.paused ? 'Resume' : 'Pause');
  parts.hold.setAttribute('aria-label', `${parts.hold.textContent} ${name}`);
  parts.cancel.setAttribute('aria-label', `${parts.cancel.textContent} ${name}`);
  // Keep the focus on the campaign when its focused button disappears.
  if (over && parts.actions.contains(document.activeElement)) element.focus();
  parts.actions.hidden = over;
  if (over) show(parts.problem);
}

function drawProgress(progress, { name, audience, sent, failed, status }) {
  progress.setAttribute('aria-label', `Progress of ${name}`);
  if (audience === 0 && status !== 'done') {
    progress.removeAttribute('value');
    return;
  }
  progress.max = audience || 1;
  progress.value = audience === 0 ? 1 : sent + failed;
}

async function order(card, action) {
  const { parts, id } = card;
  if (isBusy(parts.hold)) return;
  for (const button of [parts.hold, parts.cancel]) setBusy(button, true);
  try {
    showCampaign(await post(`api/v1/campaigns/${id}/${action}`));
    show(parts.problem);
  } catch (refusal) {
    if (refusal.body?.campaign) showCampaign(refusal.body.campaign);
    show(parts.problem, refusal.message);
  } finally {
    for (const button of [parts.hold, parts.cancel]) setBusy(button, false);
  }
}

/** A cancellation cannot be undone, so it takes a second press. */
function cancelOnceSure(card) {
  if (isBusy(card.parts.cancel)) return;
  const isSure = card.parts.cancel.classList.contains('sure');
  askIfSure(card, !isSure);
  if (isSure) void order(card, 'cancel');
}

function askIfSure(card, isAsked) {
  const { cancel, name } = card.parts;
  cancel.classList.toggle('sure', isAsked);
  write(cancel, isAsked ? 'Cancel for good?' : 'Cancel');
  cancel.setAttribute('aria-label', `${cancel.textContent} ${name.textContent}`);
  clearTimeout(card.doubt);
  if (isAsked) card.doubt = setTimeout(() => askIfSure(card, false), SURE_WITHIN_MS);
}

const isOver = ({ status }) => OVER.has(status);

const stateOf = (campaign) => (campaign.paused && !isOver(campaign) ? 'paused' : campaign.status);

const wordFor = (campaign) => (stateOf(campaign) === 'paused' ? 'Paused' : STATES[campaign.status]);

const oldestOf = (some) => some.reduce((oldest, each) => (each.createdAt < oldest.createdAt ? each : oldest));

function paceOf(campaign) {
  const { ratePerSecond, etaSeconds, startedAt, finishedAt } = campaign;
  if (campaign.status === 'done' && startedAt !== null && finishedAt !== null) {
    return `in ${duration((Date.parse(finishedAt) - Date.parse(startedAt)) / 1_000)}`;
  }
  if (isOver(campaign) || ratePerSecond === 0) return '';
  return etaSeconds === null ? rate(ratePerSecond) : `${rate(ratePerSecond)}, ${duration(etaSeconds)} left`;
}
