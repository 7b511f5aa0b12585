// Loads the program, shows how far it is, and says plainly when it cannot be loaded.

import init from './{program}';

const word = document.getElementById('word');
const bar = document.getElementById('bar');

function fail(text) {
  word.textContent = text;
  bar.remove();
}

// The same response, counted while it passes. What a server compressed arrives unpacked here.
function counted(response) {
  const reader = response.body.getReader();
  let have = 0;
  const body = new ReadableStream({
    async pull(to) {
      const { done, value } = await reader.read();
      if (done) return to.close();
      have += value.length;
      bar.value = Math.min(1, have / {bytes});
      to.enqueue(value);
    },
  });
  return new Response(body, { headers: { 'content-type': 'application/wasm' } });
}

try {
  if (typeof WebAssembly !== 'object') throw new Error('this browser has no WebAssembly');
  const response = await fetch('./{wasm}');
  if (!response.ok) throw new Error(`the server answered ${response.status}`);
  await init({ module_or_path: response.body ? counted(response) : response });
} catch (error) {
  console.error(error);
  fail(`Parlor could not be loaded (${error.message}). Load the page again; if that does not help, use a newer browser.`);
}
