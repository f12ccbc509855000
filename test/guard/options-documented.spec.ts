import ts from 'typescript';
import { read } from './repository.js';

/** Names of the members of an interface in lib/options/options.ts. */
function membersOf(name: string): string[] {
  const tree = ts.createSourceFile('options.ts', read('lib/options/options.ts'), ts.ScriptTarget.ES2022, true);
  const declaration = tree.statements.find((node) => ts.isInterfaceDeclaration(node) && node.name.text === name);
  if (!declaration || !ts.isInterfaceDeclaration(declaration)) throw new Error(`No interface ${name}`);
  return declaration.members.map((member) => member.name?.getText(tree) ?? '');
}

describe('docs/options.md', () => {
  it.each(['SharedOption', 'RedisStreamServerOption', 'RedisStreamClientOption', 'RedisStreamHandlerExtras'])(
    'has a row for every member of %s',
    (name) => {
      const text = read('docs/options.md');
      expect(membersOf(name).filter((member) => !text.includes(`| \`${member}\``))).toEqual([]);
    },
  );
});
