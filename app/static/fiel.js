"use strict";
/* Draws the charts of a page in the colours and the language of its reader, and says aloud what htmx has changed.
   The chart libraries are loaded only where there is a chart; everything comes from this server. */
(() => {
  const page = document.documentElement;
  const body = document.body;
  const device = window.matchMedia("(prefers-color-scheme: dark)");
  const views = new Map();
  const specs = new Map();

  const NUMBERS = {
    en: { decimal: ".", thousands: ",", grouping: [3], currency: ["", ""], minus: "\u2212" },
    pt: { decimal: ",", thousands: ".", grouping: [3], currency: ["", ""], minus: "\u2212" },
  };
  const DATES = {
    pt: {
      dateTime: "%A, %e de %B de %Y. %X", date: "%d/%m/%Y", time: "%H:%M:%S", periods: ["AM", "PM"],
      days: ["domingo", "segunda-feira", "terça-feira", "quarta-feira", "quinta-feira", "sexta-feira", "sábado"],
      shortDays: ["dom", "seg", "ter", "qua", "qui", "sex", "sáb"],
      months: ["janeiro", "fevereiro", "março", "abril", "maio", "junho", "julho", "agosto", "setembro", "outubro",
        "novembro", "dezembro"],
      shortMonths: ["jan", "fev", "mar", "abr", "mai", "jun", "jul", "ago", "set", "out", "nov", "dez"],
    },
  };

  const isDark = () => page.dataset.theme ? page.dataset.theme === "dark" : device.matches;
  const say = (text) => {
    const live = document.getElementById("live");
    if (live) { live.textContent = ""; window.setTimeout(() => { live.textContent = text; }, 50); }
  };

  // ---- charts -------------------------------------------------------------------------------------------------
  const load = (address) => new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = address;
    script.addEventListener("load", resolve);
    script.addEventListener("error", () => reject(new Error(`${address} did not load`)));
    document.head.append(script);
  });
  const fetched = async (address) => {
    const answer = await fetch(address, { headers: { Accept: "application/json" }, credentials: "same-origin" });
    if (!answer.ok) { throw new Error(`${address}: ${answer.status}`); }
    return answer.json();
  };

  let ready = null;
  const libraries = () => {
    ready = ready || (async () => {
      const look = fetched(body.dataset.look);
      for (const address of body.dataset.charts.split(" ")) { await load(address); }
      return look;
    })();
    return ready;
  };

  // Charts are drawn with the light tokens; dark mode swaps each for its twin. Data stay as they are.
  const coloured = (drawn, look) => isDark()
    ? JSON.parse(JSON.stringify(drawn).replace(/#[0-9A-F]{6}/g, (colour) => look.twins[colour] || colour))
    : drawn;

  const specOf = async (frame) => {
    if (!specs.has(frame)) {
      specs.set(frame, frame.dataset.src
        ? await fetched(frame.dataset.src)
        : JSON.parse(document.getElementById(frame.dataset.spec).textContent));
    }
    return specs.get(frame);
  };

  const draw = async (frame) => {
    try {
      const [look, whole] = await Promise.all([libraries(), specOf(frame)]);
      const { datasets, ...drawn } = whole;
      if (views.has(frame)) { views.get(frame).finalize(); }
      const language = body.dataset.language;
      const result = await window.vegaEmbed(frame, { ...coloured(drawn, look), datasets }, {
        actions: false,
        ast: true,
        config: coloured(look.config, look),
        defaultStyle: false,
        formatLocale: NUMBERS[language] || NUMBERS.en,
        timeFormatLocale: DATES[language],
        logLevel: window.vega.Error,  // warnings are for who makes charts, not for who reads them
        mode: "vega-lite",
        renderer: "svg",
        tooltip: { disableDefaultStyle: true, id: "chart-tip" },
      });
      views.set(frame, result.view);
      // Vega names its frame "Vega visualization"; a screen reader hears what the page said of the chart.
      frame.setAttribute("role", "img");
      frame.setAttribute("aria-label", frame.dataset.label);
      frame.dataset.drawn = "yes";
    } catch (error) {
      frame.textContent = body.dataset.chartFailed;
      frame.dataset.drawn = "failed";
      console.error(`chart ${frame.dataset.src || frame.dataset.spec}: ${error}`);
    }
  };

  // One drawing after the other: a page of twenty charts stays usable while they appear.
  let turn = Promise.resolve();
  const queue = (frame) => {
    page.dataset.charts = "drawing";
    const mine = turn = turn.then(() => frame.isConnected ? draw(frame) : undefined).then(() => {
      if (turn === mine) { page.dataset.charts = document.querySelector("[data-drawn=failed]") ? "failed" : "drawn"; }
    });
    return mine;
  };

  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (entry.isIntersecting) { seen.unobserve(entry.target); queue(entry.target); }
    }
  }, { rootMargin: "600px 0px" });

  const find = (part) => {
    for (const [frame, view] of views) {
      if (!frame.isConnected) { view.finalize(); views.delete(frame); specs.delete(frame); }
    }
    for (const frame of part.querySelectorAll(".chart:not([data-found])")) {
      frame.dataset.found = "yes";
      frame.dataset.label = frame.getAttribute("aria-label") || "";
      seen.observe(frame);
    }
    if (!document.querySelector(".chart")) { page.dataset.charts = "none"; }
  };

  const again = () => { for (const frame of views.keys()) { queue(frame); } };
  device.addEventListener("change", () => { if (!page.dataset.theme) { again(); } });

  // Paper shows every chart, also those that were never in view. `fiel.drawAll` resolves when all are drawn.
  const drawAll = () => {
    for (const frame of document.querySelectorAll(".chart:not([data-drawn])")) { seen.unobserve(frame); queue(frame); }
    return turn;
  };
  window.addEventListener("beforeprint", drawAll);
  window.fiel = { drawAll, say };

  // ---- menus: Escape and a click elsewhere close them -------------------------------------------------------------
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") { return; }
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });
  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(event.target)) { menu.open = false; }
    }
  });

  // ---- htmx: the token of forms, what changed, what failed --------------------------------------------------------
  document.addEventListener("htmx:configRequest", (event) => {
    if (body.dataset.csrf) { event.detail.headers["X-CSRF-Token"] = body.dataset.csrf; }
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    const part = event.detail.elt || event.target;
    find(document);
    const words = part.dataset && part.dataset.live
      ? part.dataset.live
      : part.querySelector && part.querySelector("[data-live]") && part.querySelector("[data-live]").dataset.live;
    if (words) { say(words); }
  });
  for (const name of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
    document.addEventListener(name, (event) => {
      let detail = "";
      try { detail = JSON.parse(event.detail.xhr.responseText).detail || ""; } catch { /* not a problem document */ }
      const text = detail || body.dataset.requestFailed;
      let place = document.getElementById("problem");
      if (!place) {
        place = document.createElement("p");
        place.id = "problem";
        place.className = "bad";
        place.setAttribute("role", "alert");
        document.getElementById("content").prepend(place);
      }
      place.textContent = text;
    });
  }
  document.addEventListener("htmx:beforeRequest", () => {
    const place = document.getElementById("problem");
    if (place) { place.remove(); }
  });

  find(document);
})();
