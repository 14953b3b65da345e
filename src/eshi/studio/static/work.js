// Collecting, cropping and cleaning: forms above, what is at work below, with its bar.
import { all, ask, busy, clock, count, el, folder, link, listen, lost, one, say, send, trying, where } from '/static/base.js';

const jobs = new Map();
const NEXT = { collect: at => ['Crop them', link('/work', { pictures: at })], paint: at => ['Crop them', link('/work', { pictures: at })], crop: at => ['Look at them', link('/faces', { at })], clean: at => ['Look at them', link('/faces', { at })] };

async function start() {
  const [{ sites, finders }, { things }] = await Promise.all([ask('/api/work'), ask('/api/things')]);
  fill('collect', 'site', sites);
  fill('crop', 'finder', finders);
  places(things);
  for (const form of all('[data-work]')) form.addEventListener('submit', event => {
    event.preventDefault();
    trying(() => begin(form, event.submitter), event.submitter);
  });
  await catchUp();
  listen({ job: heard }, catchUp);
}

function fill(form, name, words, chosen) {
  const select = one(`[data-work=${form}] [name=${name}]`);
  select.replaceChildren(...words.map(word => el('option', { value: word }, folder(word))));
  if (words.includes(chosen)) select.value = chosen;
}

function places(things) {
  const named = kinds => things.filter(thing => kinds.includes(thing.kind)).map(thing => thing.at);
  fill('crop', 'pictures', named(['pictures', 'images']), where().pictures);
  fill('clean', 'faces', named(['faces', 'images']), where().faces);
  const finder = one('[data-work=crop] [name=finder]');
  finder.value = 'net';
}

async function begin(form, button) {
  const told = {};
  for (const field of form.elements) {
    if (!field.name || field.type === 'submit' || field.value === '') continue;
    told[field.name] = field.type === 'number' ? +field.value : field.value;
  }
  if (button.name === 'undo') told.undo = true;
  const job = await send(`/api/work/${form.dataset.work}`, told);
  heard(job);
  if (job.place > 1) say(`It waits at place ${job.place}.`);
  one('#jobs').scrollIntoView({ block: 'nearest', behavior: 'smooth' });
}

async function catchUp() {
  jobs.clear();
  for (const job of (await ask('/api/jobs')).jobs.reverse()) jobs.set(job.job, job);
  show();
}

async function heard(job) {
  busy(job);
  const ended = job.state !== jobs.get(job.job)?.state && job.state === 'done';
  jobs.set(job.job, job);
  show();
  if (ended) places((await ask('/api/things')).things);
}

function show() {
  const list = [...jobs.values()].reverse();
  one('#jobs').replaceChildren(...list.map(row), ...(list.length ? [] : [el('li', { class: 'quiet' }, 'Nothing. Begin below.')]));
}

function row(job) {
  const going = job.state === 'at work' || job.state === 'waiting';
  const p = job.progress;
  const bar = going && el('progress', { 'aria-label': job.what, ...(p?.total ? { max: p.total, value: p.done } : {}) });
  const left = p?.total && p.rate ? `, ${clock((p.total - p.done) / p.rate)} to go` : '';
  const how = job.state === 'waiting' ? `place ${job.place} in the queue`
    : going && p ? `${p.what}: ${count(p.done)}${p.total ? ` of ${count(p.total)}` : ''} ${p.unit}${left}`
      : job.error || job.result?.said?.split('\n')[0] || job.state;
  const verb = job.what.startsWith('collecting') ? 'collect' : job.what.startsWith('painting') ? 'paint' : job.what.startsWith('cropping') ? 'crop' : job.what.startsWith('cleaning') ? 'clean' : '';
  const next = job.state === 'done' && verb && job.result?.at !== undefined && NEXT[verb](job.result.at);
  return el('li', { class: 'card job' }, el('div', { class: 'line spread' }, el('b', {}, job.what), el('span', { class: `state ${job.state === 'failed' ? 'died' : job.state === 'at work' ? 'training' : ''}` }, job.state)),
    bar || null, el('div', { class: 'line spread' }, el('span', { class: 'quiet' }, how),
      going ? el('button', { onclick: event => trying(() => send('/api/jobs/cancel', { job: job.job }), event.target) }, 'Stop') : next ? el('a', { class: 'button', href: next[1] }, next[0]) : null));
}

start().catch(lost);
