/** Runs one contender's caller and the driving half of a workload, in a process of its own. */
import type { Caller } from './contender.js';
import { contenderNamed } from './contenders/index.js';
import { answer } from './messages.js';
import type { Workload } from './workload.js';
import { workloadNamed } from './workloads/index.js';

let caller: Caller | undefined;
let workload: Workload<unknown> | undefined;

answer(async (question) => {
  switch (question.kind) {
    case 'start':
      workload = await workloadNamed(question.role.workload);
      caller = await contenderNamed(question.role.contender).call(question.role.place);
      return;
    case 'drive':
      if (!caller || !workload) throw new Error('Driven before it was started');
      return workload.drive(caller, question.task);
    case 'close':
      await caller?.close();
      return;
    case 'handled':
      throw new Error('A client handles nothing');
  }
});
