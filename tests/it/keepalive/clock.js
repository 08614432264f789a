// Time in a page, in the hands of a test: it stands still until the test lets it pass.
(() => {
  let wall = START, mono = 0, last = 0;
  const timers = new Map();
  Date.now = () => wall;
  performance.now = () => mono;
  window.setTimeout = (run, after = 0) => {
    timers.set(++last, { at: mono + Math.max(after, 0), run });
    return last;
  };
  window.clearTimeout = (timer) => timers.delete(timer);
  const due = (until) => [...timers].filter(([, one]) => one.at <= until).sort((a, b) => a[1].at - b[1].at)[0];
  window.time = {
    // Both clocks go on, and timers ring when they are due.
    pass(ms) {
      const until = mono + ms;
      for (let one = due(until); one; one = due(until)) {
        timers.delete(one[0]);
        const step = Math.max(one[1].at - mono, 0);
        mono += step;
        wall += step;
        one[1].run();
      }
      wall += until - mono;
      mono = until;
    },
    // Milliseconds to the next timer.
    next: () => timers.size ? Math.ceil(Math.min(...[...timers.values()].map((one) => one.at)) - mono) : null,
    // The machine sleeps: the wall clock alone goes on. And somebody sets that clock.
    sleep(ms) { wall += ms; },
    set(ms) { wall += ms; },
  };
  window.told = [];
  for (const what of ["refreshed", "expiring", "expired"]) {
    addEventListener("vestibule:" + what, (event) => told.push([what, event.detail]));
  }
})();
