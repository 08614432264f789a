// The countdown, the marks on changed headers, and the polling. The pages work without it.
(() => {
  "use strict";

  // Storage may be switched off; then nothing is remembered.
  const recall = (store, key) => {
    try { return JSON.parse(window[store].getItem(key)); } catch { return null; }
  };
  const remember = (store, key, value) => {
    try { window[store].setItem(key, JSON.stringify(value)); } catch { /* nothing to do */ }
  };

  const markChanges = () => {
    const panel = document.getElementById("knows");
    if (!panel) return;
    const rows = [...panel.querySelectorAll(":scope > .headers > [data-header]")];
    const before = recall("sessionStorage", "demo-headers");
    const now = Object.fromEntries(rows.map((row) => [row.dataset.header, row.dataset.value]));
    remember("sessionStorage", "demo-headers", now);
    if (!before) return;
    let changed = 0;
    for (const row of rows) {
      const { header, value } = row.dataset;
      if (!(header in before) || before[header] === value) continue;
      changed += 1;
      row.classList.add("changed");
      const was = document.createElement("dd");
      was.className = "was";
      const old = before[header];
      was.textContent = old === "" ? "was not sent" : `was ${old.length > 40 ? `${old.slice(0, 40)}…` : old}`;
      row.append(was);
    }
    const says = panel.querySelector("[data-changes]");
    if (changed === 0) says.textContent = "Nothing changed since your last page.";
    else says.textContent = `${changed} ${changed === 1 ? "header" : "headers"} changed since your last page.`;
    const news = document.querySelector("[data-news]");
    if (changed === 0 || !news) return;
    news.firstChild.textContent = says.textContent;
    news.hidden = false;
  };

  const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;
  const whole = (ms) => (ms % 1000 ? seconds(ms) : `${ms / 1000} s`);
  const signed = (ms) => `${ms < 0 ? "−" : "+"}${seconds(Math.abs(ms))}`;
  const face = (ms) => {
    if (ms < 60000) return seconds(ms);
    const left = Math.ceil(ms / 1000);
    return `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
  };

  // When the answer to this page arrived: the nearest that a page knows to its request's time.
  const arrived = () => {
    const [load] = performance.getEntriesByType("navigation");
    return performance.timeOrigin + (load ? load.responseStart : 0);
  };

  // The age of the cookie when this page was asked for. The cookie is out of reach, so this
  // follows the rule from page to page: issued when the session first showed, and again
  // whenever a page came inside the refresh window.
  const cookieAge = (card, due) => {
    const { session } = card.dataset;
    const received = Number(card.dataset.received);
    const known = recall("localStorage", "demo-issued");
    let issued = known && known.session === session ? known.issued : received;
    const age = received - issued;
    if (age < 0 || age >= due) issued = received;
    if (age >= due) {
      const says = card.querySelector("[data-reckoning]");
      says.classList.add("renewed");
      says.textContent = `Your cookie was ${seconds(age)} old when you came here, so it was issued anew. The session is the same.`;
    }
    remember("localStorage", "demo-issued", { session, issued });
    return received - issued;
  };

  const countDown = (card, start) => {
    const L = Number(card.dataset.lifetime);
    const W = Number(card.dataset.window);
    const idle = Number(card.dataset.idle);
    let seen = start;
    let issued = start - cookieAge(card, L - W);
    const at = (name) => card.querySelector(name);
    const [left, click, formula] = ["[data-left]", "[data-click]", "[data-formula]"].map(at);
    const [bar, gone, late] = [".bar", ".bar-gone", ".bar-window"].map(at);
    bar.hidden = at(".legend").hidden = false;
    const lateFrom = () => {
      const early = L - W - (seen - issued);
      late.style.width = `${Math.max(0.5, 100 * Math.min(1, (idle - early) / idle))}%`;
    };
    lateFrom();
    let told = "";
    const tick = () => {
      const still = Math.max(0, Date.now() - seen);
      const age = Date.now() - issued;
      const timeout = L - W - age;
      const over = still > idle;
      const state = over ? "over" : timeout <= 0 ? "late" : "early";
      left.textContent = over ? "over" : face(idle - still);
      gone.style.width = `${Math.min(100, 100 * still / idle)}%`;
      formula.textContent = `= (${whole(L)} − ${whole(W)}) − ${seconds(age)} = ${signed(timeout)}`;
      if (state === told) return;
      told = state;
      card.classList.toggle("over", over);
      click.textContent = {
        early: "A click now keeps the session. The timeout is not used up, so the cookie stays as it is.",
        late: "A click now keeps the session, and the cookie is issued anew: the timeout is used up.",
        over: "Too late, unless you opened another page since: the idle limit comes before the formula. A click now starts a new session that nobody is logged in to; channel, place and campaigns come along.",
      }[state];
    };
    tick();
    setInterval(tick, 100);

    const says = at("[data-keepalive]");
    const say = (text) => {
      says.classList.add("renewed");
      says.textContent = text;
    };
    let heard = 0;
    addEventListener("vestibule:refreshed", ({ detail }) => {
      seen = Date.now() + detail.expiresInMs - idle;
      issued = Date.now() + detail.timeoutMs - (L - W);
      lateFrom();
      heard += 1;
      // The first one is what a page is told when it opens.
      if (heard > 1) say(`Kept alive by keepalive.js: you were here ${seconds(Math.max(0, Date.now() - seen))} ago, and Vestibule was told so. No page was loaded.`);
    });
    addEventListener("vestibule:expiring", () => say("Nobody seems to be here. Press a key or move the pointer, and the session goes on."));
    addEventListener("vestibule:expired", ({ detail }) => {
      seen = Math.min(seen, Date.now() - idle - 1);
      say(detail.reason === "expired"
        ? "Vestibule says that the session has ended: nobody was here for too long."
        : "Vestibule says that this page's session is over: it was ended, or replaced, elsewhere.");
    });
  };

  const polling = (card, start) => {
    const button = card.querySelector("[data-poll]");
    const says = card.querySelector("[data-poll-says]");
    card.querySelector(".poll").hidden = false;
    let timer = null;
    let polls = 0;
    const stop = () => {
      clearInterval(timer);
      timer = null;
      button.setAttribute("aria-pressed", "false");
      button.textContent = "Poll every 2 s";
    };
    const poll = async () => {
      const after = seconds(Date.now() - start);
      try {
        const answer = await fetch("/poll", { headers: { accept: "application/json" } });
        if (!answer.ok) throw new Error(`answer ${answer.status}`);
        const { sessionId, authenticated } = await answer.json();
        polls += 1;
        if (sessionId === card.dataset.session) {
          const who = authenticated ? "logged in" : "anonymous";
          says.textContent = `Poll ${polls}, ${after} after the page: the session is there, ${who}. Time runs on.`;
        } else {
          stop();
          says.textContent = `Poll ${polls}, ${after} after the page: this session is gone. Polling did not save it.`;
        }
      } catch (error) {
        stop();
        says.textContent = `Polling stopped: ${error.message}.`;
      }
    };
    button.addEventListener("click", () => {
      if (timer !== null) return stop();
      timer = setInterval(poll, 2000);
      button.setAttribute("aria-pressed", "true");
      button.textContent = "Stop polling";
      poll();
    });
  };

  markChanges();
  const card = document.querySelector("[data-session]");
  if (card) {
    const start = arrived();
    countDown(card, start);
    polling(card, start);
  }
})();
