/** What `fetch` needs to send the same as a curl command. */
export interface CurlRequest {
  readonly url: string;
  readonly method: 'GET' | 'POST';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

const DOCUMENTED_PORT = ':3000';

/**
 * Reads a curl command with the flags `-H` and `-d`, once each, and single quotes. The request goes to another port than
 * the one in the command. @throws {Error} if the command contains anything else
 */
export function curlRequest(command: string, port: number): CurlRequest {
  const words = [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
  const header = take(words, '-H');
  const body = take(words, '-d');
  const [curl, url, ...others] = words;
  if (curl !== 'curl' || !url?.startsWith('http://127.0.0.1:3000/') || others.length > 0) {
    throw new Error(`Expected \`curl [-H header] [-d body] http://127.0.0.1:3000/…\`, got \`${command}\``);
  }

  const [name, value] = header?.split(': ') ?? [];
  return {
    url: url.replace(DOCUMENTED_PORT, `:${port}`),
    method: body === undefined ? 'GET' : 'POST',
    headers: name !== undefined && value !== undefined ? { [name]: value } : {},
    ...(body !== undefined && { body }),
  };
}

/** Removes a flag and its value from the words, and returns the value. */
function take(words: string[], flag: string): string | undefined {
  const at = words.indexOf(flag);
  return at === -1 ? undefined : words.splice(at, 2)[1];
}
