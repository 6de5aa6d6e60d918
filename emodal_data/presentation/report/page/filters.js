// The filters and the order of the clips on the sheet.
emodal.filters = (() => {
  const { element, table, review, columns, ranges } = emodal;
  const { clips, about } = table;
  const [all, suspect, doubtful] = ["all", "suspect label", "most doubtful first"];
  const asTheyCome = "film and time";
  const { judged } = columns;

  const questions = {
    outcome: ["Outcome", (clip) => (clip.kept ? "kept" : "dropped")],
    label: ["Label", (clip) => clip.label ?? "unlabelled"],
    split: ["Split", (clip) => clip.split ?? "none"],
    film: ["Film", (clip) => clip.film],
    ...(clips.some((clip) => clip.speaker !== null) ? { speaker: ["Speaker", (clip) => clip.speaker ?? "none"] } : {}),
    ...(clips.some((clip) => clip.person !== null) ? { person: ["Person", (clip) => clip.person ?? "none"] } : {}),
    ...(clips.some((clip) => clip.annotators !== null) ? { annotator: ["Annotator", (clip) => clip.annotators?.split("\n") ?? "none"] } : {}),
    reason: ["Reason", (clip) => clip.reason ?? "none"],
    decision: ["Decision", (clip) => review.of(clip)?.decision ?? "none"],
    ...(judged ? { label_is: ["Networks", (clip) => (clip.doubt === null ? "none" : clip.isSuspect ? suspect : "not suspect")] } : {}),
  };
  const orders = {
    [asTheyCome]: [(clip) => clip.n, 1],
    ...(judged ? { [doubtful]: [(clip) => clip.doubt, -1] } : {}),
    "score of the face, lowest first": [(clip) => clip.face_score, 1],
    "sharpness, lowest first": [(clip) => clip.sharpness, 1],
    "most turned first": [(clip) => clip.yaw_deg === null ? null : Math.abs(clip.yaw_deg), -1],
    "smallest face first": [(clip) => clip.face_width_px, 1],
    "quietest first": [(clip) => clip.audio_rms, 1],
    ...Object.fromEntries(columns.all.map(({ key, value }) => [key, [value, 1]])),
  };
  // Words, and the numbers in them as numbers.
  const byWords = new Intl.Collator(undefined, { numeric: true }).compare;

  // A question may have several answers for a clip.
  function valuesOf(answer, clip) {
    return [answer(clip)].flat();
  }

  function isAnswer(given, value) {
    return Array.isArray(given) ? given.includes(value) : given === value;
  }

  function select(name, title, options) {
    const made = element("select", { name, onchange: apply }, ...options);
    return element("label", {}, title, made);
  }

  function options(name, answer) {
    const counts = new Map();
    for (const clip of clips) for (const value of valuesOf(answer, clip)) counts.set(value, (counts.get(value) ?? 0) + 1);
    if (name === "decision") for (const kind of ["none", "drop", "relabel"]) counts.set(kind, null);
    const values = [...counts.keys()].sort((a, b) => rank(a) - rank(b) || byWords(a, b));
    const made = values.map((value) => new Option(counts.get(value) ? `${value} (${counts.get(value)})` : value, value));
    return [new Option("all", all), ...made];
  }

  function rank(value) {
    const known = ["kept", "dropped", "train", "validation", "test", ...about.labels];
    return known.includes(value) ? known.indexOf(value) : value === "none" ? 99 : 50;
  }

  function apply() {
    const form = document.getElementById("filters");
    const asked = Object.entries(questions).map(([name, [, answer]]) => [answer, form.elements[name].value]);
    const wanted = asked.filter(([, value]) => value !== all);
    const text = form.elements.text.value.trim().toLowerCase();
    const left = clips.filter(
      (clip) =>
        wanted.every(([answer, value]) => isAnswer(answer(clip), value)) &&
        ranges.passes(clip) &&
        (text === "" || words(clip).includes(text)),
    );
    const order = form.elements.order.value;
    const isReversed = form.elements.reverse.checked;
    const [, direction] = orders[order];
    emodal.sheet.show(ordered(left, order, isReversed ? -direction : direction), { key: order, isDown: isReversed });
    emodal.figures.show(left);
    emodal.place.filtered(chosen(form));
  }

  // Clips without the value come last in both directions.
  function ordered(left, order, sign) {
    const [key] = orders[order];
    if (order === asTheyCome && sign > 0) return left;
    const keys = new Map(left.map((clip) => [clip, key(clip)]));
    const compare = (a, b) => (typeof a === "string" ? byWords(a, b) : a - b);
    const isMissing = (value) => value === null || value === "" || Number.isNaN(value);
    return left.sort((one, other) => {
      const [a, b] = [keys.get(one), keys.get(other)];
      const missing = isMissing(a) - isMissing(b);
      return missing || (isMissing(a) ? 0 : sign * compare(a, b)) || one.n - other.n;
    });
  }

  // Order by a column; in the other direction if it is ordered by it already.
  function orderBy(key) {
    const form = document.getElementById("filters");
    form.elements.reverse.checked = form.elements.order.value === key && !form.elements.reverse.checked;
    form.elements.order.value = key;
    apply();
    document.querySelector(`#sheet [data-column="${CSS.escape(key)}"]`)?.focus();
  }

  function words(clip) {
    const { film, speaker, annotators, votes, detail, review_note, clip_id } = clip;
    const more = about.carried.filter((one) => !one.is_number).map(({ column }) => clip[column]);
    return [film, speaker, annotators, votes, detail, review_note, clip_id, ...more].filter(Boolean).join("\n").toLowerCase();
  }

  // What is not as it was when the page was opened.
  function chosen(form) {
    const values = {};
    for (const name of Object.keys(questions)) if (form.elements[name].value !== all) values[name] = form.elements[name].value;
    if (form.elements.order.selectedIndex > 0) values.order = form.elements.order.value;
    if (form.elements.reverse.checked) values.reverse = "yes";
    if (form.elements.text.value) values.text = form.elements.text.value;
    if (emodal.sheet.isTable()) values.view = "table";
    if (emodal.rows.chosen() !== null) values.columns = emodal.rows.chosen().join();
    return { ...values, ...ranges.written() };
  }

  // Set the filters that an address names, as chosen() gives them; what no clip has is ignored.
  function restore(values) {
    const form = document.getElementById("filters");
    form.reset();
    for (const name of [...Object.keys(questions), "order"]) {
      const known = [...form.elements[name].options].some((option) => option.value === values.get(name));
      if (known) form.elements[name].value = values.get(name);
    }
    form.elements.reverse.checked = values.get("reverse") === "yes";
    form.elements.text.value = values.get("text") ?? "";
    emodal.sheet.look(values.get("view") === "table");
    emodal.rows.choose(values.get("columns")?.split(",") ?? null);
    ranges.restore(values);
    emodal.figures.redrawRanges();
    apply();
  }

  // Show only the clips with these values, such as {film: "heat.mkv"}; a value that no clip has is ignored.
  function only(answers) {
    const form = document.getElementById("filters");
    const known = ([name, value]) => [...form.elements[name].options].some((option) => option.value === value);
    if (!Object.entries(answers).every(known)) return;
    form.reset();
    for (const [name, value] of Object.entries(answers)) form.elements[name].value = value;
    if (answers.label_is === suspect) form.elements.order.value = doubtful;
    ranges.restore(new URLSearchParams());
    emodal.figures.redrawRanges();
    apply();
    document.getElementById("clips").scrollIntoView();
  }

  // What the networks say of the labels, and where their report is.
  function aboutTraining() {
    const { report, dataset_hash } = table.training;
    const found = clips.filter((clip) => clip.isSuspect).length;
    const parts = [];
    if (judged) {
      parts.push(`Networks that saw neither the clip nor its group confidently answer another class for ${found} labels. `);
      if (found) parts.push(element("button", { type: "button", className: "link", onclick: () => only({ label_is: suspect }) }, "Show them"), " ");
      if (dataset_hash !== about.dataset_hash) parts.push("They were trained on an earlier version of this dataset. ");
    }
    if (report) parts.push(element("a", { href: report }, "Training report"));
    return parts;
  }

  function start() {
    const form = document.getElementById("filters");
    for (const [name, [title, answer]] of Object.entries(questions)) form.append(select(name, title, options(name, answer)));
    const byColumn = element("optgroup", { label: "by a column" }, ...columns.all.map(({ key, title }) => new Option(title, key)));
    const named = Object.keys(orders).filter((name) => !columns.byKey.has(name)).map((name) => new Option(name));
    form.append(select("order", "Order", [...named, byColumn]));
    const reverse = element("input", { type: "checkbox", name: "reverse", onchange: apply });
    form.append(element("label", { className: "check" }, reverse, " Reverse order"));
    form.append(element("label", {}, "Text", element("input", { name: "text", type: "search", autocomplete: "off", oninput: apply })));
    form.append(...ranges.fields());
    form.append(element("button", { type: "button", onclick: () => only({}) }, "Show all"));
    ranges.start((column) => {
      emodal.figures.redrawRange(column);
      apply();
    });
    emodal.sheet.start(apply);
    form.onsubmit = () => false;
    document.getElementById("training").append(...aboutTraining());
    for (const button of document.querySelectorAll("[data-reason]")) {
      button.onclick = () => only({ reason: button.dataset.reason });
    }
    restore(emodal.place.read());
  }

  return { start, apply, only, orderBy, restore };
})();
