// The charts, drawn by Vega-Lite in the colours of the page, and redrawn when the colour scheme changes.
emodal.figures = (() => {
  const { specs, features } = emodal.get("figures");
  const { counts, ranges, table } = emodal;
  const views = new Map();
  let left = table.clips; // those that pass the filters
  let waiting = null;
  const counted = new Map(); // the clips that each chart counts
  const inSight = new Set();
  const watch = new IntersectionObserver((changes) => {
    for (const { target, isIntersecting } of changes) {
      if (isIntersecting) inSight.add(target.dataset.figure);
      else inSight.delete(target.dataset.figure);
      if (isIntersecting) update(target.dataset.figure);
    }
  });
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
    const spec = prepared(name);
    const options = { actions: false, renderer: "svg", logLevel: errors, config: theme(target.clientWidth), tooltip: { theme: dark ? "dark" : "light" } };
    const { view } = await vegaEmbed(target, spec, options);
    for (const brush of target.querySelectorAll("[class*=brush_brush]")) {
      brush.removeAttribute("role"); // a symbol without words: the range is in words above the clips
      brush.ariaHidden = "true";
    }
    views.get(name)?.finalize();
    views.set(name, view);
    if (isHistogram(name)) view.addSignalListener("brush", (_, { low }) => brushed(name, low));
    if (name === "films" || name === "film-classes") {
      view.addEventListener("click", (event, item) => item?.datum?.film && emodal.filters.only({ film: item.datum.film }));
    }
  }

  function isHistogram(name) {
    return (specs[name].usermeta?.edges ?? []).length > 0;
  }

  // A copy of the specification that shows the clips that are left, and the range that is set.
  function prepared(name) {
    const spec = structuredClone(specs[name]);
    const front = frontOf(spec);
    counted.set(name, left);
    if (front && left !== table.clips) front.data.values = counts.of(name, spec, left);
    const { column, edges } = spec.usermeta ?? {};
    const range = ranges.of(column);
    if (range && edges.length) {
      front.params[0].value = { x: [Math.max(range[0], edges[0]), Math.min(range[1], edges.at(-1))] };
    }
    return spec;
  }

  // low: the ends of what was drawn over a histogram; none if the range was taken away.
  function brushed(name, low) {
    const { column, edges } = specs[name].usermeta;
    const step = (edges.at(-1) - edges[0]) / 1000;
    const ends = low && [low[0] - step <= edges[0] ? -Infinity : low[0], low[1] + step >= edges.at(-1) ? Infinity : low[1]];
    ranges.put(column, ends ?? null);
    clearTimeout(waiting);
    waiting = setTimeout(emodal.filters.apply, 60);
  }

  // Count only these clips in the charts of clips: now in those that are in sight, in the others when they come into it.
  function show(clips) {
    left = clips.length === table.clips.length ? table.clips : clips;
    for (const name of inSight) setTimeout(update, 0, name);
  }

  function update(name) {
    const [view, front] = [views.get(name), frontOf(specs[name])];
    if (!view || !front || counted.get(name) === left) return;
    counted.set(name, left);
    view.data("left", left === table.clips ? structuredClone(front.data.values) : counts.of(name, specs[name], left));
    return view.runAsync();
  }

  function frontOf(spec) {
    return spec.layer?.find((layer) => layer.data?.name === "left");
  }

  function redrawRange(column) {
    const name = [...views.keys()].find((one) => isHistogram(one) && specs[one].usermeta.column === column);
    return name ? draw(document.querySelector(`[data-figure="${CSS.escape(name)}"]`)) : null;
  }

  // Draw the histograms anew that have a range now or had one.
  function redrawRanges() {
    for (const [name, view] of views) {
      const { column } = specs[name].usermeta ?? {};
      if (isHistogram(name) && (ranges.of(column) !== null || view.signal("brush").low)) redrawRange(column);
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
    addEventListener("beforeprint", () => Object.keys(specs).forEach(update));
    for (const target of document.querySelectorAll("[data-figure]")) watch.observe(target);
    return drawAll();
  }

  return { start, show, redrawRange, redrawRanges, view: (name) => views.get(name) };
})();
