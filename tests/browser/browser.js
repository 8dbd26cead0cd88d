// Playwright with the Chromium that is installed, for browser.py: browser.js CHROMIUM FOLDER. A line of JSON comes in, {on, call, args}, and one goes out,
// {value} or {error}. on: 'page', 'session' (DevTools, for what Playwright has no word for) or 'self'; call: a method, as in 'mouse.move'.
'use strict';
const {rename} = require('node:fs/promises'), readline = require('node:readline');
let playwright;
try { playwright = require('playwright-core'); } catch { process.exit(77); }

const self = {
  said: [],   // errors of the page

  // A new window: its page is what is driven from now on. options: Playwright's of a context.
  async open(options) {
    await self.context?.close();
    self.context = await self.browser.newContext({acceptDownloads: true, ...options});
    self.page = await self.context.newPage();
    self.page.on('console', m => m.type() === 'error' && self.said.push(m.text()));
    self.page.on('pageerror', e => self.said.push(String(e.stack)));
    self.page.on('download', async d => {   // there when it is whole
      const path = `${self.folder}/${d.suggestedFilename()}`;
      await d.saveAs(`${path}.part`);
      await rename(`${path}.part`, path);
    });
    self.session = await self.context.newCDPSession(self.page);
    await self.session.send('Performance.enable', {timeDomain: 'threadTicks'});   // processor time of the page's thread: what others do on the machine is not in it
  },
  errors: async () => self.said,
};

async function answer({on, call, args}) {
  const words = call.split('.'), method = words.pop(), of = words.reduce((object, word) => object[word], on === 'self' ? self : self[on]);
  return of[method](...args);
}

async function main(executablePath, folder) {
  self.folder = folder;
  self.browser = await playwright.chromium.launch({executablePath});
  await self.open({});
  console.log('{}');
  for await (const line of readline.createInterface({input: process.stdin})) {
    const told = await answer(JSON.parse(line)).then(value => ({value}), e => ({error: e.message}));
    console.log(JSON.stringify(told, (_, v) => v instanceof Object && ![Object, Array].includes(v.constructor) ? undefined : v));   // numbers and texts, no handles
  }
  await self.browser.close();
}

main(...process.argv.slice(2));
