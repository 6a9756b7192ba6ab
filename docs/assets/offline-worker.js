/* Search without a server: a page that was opened from a folder may start no worker, so a hidden frame stands in. */
(function () {
  "use strict";
  if (location.protocol !== "file:") return;

  const inside = `
    postMessage = parent.postMessage.bind(parent);
    importScripts = (...urls) => urls.reduce((before, url) => before.then(() => new Promise((done) => {
      const script = document.createElement("script");
      script.src = url;
      script.onload = done;
      document.body.appendChild(script);
    })), Promise.resolve());`;

  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      document.body.appendChild(this.frame);
      const page = this.frame.contentWindow.document;
      page.open();
      page.write(`<html><body><script>${inside}<\/script><script src="${url}"><\/script></body></html>`);
      page.close();
      this.ready = new Promise((done) => { this.frame.onload = done; });
      this.heard = (event) => {
        if (event.source !== this.frame.contentWindow) return;
        const copy = new MessageEvent("message", { data: event.data });
        this.dispatchEvent(copy);
        if (this.onmessage) this.onmessage(copy);
      };
      window.addEventListener("message", this.heard);
    }

    postMessage(data) {
      this.ready.then(() => this.frame.contentWindow.dispatchEvent(new MessageEvent("message", { data })))
        .catch(() => undefined);
    }

    terminate() {
      window.removeEventListener("message", this.heard);
      this.frame.remove();
    }
  };
})();
