import { Environment, SettingsError } from '../../../apps/shared/platform/environment.js';

describe('a setting that lists hosts', () => {
  const hosts = (value: string | undefined): readonly string[] => {
    const env = new Environment(value === undefined ? {} : { ALLOWED_HOSTS: value });
    const found = env.hosts('ALLOWED_HOSTS');
    env.verify();
    return found;
  };

  it.each<[string | undefined, readonly string[]]>([
    [undefined, []],
    [' ', []],
    ['gateway.test', ['gateway.test']],
    [' requestor_1, 10.0.0.5 ,fd00::5,', ['requestor_1', '10.0.0.5', 'fd00::5']],
  ])('reads %j', (value, expected) => {
    expect(hosts(value)).toEqual(expected);
  });

  it.each(['http://gateway.test', 'gateway.test:3081', 'one two', '*', '[fd00::5]', 'good.test,evil/'])(
    'does not accept %j',
    (value) => {
      expect(() => hosts(value)).toThrow(SettingsError);
      expect(() => hosts(value)).toThrow('ALLOWED_HOSTS must be a comma-separated list of host names');
    },
  );
});
