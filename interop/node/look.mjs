// A page as axe-core, a keyboard and a camera see it, at a phone's and a desktop's width, in light and in dark.
//
// Prints {"page":…,"violations":[…]} for each view and {"page":…,"tab":[…]} for each width; the Go test judges them.
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { say } from './chromium.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const widths = [360, 1280];

// looker returns look(page, name), which keeps its photographs in a folder.
export function looker(shots) {
  mkdirSync(shots, { recursive: true });
  return (page, name) => look(page, name, shots);
}

async function look(page, name, shots) {
  for (const width of widths) {
    await page.setViewportSize({ width, height: 800 });
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme });
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => axe.run(document, { resultTypes: ['violations'] }));
      const sideways = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      await page.screenshot({ path: join(shots, `${name}-${width}-${colorScheme}.png`), fullPage: true });
      say({
        page: name, width, colorScheme, sideways, title: await page.title(),
        violations: violations.map(({ id, impact, help, nodes }) => ({ id, impact, help, at: nodes.map((n) => n.target.join(' ')) })),
      });
    }
    say({ page: name, width, ...await tabOrder(page) });
  }
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize({ width: 1280, height: 800 });
}

// tabOrder presses Tab until it comes round, and says what got the focus, in which order, and whether one could see it.
async function tabOrder(page) {
  await page.evaluate(() => {
    document.activeElement?.blur();
    window.getSelection()?.removeAllRanges();
  });
  const all = await page.evaluate(() => [...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]')]
    .filter((e) => e.tabIndex >= 0 && !e.disabled && e.getClientRects().length > 0 && e.checkVisibility()) // what a closed disclosure holds is not there
    .map((e, i) => { e.dataset.stop = i; return e.id || e.textContent.trim().replace(/\s+/g, ' ').slice(0, 40) || e.tagName; }));
  const stops = [];
  const unseen = [];
  const dates = await page.locator('input[type=date]').count(); // day, month, year and the calendar are a stop each
  for (let presses = 0; presses < all.length + 3 + 3 * dates && stops.length < all.length; presses += 1) {
    await page.keyboard.press('Tab');
    const at = await page.evaluate(() => {
      const e = document.activeElement;
      if (!e || e === document.body || e.dataset.stop === undefined) return null;
      const style = getComputedStyle(e);
      const ring = (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== 'none';
      const { top, left } = e.getBoundingClientRect();
      return { stop: Number(e.dataset.stop), ring, top: top + window.scrollY, left };
    });
    if (!at || stops.some((s) => s.stop === at.stop)) continue;
    stops.push(at);
    if (!at.ring) unseen.push(all[at.stop]);
  }
  // Down the page, and along a row: nobody's eye has to jump back up.
  const first = stops.findIndex((s) => s.stop === 0);
  const turned = first < 0 ? stops : [...stops.slice(first), ...stops.slice(0, first)];
  const jumps = turned.filter((s, i) => s.stop !== i).map((s) => all[s.stop]);
  return { tab: turned.map((s) => all[s.stop]), missed: all.filter((_, i) => !stops.some((s) => s.stop === i)), jumps, unseen };
}
