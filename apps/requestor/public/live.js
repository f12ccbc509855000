const RETRY_MS = 3_000;

const WORDS = {
  connecting: 'Connecting',
  live: 'Live',
  stalled: 'No answer from the workers',
  lost: 'Connection lost, reconnecting',
};

/** Follows all campaigns over one connection and shows the state of that connection, which `entered` receives too. */
export function follow({ changed, entered }) {
  const pill = document.getElementById('connection');
  const enter = (state) => {
    if (pill.dataset.state === state) return;
    pill.dataset.state = state;
    pill.textContent = WORDS[state];
    entered(state);
  };

  const open = () => {
    const events = new EventSource('api/v1/campaigns/events');
    events.addEventListener('message', ({ data }) => {
      changed(JSON.parse(data));
      enter('live');
    });
    events.addEventListener('stalled', () => enter('stalled'));
    events.addEventListener('listed', () => enter('live'));
    events.addEventListener('error', () => {
      enter('lost');
      // The browser reopens a lost connection by itself, but not one that was refused.
      if (events.readyState === EventSource.CLOSED) setTimeout(open, RETRY_MS);
    });
  };
  open();
}
