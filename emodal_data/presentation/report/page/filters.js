// The filters and the order of the clips on the sheet.
emodal.filters = (() => {
  const { element, table, review } = emodal;
  const { clips, about } = table;
  const [all, suspect, doubtful] = ["all", "suspect label", "most doubtful first"];
  const judged = clips.some((clip) => clip.doubt !== null);

  const questions = {
    outcome: ["Outcome", (clip) => (clip.kept ? "kept" : "dropped")],
    label: ["Label", (clip) => clip.label ?? "unlabelled"],
    split: ["Split", (clip) => clip.split ?? "none"],
    film: ["Film", (clip) => clip.film],
    ...(clips.some((clip) => clip.speaker !== null) ? { speaker: ["Speaker", (clip) => clip.speaker ?? "none"] } : {}),
    ...(clips.some((clip) => clip.annotators !== null) ? { annotator: ["Annotator", (clip) => clip.annotators?.split("\n") ?? "none"] } : {}),
    reason: ["Reason", (clip) => clip.reason ?? "none"],
    decision: ["Decision", (clip) => review.of(clip)?.decision ?? "none"],
    ...(judged ? { label_is: ["Networks", (clip) => (clip.doubt === null ? "none" : clip.isSuspect ? suspect : "not suspect")] } : {}),
  };
  const orders = {
    "film and time": [(clip) => clip.n, 1],
    ...(judged ? { [doubtful]: [(clip) => clip.doubt, -1] } : {}),
    "score of the face, lowest first": [(clip) => clip.face_score, 1],
    "sharpness, lowest first": [(clip) => clip.sharpness, 1],
    "most turned first": [(clip) => clip.yaw_deg === null ? null : Math.abs(clip.yaw_deg), -1],
    "smallest face first": [(clip) => clip.face_width_px, 1],
    "quietest first": [(clip) => clip.audio_rms, 1],
  };

  // A question may have several answers for a clip.
  function valuesOf(answer, clip) {
    return [answer(clip)].flat();
  }

  function select(name, title, options) {
    const made = element("select", { name, onchange: apply }, ...options);
    return element("label", {}, title, made);
  }

  function options(name, answer) {
    const counts = new Map();
    for (const clip of clips) for (const value of valuesOf(answer, clip)) counts.set(value, (counts.get(value) ?? 0) + 1);
    if (name === "decision") for (const kind of ["none", "drop", "relabel"]) counts.set(kind, null);
    const values = [...counts.keys()].sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
    const made = values.map((value) => new Option(counts.get(value) ? `${value} (${counts.get(value)})` : value, value));
    return [new Option("all", all), ...made];
  }

  function rank(value) {
    const known = ["kept", "dropped", "train", "validation", "test", ...about.labels];
    return known.includes(value) ? known.indexOf(value) : value === "none" ? 99 : 50;
  }

  function apply() {
    const form = document.getElementById("filters");
    const wanted = Object.entries(questions).filter(([name]) => form.elements[name].value !== all);
    const text = form.elements.text.value.trim().toLowerCase();
    const left = clips.filter(
      (clip) =>
        wanted.every(([name, [, answer]]) => valuesOf(answer, clip).includes(form.elements[name].value)) &&
        (text === "" || words(clip).includes(text)),
    );
    const [key, direction] = orders[form.elements.order.value];
    const sign = form.elements.reverse.checked ? -direction : direction;
    // Clips without the measure come last in both directions.
    const place = (clip) => (Number.isFinite(key(clip)) && key(clip) !== null ? sign * key(clip) : Infinity);
    emodal.sheet.show(left.sort((a, b) => place(a) - place(b) || a.n - b.n));
    emodal.place.filtered(chosen(form));
  }

  function words(clip) {
    const { film, speaker, annotators, votes, detail, review_note, clip_id } = clip;
    return [film, speaker, annotators, votes, detail, review_note, clip_id].filter(Boolean).join("\n").toLowerCase();
  }

  // What is not as it was when the page was opened.
  function chosen(form) {
    const values = {};
    for (const name of Object.keys(questions)) if (form.elements[name].value !== all) values[name] = form.elements[name].value;
    if (form.elements.order.selectedIndex > 0) values.order = form.elements.order.value;
    if (form.elements.reverse.checked) values.reverse = "yes";
    if (form.elements.text.value) values.text = form.elements.text.value;
    return values;
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
    form.append(select("order", "Order", Object.keys(orders).map((name) => new Option(name))));
    const reverse = element("input", { type: "checkbox", name: "reverse", onchange: apply });
    form.append(element("label", { className: "check" }, reverse, " Reverse order"));
    form.append(element("label", {}, "Text", element("input", { name: "text", type: "search", autocomplete: "off", oninput: apply })));
    form.append(element("button", { type: "button", onclick: () => only({}) }, "Show all"));
    form.onsubmit = () => false;
    document.getElementById("training").append(...aboutTraining());
    for (const button of document.querySelectorAll("[data-reason]")) {
      button.onclick = () => only({ reason: button.dataset.reason });
    }
    restore(emodal.place.read());
  }

  return { start, only, restore };
})();
