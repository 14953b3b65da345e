// Hands latents to the engine, in threads of their own where the browser allows, and the urgent ones first.
const Painter = (() => {
  const text = id => document.getElementById(id).textContent;
  const waiting = [];
  const idle = [];
  const asked = new Map();
  let count = 0;

  function next() {
    while (idle.length && waiting.length) {
      const { z, dropped, done } = waiting.shift();
      if (dropped?.()) {
        done(null);
        continue;
      }
      const id = ++count;
      asked.set(id, done);
      idle.pop()({ id, z });
    }
  }

  function worker(model) {
    return new Promise((ready, failed) => {
      const code = URL.createObjectURL(new Blob([text('engine'), '\nEngine.serve(self);'], { type: 'text/javascript' }));
      const thread = new Worker(code);
      const take = message => thread.postMessage(message);
      thread.onerror = event => failed(event.message || 'no worker');
      thread.onmessage = ({ data }) => {
        if (data.ready) ready(take);
        else if (!asked.has(data.id)) return failed(data.error);
        else {
          asked.get(data.id)(data.pixels ?? null);
          asked.delete(data.id);
        }
        idle.push(take);
        next();
      };
      take(model);
    });
  }

  async function here(model) {
    const draw = await Engine.awake(model.plan, model.kernel, model.weights);
    const take = ({ id, z }) => setTimeout(() => {
      asked.get(id)(draw(z));
      asked.delete(id);
      idle.push(take);
      next();
    });
    idle.push(take);
    next();
  }

  async function start() {
    const model = { plan: MODEL.plan, kernel: text('kernel'), weights: text('weights') };
    try {
      await worker(model);
    } catch {
      return here(model);
    }
    // A large generator is worth a few threads, each of which holds all of its weights.
    const more = MODEL.plan.macs > 2e8 ? Math.min(3, (navigator.hardwareConcurrency || 2) - 2) : 0;
    for (let i = 0; i < more; i++) worker(model).catch(() => {});
  }

  // -> pixels, or null where nobody wants them any more. `urgent` goes before everything else that waits.
  const draw = (z, { urgent = false, dropped = null } = {}) => new Promise(done => {
    const job = { z, dropped, done };
    if (urgent) waiting.unshift(job);
    else waiting.push(job);
    next();
  });

  return { start, draw };
})();
