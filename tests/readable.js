// Who cannot read this page? Controls without a name, faint words, pages wider than the screen, ids that are there twice.
(() => {
  const seen = node => node.checkVisibility({visibilityProperty: true, opacityProperty: true});
  const wrong = [];
  for (const node of document.querySelectorAll('button, a[href], input, select, textarea, [role=listbox], [role=option], img')) {
    if (!seen(node)) continue;
    const label = node.getAttribute('aria-label') || node.getAttribute('alt') || node.title || node.textContent.trim()
      || [...(node.labels || [])].map(one => one.textContent.trim()).join('') || node.placeholder;
    if (!label && !(node.tagName === 'IMG' && node.getAttribute('alt') === '')) wrong.push('no name: ' + node.outerHTML.slice(0, 90));
  }
  const canvas = new OffscreenCanvas(1, 1).getContext('2d', {willReadFrequently: true});
  const rgb = colour => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data]; };
  const light = ([r, g, b]) => [r, g, b].map(c => (c /= 255) <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
  const behind = node => { for (let one = node; one; one = one.parentElement) {
      const colour = rgb(getComputedStyle(one).backgroundColor); if (colour[3] > 200) return colour; }
    return rgb(getComputedStyle(document.documentElement).getPropertyValue('--paper')); };
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const node = walk.currentNode.parentElement;
    if (!walk.currentNode.textContent.trim() || !seen(node) || node.closest('[disabled], .cell, .skip, option, script, #said')) continue;
    const [a, b] = [light(rgb(getComputedStyle(node).color)), light(behind(node))].sort((x, y) => y - x);
    const ratio = (a + .05) / (b + .05);
    if (ratio < 4.5) wrong.push(`contrast ${ratio.toFixed(2)}: ${walk.currentNode.textContent.trim().slice(0, 40)}`);
  }
  if (document.documentElement.scrollWidth > innerWidth + 1) wrong.push(`wider than the screen: ${document.documentElement.scrollWidth}`);
  const ids = [...document.querySelectorAll('[id]')].map(one => one.id);
  for (const id of new Set(ids.filter((one, i) => ids.indexOf(one) !== i))) wrong.push('twice: ' + id);
  if (document.querySelectorAll('h1').length < 1 || !document.documentElement.lang || !document.title) wrong.push('no title');
  return [...new Set(wrong)];
})()
