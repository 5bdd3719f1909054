'use strict';
(() => {
const root = document.documentElement, body = document.body, by = id => document.getElementById(id);
// A theme that was chosen stays; else the system's.
const chosen = (() => { try { return localStorage.getItem('theme'); } catch { return null; } })();
if (chosen === 'dark' || chosen === 'light') root.dataset.theme = chosen;
const dark = () => root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
const toggle = by('theme');
if (toggle) {
  toggle.hidden = false;
  toggle.addEventListener('click', () => {
    root.dataset.theme = dark() ? 'light' : 'dark';
    try { localStorage.setItem('theme', root.dataset.theme); } catch { /* a private window keeps nothing */ }
  });
}
// What the line under the pointer says.
const tip = document.createElement('div');
tip.id = 'tip'; tip.hidden = true; body.append(tip);
let marked = null;
const leave = () => { tip.hidden = true; if (marked) { marked.remove(); marked = null; } };
const show = (chart, event) => {
  const plot = chart.querySelector('.lines'), from = +chart.dataset.from, to = +chart.dataset.to;
  // The box of the plane, not that of what is drawn in it.
  const box = chart.getBoundingClientRect(), two = chart.querySelector('.plot.two') ? 104 : 58;
  const width = box.width - two, part = (event.clientX - box.left - 46) / width;
  if (!plot || part < 0 || part > 1) return leave();
  const time = from + part * (to - from), rows = [];
  let at = null;
  for (const line of plot.querySelectorAll('.line')) {
    const step = +line.dataset.step, place = Math.floor((time - line.dataset.start) / step);
    const value = line.dataset.values.split(',')[place];
    if (value) { rows.push([line, value]); at = Math.max(at || 0, +line.dataset.start + place * step); }
  }
  if (!rows.length) return leave();
  tip.replaceChildren();
  const head = document.createElement('div');
  head.textContent = new Date(at * 1000).toISOString().slice(11, 16) + ' UTC';
  tip.append(head);
  rows.slice(0, 14).forEach(([line, value]) => {
    const row = document.createElement('div'), number = document.createElement('b'), name = document.createElement('span');
    number.textContent = value; name.textContent = line.dataset.label;
    row.append(number, name); tip.append(row);
  });
  if (!marked || marked.ownerSVGElement !== chart.querySelector('.plot')) {
    if (marked) marked.remove();
    marked = document.createElementNS('http://www.w3.org/2000/svg', 'line');
    marked.setAttribute('class', 'cursor'); marked.setAttribute('y1', '0'); marked.setAttribute('y2', '100%');
    chart.querySelector('.plot').append(marked);
  }
  const x = (at - from) / (to - from) * 100 + '%';
  marked.setAttribute('x1', x); marked.setAttribute('x2', x);
  tip.hidden = false;
  const left = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8);
  const top = event.clientY + tip.offsetHeight + 24 > innerHeight ? event.clientY - tip.offsetHeight - 12 : event.clientY + 16;
  // Scripts may set positions where markup may not.
  tip.style.left = Math.max(4, left) + 'px'; tip.style.top = Math.max(4, top) + 'px';
};
addEventListener('pointermove', event => {
  const chart = event.target.closest && event.target.closest('.chart');
  if (chart) show(chart, event); else leave();
});
addEventListener('scroll', leave, { passive: true });
if (!body.dataset.live) return;
// What changed since: the boxes of it take the old ones' place; what is open stays open, what is scrolled stays there.
const form = document.querySelector('#search form'), query = () => new URLSearchParams(location.search);
let since = body.dataset.live, found = since, busy = false, fails = 0;
// Whether it could: what somebody is at is left alone, and asked for again.
const swap = fresh => {
  const old = by(fresh.id);
  if (!old) return true;
  if (old.contains(document.activeElement) && fresh.id !== 'strip') return false;
  const open = [...old.querySelectorAll('details[open]')].map(one => one.id);
  const at = [...old.querySelectorAll('.scroll,.body')].map(one => [one.scrollTop, one.scrollLeft]);
  old.replaceWith(fresh);
  open.forEach(id => { const one = by(id); if (one) one.open = true; });
  [...fresh.querySelectorAll('.scroll,.body')].forEach((one, place) => {
    if (at[place]) [one.scrollTop, one.scrollLeft] = at[place];
  });
  return true;
};
const typing = () => form.contains(document.activeElement) && form.elements.q.value !== (query().get('q') || '');
const load = async () => {
  if (busy || document.hidden) return;
  busy = true;
  const asked = query(), before = asked.toString();
  const other = () => query().toString() !== before;
  asked.set('since', since); asked.set('found', found); asked.set('shown', form.elements.range.value);
  try {
    const answer = await fetch('changes?' + asked, { cache: 'no-store', signal: AbortSignal.timeout(15000) });
    if (!answer.ok) throw new Error(answer.status);
    const box = document.createElement('template');
    box.innerHTML = await answer.text();
    const head = box.content.querySelector('#changes');
    if (!head) throw new Error('no answer');
    fails = 0; body.classList.remove('stale');
    // Something else is looked for meanwhile: this is no answer to it.
    if (other()) return;
    if (head.dataset.reload) { if (!typing()) location.reload(); return; }
    leave();
    const fresh = [...box.content.querySelectorAll('[id]')].filter(one => one.parentElement === head);
    if (fresh.map(swap).every(Boolean)) since = found = head.dataset.since;
  } catch {
    fails += 1;
    if (fails > 2) { body.classList.add('stale'); by('clock').textContent = 'no answer any more'; }
  } finally {
    busy = false;
    if (other()) load();
  }
};
setInterval(load, 5000);
document.addEventListener('visibilitychange', load);
form.addEventListener('submit', event => {
  event.preventDefault();
  const asked = query(), text = form.elements.q.value;
  if (text) asked.set('q', text); else asked.delete('q');
  history.replaceState(null, '', '?' + asked);
  found = '0'; load();
});
})();
