// The charts, drawn by Vega-Lite in the colours of the page, and redrawn when the colour scheme changes.
emodal.figures = (() => {
  const { specs, features } = emodal.get("figures");
  const errors = 1; // log level of Vega: its warnings are for the authors of charts
  const marks = ["p5", "p25", "p50", "p75", "p95"];

  function theme(width) {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const [ink, soft, line] = [colour("--ink"), colour("--soft"), colour("--line")];
    return {
      background: null,
      font: "system-ui, sans-serif",
      view: { stroke: null },
      axis: { labelColor: soft, titleColor: soft, gridColor: line, domainColor: line, tickColor: line, labelFontSize: 12, labelSeparation: 5, titleFontWeight: "normal" },
      axisY: { labelColor: ink, grid: false, ticks: false, domain: false, labelPadding: 6, labelLimit: Math.min(220, width / 3) },
      legend: { labelColor: ink, labelFontSize: 12, symbolType: "square", columns: Math.max(1, Math.floor((width - 170) / 130)) },
    };
  }

  async function draw(target) {
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    const name = target.dataset.figure;
    const options = { actions: false, renderer: "svg", logLevel: errors, config: theme(target.clientWidth), tooltip: { theme: dark ? "dark" : "light" } };
    const { view } = await vegaEmbed(target, structuredClone(specs[name]), options);
    if (name === "films" || name === "film-classes") {
      view.addEventListener("click", (event, item) => item?.datum?.film && emodal.filters.only({ film: item.datum.film }));
    }
  }

  async function drawAll() {
    for (const target of document.querySelectorAll("[data-figure]")) {
      // One at a time, so that the page stays responsive.
      await new Promise((resolve) => setTimeout(resolve));
      await draw(target);
    }
    document.body.dataset.drawn = "all";
  }

  function chooseFeature(name) {
    const { classes } = features.find(({ feature }) => feature === name);
    specs.feature.data.values = Object.entries(classes).map(([label, numbers]) => ({
      label,
      ...Object.fromEntries(marks.map((mark, n) => [mark, numbers[n]])),
    }));
    return draw(document.querySelector('[data-figure="feature"]'));
  }

  function start() {
    const select = document.getElementById("feature");
    for (const { feature, separation } of features) {
      select.append(new Option(`${feature} (${(100 * separation).toFixed(1)} %)`, feature));
    }
    select.onchange = () => chooseFeature(select.value);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
    return drawAll();
  }

  return { start };
})();
