// What the charts of clips count, of the clips that pass the filters.
emodal.counts = (() => {
  // The rows of a chart. name: of the chart; spec: its specification, whose first layer has the rows of all clips.
  function of(name, spec, clips) {
    const { values } = spec.layer[0].data;
    if (name === "classes") return groups(clips, (clip) => clip.label ?? "unlabelled", (clip) => clip.split, (label, split, n) => ({ label, split, clips: n }));
    if (name === "film-classes") return groups(clips, (clip) => clip.film, (clip) => clip.label ?? "unlabelled", (film, label, n) => ({ film, label, clips: n }));
    const { column, edges } = spec.usermeta;
    if (name.startsWith("measure-")) {
      const isLog = spec.layer[0].encoding.x.scale.type === "log";
      const [kept, dropped] = bins(clips, column, edges, isLog);
      return [...kept.map((row) => ({ ...row, outcome: "kept" })), ...dropped.map((row) => ({ ...row, outcome: "dropped" }))];
    }
    if (edges.length) return bins(clips, column, edges, false)[0];
    const counts = new Map(values.map(({ value }) => [value, 0]));
    for (const clip of clips) if (clip.kept && counts.has(clip[column])) counts.set(clip[column], counts.get(clip[column]) + 1);
    return [...counts].map(([value, n]) => ({ value, clips: n }));
  }

  function groups(clips, outer, inner, row) {
    const counts = new Map();
    for (const clip of clips) {
      if (!clip.kept) continue;
      const one = outer(clip);
      if (!counts.has(one)) counts.set(one, new Map());
      const within = counts.get(one);
      const other = inner(clip);
      within.set(other, (within.get(other) ?? 0) + 1);
    }
    return [...counts].flatMap(([one, within]) => [...within].map(([other, n]) => row(one, other, n)));
  }

  // Of kept and of dropped clips. What lies beyond the outermost edges is in the outermost bins.
  function bins(clips, column, edges, isLog) {
    const last = edges.length - 2;
    const [kept, dropped] = [new Uint32Array(last + 1), new Uint32Array(last + 1)];
    for (const clip of clips) {
      const value = clip[column];
      if (value !== null && (value > 0 || !isLog)) (clip.kept ? kept : dropped)[Math.max(0, Math.min(last, above(edges, value) - 1))] += 1;
    }
    const rows = (counts) => [...counts].flatMap((n, bin) => (n ? [{ low: edges[bin], high: edges[bin + 1], clips: n, floor: 0 }] : []));
    return [rows(kept), rows(dropped)];
  }

  // The number of edges at or below a value.
  function above(edges, value) {
    let [low, high] = [0, edges.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (edges[middle] <= value) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  return { of };
})();
