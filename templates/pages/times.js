// Shows exact times in the reader's time zone.
const exact = new Intl.DateTimeFormat(document.documentElement.lang, {
  day: "numeric", month: "long", year: "numeric", hour: "numeric", minute: "2-digit", timeZoneName: "short",
});
for (const time of document.querySelectorAll("time[title]")) {
  time.title = exact.format(new Date(time.dateTime));
}

// Counts down to a time on the page, and at its end loads the page again if it says so.
for (const time of document.querySelectorAll("time[data-left]")) {
  const reload = time.closest("[data-reload]");
  const over = time.closest("[data-over]");
  const words = new Intl.RelativeTimeFormat(document.documentElement.lang);
  const inWords = (seconds) => {
    if (seconds <= 90) return words.format(seconds, "second");
    const exact = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    return `${words.format(Math.ceil(seconds / 60), "minute")} (${exact})`;
  };

  // A page that reloads waits longer each time, and not as long as the pages of other people.
  const pause = () => {
    try {
      const { page, tries, at } = JSON.parse(sessionStorage.getItem("portcullis-reload") ?? "{}");
      const again = page === location.href && Date.now() - at < 5 * 60_000 ? tries + 1 : 0;
      const entry = { page: location.href, tries: again, at: Date.now() };
      sessionStorage.setItem("portcullis-reload", JSON.stringify(entry));
      return Math.ceil(Math.min(60, 5 * 2 ** again) * (0.8 + 0.4 * Math.random()));
    } catch {
      return Number(time.dataset.left);
    }
  };

  const load = () => {
    if (document.visibilityState === "visible") location.reload();
    else document.addEventListener("visibilitychange", load, { once: true });
  };

  const end = Date.now() + (reload ? pause() : Number(time.dataset.left)) * 1000;
  // Screen readers announce the text once, not each second.
  time.setAttribute("aria-live", "off");
  const count = () => {
    const left = Math.ceil((end - Date.now()) / 1000);
    if (left > 0) {
      time.textContent = inWords(left);
      return;
    }
    clearInterval(timer);
    if (reload) load();
    else if (over) over.textContent = over.dataset.over;
  };
  const timer = setInterval(count, 1000);
  count();
}
