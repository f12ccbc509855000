import { filesIn, read } from './repository.js';

const folders = [...new Set(filesIn('test', '.spec.ts').map((path) => path.split('/')[1] ?? ''))];

describe('every folder with specs', () => {
  it.each(folders)('is a Jest project and a step of `npm test`: %s', (folder) => {
    expect(read('jest.config.ts')).toContain(`'${folder}'`);
    expect(read('scripts/test.ts')).toContain(`suite('${folder}'`);
  });
});
