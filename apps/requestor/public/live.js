const RETRY_MS = 3_000;
/** The server sends something at least every 15 s; a server that hangs keeps the connection open all the same. */
const SILENT_AT_MOST_MS = 35_000;

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

  let silence;
  const open = () => {
    const events = new EventSource('api/v1/campaigns/events');
    const heard = () => {
      clearTimeout(silence);
      silence = setTimeout(() => {
        enter('lost');
        events.close();
        open();
      }, SILENT_AT_MOST_MS);
    };
    heard();
    for (const type of ['message', 'stalled', 'listed', 'ping']) events.addEventListener(type, heard);
    events.addEventListener('message', ({ data }) => {
      changed(JSON.parse(data));
      enter('live');
    });
    events.addEventListener('stalled', () => enter('stalled'));
    events.addEventListener('listed', () => enter('live'));
    events.addEventListener('error', () => {
      enter('lost');
      // The browser reopens a lost connection by itself, but not one that was refused.
      if (events.readyState !== EventSource.CLOSED) return;
      clearTimeout(silence);
      setTimeout(open, RETRY_MS);
    });
  };
  open();
}
