import { connect } from 'node:net';

/**
 * Asks a Redis on loopback for its process id. Resolves to the id if the server accepts commands, to 0 if it does not
 * report an id, to undefined while no server answers or the dataset is still loading.
 */
export const servingPid = (port: number, timeoutMs = 1_000): Promise<number | undefined> =>
  new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    let answer = '';
    const finish = (pid: number | undefined): void => {
      socket.destroy();
      resolve(pid);
    };
    socket.setTimeout(timeoutMs, () => finish(undefined));
    socket.once('error', () => finish(undefined));
    socket.once('close', () => finish(undefined));
    socket.once('connect', () => socket.write('*1\r\n$4\r\nPING\r\n*2\r\n$4\r\nINFO\r\n$6\r\nserver\r\n'));
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1');
      if (answer.startsWith('-')) return finish(undefined); // LOADING and the like: not yet
      if (!isComplete(answer)) return;
      finish(Number(/^process_id:(\d+)/m.exec(answer)?.[1] ?? 0));
    });
  });

/** The PONG, followed by a whole bulk string or an error (the toy has no INFO sections). */
const isComplete = (answer: string): boolean => {
  const rest = /^\+PONG\r\n([^]+)$/.exec(answer)?.[1];
  if (rest === undefined) return false;
  const length = /^[$=](\d+)\r\n/.exec(rest);
  return length === null ? rest.includes('\r\n') : rest.length >= length[0].length + Number(length[1]) + 2;
};
