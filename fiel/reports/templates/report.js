"use strict";
(() => {
  const config = JSON.parse(document.getElementById("chart-config").textContent);
  const twins = JSON.parse(document.getElementById("chart-twins").textContent);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const views = new Map();

  // Charts are drawn with the light tokens; dark mode swaps each for its twin. Data stay as they are.
  const coloured = (drawn) => dark.matches
    ? JSON.parse(JSON.stringify(drawn).replace(/#[0-9A-F]{6}/g, (colour) => twins[colour] || colour))
    : drawn;

  const draw = async (frame) => {
    const { datasets, ...drawn } = JSON.parse(document.getElementById(frame.dataset.spec).textContent);
    const spec = { ...coloured(drawn), datasets };
    if (views.has(frame)) { views.get(frame).finalize(); }
    frame.dataset.label = frame.dataset.label || frame.getAttribute("aria-label");
    const result = await window.vegaEmbed(frame, spec, {
      actions: false,
      ast: true,
      config: coloured(config),
      defaultStyle: false,
      mode: "vega-lite",
      renderer: "svg",
      tooltip: { disableDefaultStyle: true, id: "chart-tip" },
    });
    views.set(frame, result.view);
    // Vega names its frame "Vega visualization"; a screen reader hears what the report said of the chart.
    frame.setAttribute("role", "img");
    frame.setAttribute("aria-label", frame.dataset.label);
  };

  const drawAll = async () => {
    document.documentElement.dataset.charts = "drawing";
    let failed = 0;
    for (const frame of document.querySelectorAll(".chart")) {
      try {
        await draw(frame);
      } catch (error) {
        failed += 1;
        frame.textContent = "This chart could not be drawn. The table below holds its figures.";
        console.error(`chart ${frame.dataset.spec}: ${error}`);
      }
    }
    document.documentElement.dataset.charts = failed ? "failed" : "drawn";
  };

  // One drawing after the other: a change of colours while drawing waits for its turn.
  let turn = drawAll();
  dark.addEventListener("change", () => { turn = turn.then(drawAll); });
})();
