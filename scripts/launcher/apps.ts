/** Ports of one instance, by the variable that sets them. */
type PortsByVariable = Readonly<Record<string, number>>;

/** When `npm start` starts an app: at once, or once the database has its tables and users. */
export type Stage = 'front' | 'workers';

export interface DemoPart {
  readonly stage: Stage;
  /** Names of the instances, with the usual ports of each. */
  readonly instances: Readonly<Record<string, PortsByVariable>>;
  /** Files in the data directory, by the variable that names them. */
  readonly files?: Readonly<Record<string, string>>;
  /** Variables that tell all apps where this one is. */
  readonly tells?: (ports: PortsByVariable) => Readonly<Record<string, string>>;
  /** Addresses to print once everything is up, by title. */
  readonly shows?: (ports: PortsByVariable) => Readonly<Record<string, string>>;
  /** With this variable, another server takes the place of the app; `as` is the title under which it is printed. */
  readonly unless?: { readonly variable: string; readonly as: string };
}

export interface App {
  /** Folder of static files for the browser, beside `src`. */
  readonly page?: string;
  /** Missing if `npm start` starts the app in a way of its own. */
  readonly demo?: DemoPart;
}

const http = ({ PORT }: PortsByVariable, path = ''): string => `http://127.0.0.1:${PORT}${path}`;

/** All apps, each the folder `apps/<name>` with `src/main.ts`. A new app is one entry. */
export const APPS = {
  requestor: {
    page: 'public',
    demo: {
      stage: 'front',
      instances: { 'requestor-1': { PORT: 3081 }, 'requestor-2': { PORT: 3082 } },
      shows: (ports) => ({ Page: http(ports, '/'), API: http(ports, '/docs') }),
    },
  },
  responder: { demo: { stage: 'workers', instances: { 'responder-1': {}, 'responder-2': {} } } },
  'sms-provider': {
    demo: {
      stage: 'front',
      instances: { 'sms-provider': { PORT: 3090 } },
      files: { JOURNAL: 'sms-provider.jsonl' },
      tells: (ports) => ({ SMS_PROVIDER_URL: http(ports) }),
      shows: (ports) => ({ SMS: http(ports, '/sent') }),
    },
  },
  'mail-sink': {
    demo: {
      stage: 'front',
      instances: { 'mail-sink': { PORT: 3091, SMTP_PORT: 3092 } },
      files: { JOURNAL: 'mails.jsonl' },
      tells: (ports) => ({ MAIL_SINK_URL: http(ports), SMTP_URL: `smtp://127.0.0.1:${ports['SMTP_PORT']}` }),
      shows: (ports) => ({ Mails: `${http(ports, '/')}  SMTP on port ${ports['SMTP_PORT']}` }),
      unless: { variable: 'SMTP_URL', as: 'Mails' },
    },
  },
  /** A task: creates the tables and the users. */
  database: {},
  postgres: {},
} as const satisfies Readonly<Record<string, App>>;

export type AppName = keyof typeof APPS;

/** The same list, without what TypeScript knows about single entries. */
export const APP_LIST: readonly (readonly [name: AppName, app: App])[] = Object.entries(APPS) as [AppName, App][];
