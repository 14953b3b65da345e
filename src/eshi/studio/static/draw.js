// The drawing room: a face on the easel, and ways to find others.
import { all, ask, busy, complain, el, folder, goes, link, listen, lost, one, say, send, trying, unpacked, upload, where } from '/static/base.js';

const at = where().at;
let about;
let easel = { point: where().face || '0', dims: {}, edits: {} }; // or {latent, label}
let wishes = {}; // what all drawings are asked to show: attribute -> value
let latent; // of what is on the easel, with all changes
let drawing = 0; // the newest wish; older answers are thrown away

async function start() {
  if (at === undefined) return choose();
  about = await ask('/api/draw/about', { at });
  one('#room').hidden = false;
  document.title = `${at} · draw`;
  one('#title').textContent = folder(at);
  one('#step').textContent = `${about.step}, ${about.size.join(' × ')} px`;
  sliders();
  asking();
  for (const form of all('[data-form]')) {
    for (const field of form.elements) {
      const told = where()[field.name];
      if (told !== undefined && field.type === 'checkbox') field.checked = told === 'true';
      else if (told !== undefined && field.type !== 'file') field.value = told;
    }
    form.addEventListener('submit', event => {
      event.preventDefault();
      trying(() => PANELS[form.dataset.form](form), one('button.first', form));
    });
  }
  await put(easel);
  turn(where().tab || 'faces', false);
  listen({ job: heard }, () => {});
  return undefined;
}

async function choose() {
  one('#choose').hidden = false;
  const { runs } = await ask('/api/runs');
  one('#runs').replaceChildren(...runs.filter(run => run.images || run.score !== null).map(run => el('li', {}, el('a', { class: 'card thing', href: link('/draw', { at: run.at }) }, el('b', {}, folder(run.at)), el('small', {}, run.recipe)))));
  if (!runs.length) one('#lead').replaceChildren('No run yet: ', el('a', { href: '/runs?new=' }, 'start a training'), '.');
  listen({ job: busy });
}

// The easel

async function put(next) {
  easel = { dims: {}, edits: {}, ...next };
  goes({ face: easel.latent ? undefined : easel.point });
  for (const input of all('#sliders input')) input.value = easel.edits[input.name] ?? 0;
  for (const select of all('#sliders select')) select.value = '';
  await render();
}

let due;
function render() {
  if (due) return due;
  due = new Promise(resolve => {
    setTimeout(async () => {
      due = undefined;
      const mine = ++drawing;
      const { point, dims, edits } = easel;
      await trying(async () => {
        const { facts, urls } = unpacked(await send('/api/draw/face', { at, point: easel.latent ? '0' : `${point}`, latent: easel.latent ?? null, dims, edits, asked: asked() }));
        if (mine !== drawing) return URL.revokeObjectURL(urls[0]);
        latent = facts.latent;
        const before = one('#face').src;
        one('#face').src = urls[0];
        if (before) URL.revokeObjectURL(before);
        return undefined;
      });
      const changes = Object.entries({ ...easel.dims, ...easel.edits }).filter(([, v]) => v);
      one('#name').textContent = (easel.label ?? `${point}`) + [changes.length && 'changed', ...Object.entries(wishes).map(pair => pair.join(' '))].filter(Boolean).map(word => `, ${word}`).join('');
      one('#face').alt = `the face on the easel: ${one('#name').textContent}`;
      one('#reset').hidden = !changes.length;
      resolve();
    }, 20);
  });
  return due;
}

const asked = () => Object.entries(wishes).map(pair => pair.join('=')).join();

// What the run learned from labels, and how typical drawings shall be: asked of every drawing in this room, until it is asked no more.
function asking() {
  const told = (where().asked ?? '').split(',').map(word => word.split('=')).filter(([name, value]) => about.wishes[name]?.includes(value));
  wishes = Object.fromEntries(told);
  one('#asking').replaceChildren(...Object.entries(about.wishes).map(([name, values]) => {
    const options = [el('option', { value: '' }, 'any'), ...values.map(value => el('option', { value }, value))];
    const select = el('select', { name, onchange: event => askFor({ ...wishes, [name]: event.target.value }) }, options);
    select.value = wishes[name] ?? '';
    return el('label', {}, el('span', {}, name), select);
  }));
  one('#dims').replaceChildren(...['auto', ...Object.keys(about.attributes)].map(value => el('option', { value })));
}

async function askFor(next) {
  wishes = Object.fromEntries(Object.entries(next).filter(([, value]) => value));
  for (const select of all('#asking select')) select.value = wishes[select.name] ?? '';
  goes({ asked: asked() });
  await render();
  if (!one('[data-panel=faces]').hidden) await trying(() => PANELS.faces(one('[data-form=faces]')));
}

function sliders() {
  const { directions, colours } = about;
  const shown = directions.filter(d => d.kind === 'measured').concat(directions.filter(d => d.kind !== 'measured').slice(0, 6));
  one('#sliders').replaceChildren(...shown.map(d => {
    const slider = el('input', { type: 'range', name: d.name, min: -4, max: 4, step: 0.1, value: 0, oninput: event => {
      easel.edits[d.name] = +event.target.value;
      if (!easel.edits[d.name]) delete easel.edits[d.name];
      render();
    } });
    const colour = d.coloured && el('select', { 'aria-label': `colour of ${d.name}`, onchange: event => {
      if (event.target.value) easel.edits[d.name] = event.target.value;
      else delete easel.edits[d.name];
      slider.value = 0;
      render();
    } }, el('option', { value: '' }, 'colour'), colours.map(c => el('option', { value: c }, c)));
    return el('label', { title: d.attribute === d.name ? `r ${d.r}` : `${d.attribute}, r ${d.r}` }, el('span', {}, d.name), slider, colour || null);
  }));
  one('#find').hidden = directions.length > 0 && !about.stale;
  one('#find').textContent = about.stale ? 'Find directions anew' : 'Find directions';
  if (!directions.length) one('#sliders').replaceChildren(el('p', { class: 'quiet' }, 'Sliders for hair, eyes, smile … appear once directions are found.'));
}

one('#reset').addEventListener('click', () => put(easel.latent ? { latent: easel.latent, label: easel.label } : { point: easel.point }));
one('#find').addEventListener('click', () => trying(() => send('/api/draw/directions', { at }), one('#find')));
one('#savepng').addEventListener('click', async () => save(await (await fetch(one('#face').src)).blob(), `${easel.label ?? easel.point}.png`));
one('#savenpy').addEventListener('click', () => trying(async () => save(new Blob([await send('/api/draw/npy', { latent })]), `${easel.label ?? easel.point}.npy`)));
one('#star').addEventListener('click', () => one('#naming').showModal());
one('#nameform').addEventListener('submit', event => {
  event.preventDefault();
  trying(async () => {
    const name = event.target.name.value;
    const changed = Object.keys({ ...easel.dims, ...easel.edits, ...wishes }).length || easel.latent;
    const { favourites } = await send('/api/draw/favourite', { at, name, ...(changed ? { latent } : { point: `${easel.point}` }) });
    about.favourites = favourites;
    one('#naming').close();
    say(`${name} is kept with the run`);
    if (where().tab === 'names') PANELS.names();
  });
});
for (const close of all('[data-close]')) close.addEventListener('click', () => close.closest('dialog').close());

function save(blob, name) {
  const way = el('a', { href: URL.createObjectURL(blob), download: name });
  way.click();
  setTimeout(() => URL.revokeObjectURL(way.href), 5000);
}

// A face that can be put on the easel

function picture(url, name, there, marked, asking = wishes) {
  const taken = async () => {
    if (asking !== wishes) await askFor(asking);
    await put(there);
  };
  return el('button', { class: marked ? 'pick marked' : 'pick', onclick: taken, 'aria-label': `put ${name} on the easel` },
    el('img', { src: url, alt: '' }), el('span', {}, `${name}`));
}

function fill(box, parts) {
  for (const old of all('img', box)) if (old.src.startsWith('blob:')) URL.revokeObjectURL(old.src);
  box.replaceChildren(...parts);
}

const told = form => Object.fromEntries([...form.elements].filter(f => f.name && f.type !== 'file').map(f => [f.name, f.type === 'checkbox' ? f.checked : f.value]));

const PANELS = {
  async faces(form) {
    const wanted = { ...told(form), asked: asked() };
    goes({ ...wanted, tab: 'faces' });
    const { facts, urls } = unpacked(await ask('/api/draw', { at, ...wanted }));
    fill(one('#faces'), urls.map((url, i) => picture(url, facts.numbers[i], { point: `${facts.numbers[i]}` })));
    for (const kind of ['png', 'zip']) one(`[data-save=${kind}]`).href = link('/api/draw/file', { at, what: 'draw', form: kind, ...wanted });
  },
  async sweep(form) {
    const { dims, steps } = told(form);
    goes({ dims, steps, tab: 'sweep' });
    if (easel.latent) throw new Error('A sweep begins at a numbered or named face: give this one a name first.');
    const { facts, urls } = unpacked(await ask('/api/draw/sweep', { at, seed: easel.point, dims, steps, asked: asked() }));
    if (facts.attribute) {
      const every = facts.values.map((value, i) => picture(urls[i], value, { ...easel }, false, { ...wishes, [facts.attribute]: value }));
      return fill(one('#sweep'), [el('div', { class: 'strip values' }, el('b', {}, facts.attribute), el('div', {}, every))]);
    }
    const row = i => facts.values.map((value, j) => picture(urls[i * facts.values.length + j], value.toFixed(1), { point: easel.point, dims: { ...easel.dims, [facts.dims[i]]: value } }));
    return fill(one('#sweep'), facts.dims.map((dim, i) => el('div', { class: 'strip' }, el('b', {}, `${dim} `, el('small', {}, facts.labels[i])), el('div', {}, row(i)))));
  },
  async walk(form) {
    const wanted = { ...told(form), asked: asked() };
    goes({ ...wanted, tab: 'walk' });
    const { facts, urls } = unpacked(await ask('/api/draw/walk', { at, ...wanted }));
    frames.forEach(URL.revokeObjectURL);
    frames = urls;
    one('#walk').hidden = false;
    one('#walktime').max = frames.length - 1;
    for (const kind of ['webp', 'gif', 'mp4', 'walkpng']) one(`[data-save=${kind}]`).href = link('/api/draw/file', { at, what: 'walk', form: kind.replace('walk', ''), seed: wanted.seeds, frames: wanted.frames, loop: wanted.loop, even: wanted.even, asked: wanted.asked });
    say(`largest step ${facts.smoothness.toFixed(2)} × the mean`);
    step(0);
    if (!matchMedia('(prefers-reduced-motion: reduce)').matches) play();
  },
  async mix(form) {
    const wanted = { ...told(form), asked: asked() };
    goes({ ...wanted, tab: 'mix' });
    const { facts, urls } = unpacked(await ask('/api/draw/mix', { at, ...wanted }));
    fill(one('#mix'), urls.map((url, i) => i === 4 ? picture(url, 'the result', { latent: facts.latent, label: 'mix' }, true) : el('img', { src: url, alt: 'near it' })));
    one('[data-save=mixpng]').href = link('/api/draw/file', { at, what: 'mix', form: 'png', expression: wanted.expression, asked: wanted.asked });
  },
  async project(form) {
    const file = dropped || form.picture.files[0];
    if (!file) throw new Error('Choose a picture first.');
    if (file.size > 20e6) throw new Error('That picture has more than 20 MB.');
    projection = (await upload('/api/draw/project', { at, steps: form.steps.value }, file)).job;
    one('#projecting').hidden = false;
    one('#projectsaid').textContent = 'waiting for its turn';
  },
  async names() {
    const { favourites } = about;
    if (!favourites.length) return one('#names').replaceChildren(el('p', { class: 'quiet' }, 'None yet: put a face on the easel and name it.'));
    const { urls } = unpacked(await ask('/api/draw', { at, faces: favourites.slice(0, 24).join(',') }));
    fill(one('#names'), urls.map((url, i) => el('div', { class: 'kept' }, picture(url, favourites[i], { point: favourites[i] }, false, {}),
      el('button', { class: 'plain', 'aria-label': `drop the name ${favourites[i]}`, onclick: () => trying(async () => {
        about.favourites = (await send('/api/draw/favourite', { at, name: favourites[i], drop: true })).favourites;
        await PANELS.names();
      }) }, 'drop'))));
    return undefined;
  },
};

// Walk

let frames = [];
let playing;
function step(to) {
  one('#walktime').value = to;
  one('#walkframe').src = frames[to];
}
function rest() {
  clearInterval(playing);
  playing = undefined;
  one('#walkplay').textContent = 'Play';
}
function play() {
  rest();
  one('#walkplay').textContent = 'Pause';
  playing = setInterval(() => step((+one('#walktime').value + 1) % frames.length), 80);
}
one('#walkplay').addEventListener('click', () => playing ? rest() : play());
one('#walktime').addEventListener('input', event => {
  rest();
  step(+event.target.value);
});

// Project

let projection;
let dropped;
const drop = one('#drop');
drop.addEventListener('dragover', event => event.preventDefault());
drop.addEventListener('drop', event => {
  event.preventDefault();
  [dropped] = event.dataTransfer.files;
  trying(() => PANELS.project(drop));
});
drop.picture.addEventListener('change', () => { dropped = undefined; });
one('#calloff').addEventListener('click', () => trying(() => send('/api/jobs/cancel', { job: projection })));

async function heard(job) {
  busy(job);
  if (job.what === `directions of ${at}`) {
    const going = job.state === 'at work' || job.state === 'waiting';
    one('#finding').hidden = !going;
    one('#find').disabled = going;
    one('#finding').textContent = job.state === 'waiting' ? `waiting at place ${job.place}` : job.progress ? `${job.progress.what}: ${job.progress.done} of ${job.progress.total ?? '?'}` : 'at work';
    if (job.state === 'done') {
      about = await ask('/api/draw/about', { at });
      sliders();
      say('Directions are found.');
    } else if (job.error) complain(new Error(job.error));
  }
  if (job.job !== projection) return;
  const bar = one('#projectbar');
  if (job.progress?.total) [bar.max, bar.value] = [job.progress.total, job.progress.done];
  one('#projectsaid').textContent = job.state === 'waiting' ? `waiting at place ${job.place}` : [...job.notes.slice(-1), job.progress && `error ${job.progress.facts.error ?? '…'}`].filter(Boolean).join(' · ');
  if (job.state === 'at work' || job.state === 'waiting') return;
  one('#projecting').hidden = true;
  if (job.state === 'failed') complain(new Error(job.error));
  if (job.state === 'done') await trying(() => projected(job.job));
}

async function projected(job) {
  const { facts, urls } = unpacked(await ask('/api/jobs/result', { job }));
  const [given, found, ...way] = urls;
  fill(one('#project'), [el('div', { class: 'pairs' },
    el('figure', {}, el('img', { src: given, alt: 'the face that was given' }), el('figcaption', {}, facts.cut ? 'the face in your picture' : 'your picture')),
    el('figure', {}, el('img', { src: found, alt: 'the nearest drawing' }), el('figcaption', {}, `the nearest drawing, ${facts.error.toFixed(1)} of 255 levels from it`))),
  el('div', { class: 'strip' }, el('b', {}, 'on the way'), el('div', {}, way.map(url => el('img', { src: url, alt: '' }))))]);
  await askFor({}); // it is that face as it is
  await put({ latent: facts.latent, label: 'projected' });
}

// Tabs

function turn(tab, push = true) {
  if (!PANELS[tab]) tab = 'faces';
  for (const button of all('#tabs button')) button.setAttribute('aria-pressed', button.dataset.tab === tab);
  for (const panel of all('[data-panel]')) panel.hidden = panel.dataset.panel !== tab;
  goes({ tab }, push);
  if (tab === 'names') trying(() => PANELS.names());
  else if (tab === 'faces' && !one('#faces').children.length) trying(() => PANELS.faces(one('[data-form=faces]')));
}
one('#tabs').addEventListener('click', event => event.target.dataset.tab && turn(event.target.dataset.tab));
addEventListener('popstate', () => {
  turn(where().tab || 'faces', false);
  if (where().face && where().face !== easel.point) put({ point: where().face });
});
one('#next').addEventListener('click', () => {
  const form = one('[data-form=faces]');
  form.seed.value = +form.seed.value + (+form.search.value || +form.count.value);
  form.requestSubmit();
});
one('#any').addEventListener('click', () => {
  const form = one('[data-form=faces]');
  form.seed.value = Math.floor(Math.random() * 1e6);
  form.requestSubmit();
});

start().catch(lost);
