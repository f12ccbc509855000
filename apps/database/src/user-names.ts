const words = (text: string): readonly string[] => text.trim().split(/\s+/);

/** ASCII letters only: names become mail addresses. A change of their order changes the seeded users. */
export const FIRST_NAMES = words(`
  Ada Alan Anita Barbara Bjarne Carol Claude Dennis Donald Dorothy Edsger Elena Emil Frances Grace Guido Hedy Ida Jean
  John Karen Katherine Ken Leslie Linus Margaret Mary Niklaus Radia Shafi Tony`);

export const LAST_NAMES = words(`
  Allen Baker Bartik Berg Clarke Cook Dahl Dvorak Fischer Garcia Goldberg Hamilton Hansen Hopper Jensen Johnson Keller
  Kowalski Lamarr Larsen Liskov Lovelace Marino Meyer Moreau Nguyen Novak Okafor Perlman Petrov Rossi Sammet Santos
  Silva Smith Tanaka Turing Vaughan Weber Wilson Zhang`);

/** Domains reserved for examples. */
export const MAIL_DOMAINS = words('example.com example.net example.org');
