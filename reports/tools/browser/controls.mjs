// What can be worked on a page: reached by the keyboard, sorted with Enter, searched, downloaded.
import { readFileSync } from "node:fs";

const TABBABLE = "a[href], button, input, select, textarea, summary, [tabindex='0']";
// What shows that a control has the focus: its own look, or that of the label which stands for it.
const STYLE = (element) => [element, element.nextElementSibling, ...(element.labels ?? [])].filter(Boolean).map((one) => {
  const style = getComputedStyle(one);
  return [style.outlineStyle, style.outlineWidth, style.outlineColor, style.boxShadow, style.borderColor,
    style.backgroundColor, style.textDecorationLine].join("|");
}).join("||");

export async function controls(page, faults) {
  const reached = await tabbed(page, faults);
  const sorted = await sorting(page, faults);
  const searched = await searching(page, faults);
  const loaded = await downloads(page, faults);
  return `${reached} controls by Tab, ${sorted} columns sorted, ${searched} searches, ${loaded} downloads`;
}

async function tabbed(page, faults) {
  const wanted = await page.evaluate((selector) => {
    const groups = new Set();  // of radio buttons Tab reaches one
    const again = (e) => e.type === "radio" && (groups.has(e.name) || !groups.add(e.name));
    const seen = [...document.querySelectorAll(selector)].filter((e) => e.tabIndex >= 0 && !e.disabled
      && e.checkVisibility({ visibilityProperty: true }) && e.getClientRects().length && !again(e));
    seen.forEach((e, number) => e.setAttribute("data-look", number));
    return seen.length;
  }, TABBABLE);
  const got = new Set();
  await page.evaluate(() => { document.activeElement?.blur(); window.scrollTo(0, 0); });
  for (let step = 0; step < wanted + 5 && got.size < wanted; step++) {
    await page.keyboard.press("Tab");
    const found = await page.evaluate((text) => {
      const style = eval(text), element = document.activeElement;
      if (!element || element === document.body) return null;
      const focused = style(element);
      element.blur();
      const plain = style(element);
      element.focus({ preventScroll: false });
      return { number: element.getAttribute("data-look"), shown: focused !== plain, what: element.outerHTML.slice(0, 80) };
    }, STYLE.toString());
    if (!found) continue;
    if (!found.shown) faults.push(`keyboard: no focus is shown: ${found.what}`);
    if (found.number !== null) got.add(found.number);
  }
  const missed = await page.evaluate((numbers) => [...document.querySelectorAll("[data-look]")].filter((e) =>
    !numbers.includes(e.getAttribute("data-look")) && e.tabIndex >= 0 && e.checkVisibility({ visibilityProperty: true }))
    .map((e) => e.outerHTML.slice(0, 80)), [...got]);
  for (const one of missed) faults.push(`keyboard: Tab does not reach ${one}`);
  return got.size;
}

const column = (page, table, number) => page.evaluate(([t, c]) => [...document.querySelectorAll("table")[t].tBodies].flatMap(
  (body) => [...body.rows].filter((row) => row.checkVisibility() && !row.classList.contains("cause")).map((row) => row.cells[c]?.innerText.trim() ?? "")),
  [table, number]);

async function sorting(page, faults) {
  const heads = await page.evaluate(() => [...document.querySelectorAll("table")].flatMap((table, t) =>
    [...table.querySelectorAll("thead th")].filter((th) => th.querySelector("button") || th.tabIndex >= 0)
      .map((th) => [t, th.cellIndex])));
  for (const [t, c] of heads) {
    const head = page.locator("table").nth(t).locator("thead th").nth(c);
    const button = (await head.locator("button").count()) ? head.locator("button").first() : head;
    const press = async () => { await button.focus(); await page.keyboard.press("Enter"); };
    if (!(await head.isVisible())) continue;
    const before = [...(await column(page, t, c))].sort().join("\n");
    await press();
    const up = await head.getAttribute("aria-sort"), rising = await column(page, t, c);
    await press();
    const down = await head.getAttribute("aria-sort"), falling = await column(page, t, c);
    const said = `table ${t + 1}, column ${c + 1}`;
    if (new Set([up, down]).size !== 2 || ![up, down].every((one) => /ascending|descending/.test(one ?? ""))) {
      faults.push(`sorting: ${said} says aria-sort ${up}, then ${down}`);
    }
    if (new Set(rising).size > 1 && rising.join() === falling.join()) faults.push(`sorting: ${said} stays as it was`);
    if ([...rising].sort().join("\n") !== before) faults.push(`sorting: ${said} lost or gained rows`);
    if (!ordered(rising) || !ordered([...falling].reverse())) faults.push(`sorting: ${said} is in no order: ${rising.slice(0, 5)}`);
  }
  return heads.length;
}

// A cell's number, of "1.2 to 1.3" the first; null where it holds something else.
function leading(cell) {
  const bare = cell.split(" to ")[0].replaceAll(/[\u2009\u202f]/g, "").replace("\u2212", "-").replaceAll(/,(?=\d{3})/g, "");
  return bare !== "" && Number.isFinite(Number(bare)) ? Number(bare) : null;
}

// Numbers rise among themselves, and words among themselves.
function ordered(cells) {
  const numbers = cells.map(leading).filter((one) => one !== null);
  const words = cells.filter((cell) => cell && leading(cell) === null);
  const compare = new Intl.Collator("en", { numeric: true }).compare;
  return numbers.every((one, at) => !at || numbers[at - 1] <= one)
    && words.every((one, at) => !at || compare(words[at - 1], one) <= 0);
}

const visible = (page) => page.evaluate(() =>
  [...document.querySelectorAll("tbody tr")].filter((row) => row.checkVisibility()).length);

async function searching(page, faults) {
  const fields = page.locator("input[type=search]");
  const count = await fields.count();
  for (let number = 0; number < count; number++) {
    const field = fields.nth(number);
    if (!(await field.isVisible())) continue;
    const all = await visible(page);
    await field.focus();
    await page.keyboard.type("no such row 7f3a");
    await page.waitForTimeout(300);
    if ((await visible(page)) >= all) faults.push(`search ${number + 1}: nonsense hides no row`);
    await field.fill("");
    await page.waitForTimeout(300);
    if ((await visible(page)) !== all) faults.push(`search ${number + 1}: cleared, it shows ${await visible(page)} of ${all} rows`);
  }
  return count;
}

async function downloads(page, faults) {
  const links = page.locator("a[download], button:has-text('CSV')");
  const count = await links.count();
  for (let number = 0; number < count; number++) {
    const link = links.nth(number);
    if (!(await link.isVisible())) continue;
    await link.focus();
    const coming = page.waitForEvent("download", { timeout: 5000 }).catch(() => null);
    await page.keyboard.press("Enter");
    const file = await coming;
    if (!file) {
      faults.push(`download ${number + 1}: nothing came`);
      continue;
    }
    const lines = readFileSync(await file.path(), "utf-8").trim().split(/\r?\n/);
    if (lines.length < 2 || !lines[0].includes(",")) faults.push(`download ${number + 1}: no table: ${lines[0]?.slice(0, 60)}`);
  }
  return count;
}
