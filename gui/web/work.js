// Begins a worker: the same program once more, with the module that the page has compiled. It takes one
// piece of work (node/src/runtime/worker.rs) and answers.

import init from './{program}';

addEventListener('message', async ({ data }) => {
  try {
    await init({ module_or_path: data.module });
    // The program listens now.
    dispatchEvent(new MessageEvent('message', { data: data.work }));
  } catch (error) {
    console.error(error);
    data.work.fill(0);
    postMessage('it did not begin');
  }
}, { once: true });
