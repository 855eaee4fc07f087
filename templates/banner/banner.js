"use strict";
{
  // Counts down to the end of the session. Screen readers announce the text once, not each second.
  const countDown = (banner, root) => {
    const time = root.querySelector("time[data-left]");
    if (!time) return;
    const ends = time.closest("[data-over]");
    const words = new Intl.RelativeTimeFormat(banner.lang);
    const end = Date.now() + Number(time.dataset.left) * 1000;
    time.title = new Date(end).toLocaleString(banner.lang);
    time.setAttribute("aria-live", "off");
    const timer = setInterval(() => count(), 1000);
    const count = () => {
      const left = Math.ceil((end - Date.now()) / 1000);
      if (left <= 0) {
        clearInterval(timer);
        ends.textContent = ends.dataset.over;
        return;
      }
      const text = left <= 90 ? words.format(left, "second")
        : left < 5400 ? words.format(Math.ceil(left / 60), "minute")
        : words.format(Math.round(left / 3600), "hour");
      if (time.textContent !== text) time.textContent = text;
    };
    count();
  };

  class Banner extends HTMLElement {
    #counts = false;

    connectedCallback() {
      // Inserted by a script, or in a browser without declarative shadow trees.
      const template = this.querySelector("template");
      if (!this.shadowRoot && template) {
        this.attachShadow({ mode: "open" }).append(template.content);
      }
      if (this.#counts || !this.shadowRoot) return;
      this.#counts = true;
      countDown(this, this.shadowRoot);
    }
  }

  if (!customElements.get("portcullis-banner")) {
    customElements.define("portcullis-banner", Banner);
    // Scripts of the portal that replace the whole body replace the banner with it.
    const banner = document.querySelector("portcullis-banner");
    setInterval(() => {
      if (document.body && !document.querySelector("portcullis-banner")) {
        document.body.prepend(banner);
      }
    }, 1000);
  }
}
