// Keeps the session of a shopper who is at the page alive, and tells the page when it ends.
// How pages use it: docs/browser.md. Comments and indentation are not sent.
//
// Moments are by the wall clock, which all tabs share. The age of activity is the greater one of
// two clocks: neither sleep nor a clock that is set makes it look younger than it is.
(() => {
  "use strict";
  const tag = document.currentScript;
  const url = new URL("keepalive", tag ? tag.src : location.origin + "/_session/");
  const key = "vestibule" + url.pathname.replace(/\W/g, "_");
  const now = () => Date.now();
  const since = () => performance.now();

  // Where tabs share what the server said: storage, or a cookie where it is refused.
  let store;
  try {
    store = localStorage;
    store.setItem(key + "?", 1);
    store.removeItem(key + "?");
  } catch {
    store = {
      getItem: () => decodeURIComponent((document.cookie.match(key + "=([^;]*)") || [])[1] || ""),
      setItem: (name, text) => {
        document.cookie = `${name}=${encodeURIComponent(text)};path=/;SameSite=Lax`;
      },
    };
  }

  // l: lifetime, w: window before its end, s: issue of the cookie, e: end of the session, b: its
  // beginning, a: whether somebody is logged in, r: activity reported, t: when all this was said;
  // x: what is said of a session that is over.
  let said = {};
  const read = () => {
    try {
      const found = JSON.parse(store.getItem(key));
      if (found && found.t) said = found;
    } catch { /* this tab's own will do */ }
  };

  let wall, mono, drift, timer, told, fails = 0, busy = 0, known, over, warned;
  const begun = since();
  const act = () => {
    wall = now();
    mono = since();
  };
  const age = () => Math.round(Math.max(now() - wall, since() - mono, 0));
  const lead = () => Math.max(Math.min(said.w, 6e4) / 2, 1e3);
  const tell = (what, detail) =>
    dispatchEvent(new CustomEvent("vestibule:" + what, { detail }));

  const end = (reason) => {
    over = true;
    clearTimeout(timer);
    if (known) tell("expired", { reason });
  };

  // Takes up what was said to this tab or to another one.
  const hear = () => {
    read();
    if (over || !said.t || said.t === told) return plan();
    told = said.t;
    warned = false;
    if (said.x) return end(said.x);
    // Another session, which began after this page, and nobody is logged in in it.
    if (known && !said.a && now() - said.b < since() - begun) return end("replaced");
    known = true;
    tell("refreshed", {
      timeoutMs: said.l - said.w - (now() - said.s),
      lifetimeMs: said.l,
      refreshBeforeEndMs: said.w,
      expiresInMs: said.e - now(),
    });
    plan();
  };

  const plan = (wait) => {
    if (over) return;
    clearTimeout(timer);
    const left = said.e - now();
    const next = [left - lead(), left - lead() / 2, left + 1001].find((due) => due > 0);
    // Not longer than a minute: a clock that was set is to be noticed.
    timer = setTimeout(tick, wait || Math.min(next || 0, 6e4));
  };

  const tick = () => {
    read();
    const left = said.e - now();
    const before = drift;
    drift = now() - since();
    // Hidden tabs are woken once a minute.
    const due = left <= lead() + (document.hidden ? 6e4 : 0);
    if (!known || !(left > -1e3) || Math.abs(drift - before) > 2e3) return ask();
    if (due && now() - age() > said.r + 1e3) return ask();
    if (left <= lead() / 2 && !warned) {
      warned = true;
      tell("expiring", { expiresInMs: left });
    }
    hear();
  };

  // One tab asks at a time, and none what another was told just now. Whoever finds another one asking
  // looks again in a second, and does not wait for its turn: what is in the storage may reach this tab
  // later than the turn. A tab that is frozen while it asks holds nobody up for long.
  const ask = () => {
    const turn = navigator.locks;
    if (!turn) return setTimeout(call, Math.random() * 250);
    turn.request(key, { ifAvailable: true }, (mine) => {
      if (!mine && busy++ < 5) return plan(1e3);
      busy = 0;
      return call();
    }).catch(call);
  };

  const call = async () => {
    read();
    if (said.t !== told && Math.abs(now() - said.t) < 2e3) return hear();
    const sent = now();
    const activeMsAgo = Math.min(age(), said.l || Infinity);
    let pause = 0;
    try {
      const answer = await fetch(url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ activeMsAgo }),
        signal: AbortSignal.timeout(1e4),
      });
      if (answer.ok) {
        const { state, timeoutMs, lifetimeMs: l, refreshBeforeEndMs: w, expiresInMs } = await answer.json();
        if (!(expiresInMs >= 0)) throw state;
        const head = (name) => answer.headers.get("x-session-" + name);
        fails = 0;
        said = {
          l, w, s: sent + timeoutMs - l + w, e: sent + expiresInMs, b: sent - head("age-ms"),
          a: head("authenticated") === "true", r: sent - activeMsAgo, t: now(),
        };
        if (state !== "live") said.x = state;
        try { store.setItem(key, JSON.stringify(said)); } catch { /* full */ }
        return hear();
      }
      // What is asked wrongly is not asked again.
      if (answer.status < 429 && answer.status !== 409) return end("refused");
      pause = answer.headers.get("retry-after") * 1e3;
    } catch { /* no network, no answer in time, or one that is not ours */ }
    plan(Math.max(pause, Math.min(1e3 * 2 ** fails++, 6e4)) * (1 + Math.random() / 4));
  };

  // Back from another tab, from sleep, from the page before, or from nowhere.
  const wake = () => {
    if (document.hidden || (over && known)) return;
    over = false;
    if (Math.abs(now() - said.t) < lead()) tick();
    else ask();
  };

  const begin = () => {
    act();
    read();
    told = said.t;
    known = !said.x && said.e > now();
    drift = now() - since();
    for (const kind of ["pointerdown", "pointermove", "keydown", "wheel", "touchstart", "scroll"]) {
      addEventListener(kind, (event) => {
        if (!event.isTrusted || since() - mono < 1e3) return;
        act();
        if (warned) tick();
      }, { passive: true });
    }
    addEventListener("storage", (event) => event.key === key && hear());
    addEventListener("online", () => { fails = 0; wake(); });
    addEventListener("pageshow", (event) => event.persisted && wake());
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) act();
      wake();
    });
    plan();
  };
  if (document.prerendering) document.addEventListener("prerenderingchange", begin, { once: true });
  else begin();
})();
