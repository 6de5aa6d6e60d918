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
    reason: ["Reason", (clip) => clip.reason ?? "none"],
    decision: ["Decision", (clip) => review.of(clip)?.decision ?? "none"],
    ...(judged ? { label_is: ["Networks", (clip) => (clip.doubt === null ? "none" : clip.isSuspect ? suspect : "not suspect")] } : {}),
  };
  const orders = {
    "film and time": [(clip) => clip.n, 1],
    ...(judged ? { [doubtful]: [(clip) => clip.doubt, -1] } : {}),
    "score of the face, lowest first": [(clip) => clip.face_score, 1],
    "sharpness, lowest first": [(clip) => clip.sharpness, 1],
    "most turned first": [(clip) => Math.abs(clip.yaw_deg), -1],
    "smallest face first": [(clip) => clip.face_width_px, 1],
    "quietest first": [(clip) => clip.audio_rms, 1],
  };

  function select(name, title, options) {
    const made = element("select", { name, onchange: apply }, ...options);
    return element("label", {}, title, made);
  }

  function options(name, answer) {
    const counts = new Map();
    for (const clip of clips) counts.set(answer(clip), (counts.get(answer(clip)) ?? 0) + 1);
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
    const left = clips.filter((clip) => wanted.every(([name, [, answer]]) => answer(clip) === form.elements[name].value));
    const [key, direction] = orders[form.elements.order.value];
    // Clips without the measure come last in both directions.
    const place = (clip) => (Number.isFinite(key(clip)) && key(clip) !== null ? direction * key(clip) : Infinity);
    emodal.sheet.show(left.sort((a, b) => place(a) - place(b) || a.n - b.n));
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
    form.append(element("button", { type: "button", onclick: () => only({}) }, "Show all"));
    form.onsubmit = () => false;
    document.getElementById("training").append(...aboutTraining());
    for (const button of document.querySelectorAll("[data-reason]")) {
      button.onclick = () => only({ reason: button.dataset.reason });
    }
    apply();
  }

  return { start, only };
})();
