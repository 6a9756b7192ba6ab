// node look.mjs [-o FOLDER] PAGE …: opens each page, a file or an address, in Chromium and says what is wrong with it;
// status 1 if anything is.
//
// Looked for: errors in the console, requests that leave the page, serious or critical faults that axe-core finds (light
// and dark), text wider than a phone, controls that the keyboard does not reach or that show no focus, tables that do not
// sort with Enter, fields that search and do not filter, downloads that hold no table. With -o: screenshots and a PDF.
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";
import { controls } from "./controls.mjs";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf-8");
const DESKTOP = { width: 1280, height: 900 }, PHONE = { width: 400, height: 800 };
const SERIOUS = new Set(["serious", "critical"]);

function found(name) {
  try {
    return execFileSync("which", [name], { encoding: "utf-8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  } catch {
    return "";
  }
}

async function opened(browser, file, options, faults) {
  const context = await browser.newContext({ acceptDownloads: true, bypassCSP: true, ...options });
  const page = await context.newPage();
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") faults.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => faults.push(`script: ${error.message}`));
  const address = /^https?:/.test(file) ? file : pathToFileURL(file).href;
  page.on("request", (request) => {
    const own = address.startsWith("http") && new URL(request.url()).origin === new URL(address).origin;
    if (!own && !/^(file|data|blob):/.test(request.url())) faults.push(`request: ${request.url()}`);
  });
  page.on("requestfailed", (request) => faults.push(`not loaded: ${request.url()}`));
  await page.goto(address, { waitUntil: "load" });
  return page;
}

async function axe(page, where, faults) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  for (const one of violations) {
    const said = `axe, ${where}, ${one.impact}: ${one.id}: ${one.help} (${one.nodes.length}: ${one.nodes[0].target})`;
    if (SERIOUS.has(one.impact)) faults.push(said);
    else console.log(`  note: ${said}`);
  }
}

async function wide(page, where, { width }, faults) {
  const needed = await page.evaluate(() => document.documentElement.scrollWidth);
  if (needed > width) faults.push(`${where}: ${needed} px of text on ${width} px`);
}

async function look(browser, file, folder) {
  const faults = [], name = path.basename(file, ".html");
  const shot = (page, what, whole) => folder && page.screenshot({
    path: path.join(folder, `${name}-${what}.png`), fullPage: whole, animations: "disabled" });
  const page = await opened(browser, file, { viewport: DESKTOP }, faults);
  await axe(page, "light", faults);
  await wide(page, "desktop", DESKTOP, faults);
  await shot(page, "desktop", false);
  const said = await controls(page, faults);
  if (folder) {
    await page.emulateMedia({ media: "print" });
    writeFileSync(path.join(folder, `${name}.pdf`), await page.pdf({ format: "A4", printBackground: false }));
  }
  await page.context().close();
  const phone = await opened(browser, file, { viewport: PHONE, isMobile: true, hasTouch: true }, faults);
  await wide(phone, "phone", PHONE, faults);
  await axe(phone, "phone", faults);
  await shot(phone, "phone", false);
  await phone.context().close();
  const dark = await opened(browser, file, { viewport: DESKTOP, colorScheme: "dark" }, faults);
  await axe(dark, "dark", faults);
  await shot(dark, "dark", false);
  await dark.context().close();
  return [faults, said];
}

const given = process.argv.slice(2), at = given.indexOf("-o");
const folder = at < 0 ? "" : given.splice(at, 2)[1];
const executablePath = process.env.CHROMIUM || found("chromium") || found("google-chrome");
if (!given.length || !executablePath) {
  console.error(given.length ? "no Chromium was found: set CHROMIUM" : "usage: node look.mjs [-o FOLDER] PAGE …");
  process.exit(2);
}
if (folder) mkdirSync(folder, { recursive: true });
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
let wrong = 0;
for (const file of given) {
  const [faults, said] = await look(browser, file, folder);
  console.log(`${faults.length ? "FAULTS" : "fine  "} ${file}: ${said}`);
  for (const fault of new Set(faults)) console.log(`  ${fault}`);
  wrong += faults.length;
}
await browser.close();
process.exit(wrong ? 1 : 0);
