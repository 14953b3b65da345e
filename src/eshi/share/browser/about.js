// How it was made and whose pictures it learned from. All of it is text, whoever wrote it.
const About = (() => {
  const { element } = Shape;

  function facts(host) {
    const { plan, facts } = MODEL;
    const told = [
      [say('madeBy'), facts.made],
      [say('pixels'), `${say('size', plan.width, plan.height)} · ${say('bits', plan.bits)}`],
      [say('scores'), facts.scores.length ? facts.scores.join(' · ') : say('noScores')],
    ];
    for (const [term, words] of told) host.append(element('dt', { textContent: term }), element('dd', { textContent: words }));
  }

  function credits(host) {
    const { credits } = MODEL;
    if (credits?.text) {
      host.append(element('p', { textContent: credits.text, className: 'told' }));
      return;
    }
    const words = credits ? say('creditsSay', credits.faces.toLocaleString(), credits.pictures.toLocaleString()) : say('noCredits');
    host.append(element('p', { textContent: words }));
    const list = element('ul', { className: 'artists' });
    for (const [name, count] of credits?.artists ?? []) {
      list.append(element('li', {}, element('span', { textContent: name || say('unknown') }), element('b', { textContent: count.toLocaleString() })));
    }
    if (list.children.length) host.append(list);
  }

  function begin() {
    facts(document.getElementById('facts'));
    credits(document.getElementById('credits'));
    document.getElementById('story').textContent = MODEL.about;
    document.getElementById('recipe').textContent = MODEL.recipe;
    document.getElementById('keysSay').textContent = say('keysSay');
  }

  return { begin };
})();
