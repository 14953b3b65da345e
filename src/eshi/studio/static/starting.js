// The form that begins a training. Its fields come from what checks a recipe; only what differs is said.
import { ask, complain, el, folder, link, one, send, trying } from '/static/base.js';

let recipe;
let changes = {};

export function starting(dialog, button) {
  const form = one('#start', dialog);
  button.addEventListener('click', () => trying(async () => {
    const [{ things }, { recipes, usual }] = await Promise.all([ask('/api/things'), ask('/api/recipes')]);
    const sets = things.filter(thing => thing.kind === 'faces' || thing.kind === 'images');
    form.faces.replaceChildren(...sets.map(set => el('option', { value: set.at }, folder(set.at))));
    form.recipe.replaceChildren(...Object.entries(recipes).map(([name, about]) => el('option', { value: name, title: about }, name)));
    form.recipe.value = usual;
    await chosen(form);
    dialog.showModal();
  }, button));
  form.recipe.addEventListener('change', () => chosen(form).catch(complain));
  form.addEventListener('input', () => typed(form));
  form.addEventListener('submit', event => {
    event.preventDefault();
    trying(async () => {
      const told = Object.fromEntries(['faces', 'recipe', 'out', 'images', 'time'].map(key => [key, form[key].value]).filter(([, v]) => v));
      const { at } = await send('/api/runs/start', { ...told, set: changes });
      location.assign(link('/runs', { at }));
    }, one('button.first', form));
  });
  for (const close of dialog.querySelectorAll('[data-close]')) close.addEventListener('click', () => dialog.close());
}

async function chosen(form) {
  recipe = await ask('/api/recipe', { name: form.recipe.value });
  changes = {};
  one('#about').textContent = recipe.about;
  const groups = new Map();
  for (const field of recipe.fields) {
    const section = field.key.includes('.') ? field.key.replace(/\.[^.]*$/, '') : '';
    if (!groups.has(section)) groups.set(section, []);
    if (field.key !== 'images' && field.key !== 'seed') groups.get(section).push(field);
  }
  one('#recipe').replaceChildren(...[...groups].filter(([, fields]) => fields.length).map(([section, fields]) =>
    el('fieldset', {}, el('legend', {}, section || 'the run'), el('div', { class: 'fields' }, fields.map(asked)))));
  typed(form);
}

function asked(field) {
  const name = field.key.split('.').pop();
  const value = Array.isArray(field.value) ? JSON.stringify(field.value) : field.value ?? '';
  let input;
  if (field.kind === 'choice') {
    input = el('select', {}, field.choices.map(choice => el('option', { value: choice }, choice)));
    input.value = value;
  } else if (field.kind === 'switch') {
    input = el('input', { type: 'checkbox', checked: Boolean(field.value) });
  } else {
    const number = field.kind === 'whole' || field.kind === 'number';
    input = el('input', { type: number ? 'number' : 'text', step: field.kind === 'whole' ? 1 : 'any', min: field.least, max: field.most, value });
  }
  input.addEventListener('change', () => {
    const now = field.kind === 'switch' ? input.checked : input.value;
    if (`${now}` === `${value}` || now === '') delete changes[field.key];
    else changes[field.key] = field.kind === 'whole' || field.kind === 'number' ? +now : `${now}`;
    typed(one('#start'));
  });
  return el('label', { title: field.key }, name, input);
}

const quoted = word => /^[\w./=+,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;

function typed(form) {
  const { faces, recipe: name, out, images, time } = form;
  const base = faces.value.split('/').pop().replace(/\.zip$/, '');
  out.placeholder = `runs/${name.value}-${base}`;
  const words = ['eshi train', quoted(faces.value || '.'), '-r', name.value];
  if (out.value) words.push('-o', quoted(out.value));
  if (images.value) words.push('--images', quoted(images.value));
  else if (time.value) words.push('--for', quoted(time.value));
  for (const [key, value] of Object.entries(changes)) words.push('--set', quoted(`${key}=${value}`));
  one('#typed').textContent = words.join(' ');
}
