// The table of clips: from columns to an object for each clip, whose properties are read from the columns.
emodal.table = (() => {
  const about = emodal.get("table");

  // A function from the number of a clip to its value. Numbers are packed: there may be a hundred thousand clips.
  function reader(column) {
    if ("same" in column) return () => column.same;
    if (column.codes) {
      const codes = Int32Array.from(column.codes);
      return (n) => column.values[codes[n]] ?? null;
    }
    if (column.some((value) => typeof value === "string")) return (n) => column[n];
    const numbers = Float64Array.from(column, (value) => value ?? NaN);
    return (n) => (Number.isNaN(numbers[n]) ? null : numbers[n]);
  }

  // Sheets are in the order of the clips: the sheet of each clip, and its place on it.
  const places = about.sheets.flatMap(([sheet, count]) =>
    Array.from({ length: count }, (_, place) => ({ sheet, place })));

  // What a training wrote after the dataset was published; networks: the answer to each clip, by clip_id.
  const training = emodal.get("training") ?? { answers: {}, report: null, dataset_hash: null };

  const properties = {};
  for (const [name, column] of Object.entries(about.columns)) {
    const read = reader(column);
    properties[name] = { get() { return read(this.n); } };
    delete column.codes;
  }
  const kept = properties.kept.get;
  properties.kept = { get() { return kept.call(this) === 1; } };
  properties.person = properties.carried_person ?? { value: null };
  const base = Object.create(null, properties);

  const clips = places.map(({ sheet, place }, n) => {
    const clip = Object.assign(Object.create(base), { n, sheet, place });
    const networks = training.answers[clip.clip_id] ?? null;
    // A label that was decided since then, or whose clip was dropped, is not in doubt any more.
    const doubt = clip.kept && networks?.label === clip.label ? networks.doubt : null;
    return Object.assign(clip, { networks, doubt, isSuspect: doubt !== null && networks.is_suspect });
  });
  delete about.columns;

  // The position of the face on its sheet of 8 columns.
  function showFace(target, clip) {
    const { sheet, place } = clip;
    const rows = about.clips_per_sheet / 8;
    target.style.backgroundImage = `url("data/faces-${sheet}.jpg")`;
    target.style.backgroundPosition = `${((place % 8) / 7) * 100}% ${(Math.floor(place / 8) / (rows - 1)) * 100}%`;
  }

  async function pictures(clip) {
    const sheet = await emodal.pictures(clip.sheet);
    return sheet?.[clip.place] ?? {};
  }

  function title(clip) {
    return `${clip.film}, ${clock(clip.start_s)}–${clock(clip.end_s)}`;
  }

  function clock(seconds) {
    const minutes = Math.floor(seconds / 60);
    const rest = (seconds - 60 * minutes).toFixed(2).padStart(5, "0");
    return minutes < 60 ? `${minutes}:${rest}` : `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${rest}`;
  }

  return { clips, showFace, pictures, title, about, training };
})();
