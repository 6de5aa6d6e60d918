// The table of clips: from columns to one object for each clip.
emodal.table = (() => {
  const about = emodal.get("table");
  const columns = Object.entries(about.columns);

  function value(column, n) {
    return column.codes ? (column.values[column.codes[n]] ?? null) : column[n];
  }

  // Sheets are in the order of the clips: the sheet of each clip, and its place on it.
  const places = about.sheets.flatMap(([sheet, count]) =>
    Array.from({ length: count }, (_, place) => ({ sheet, place })));

  // What a training wrote after the dataset was published; networks: the answer to each clip, by clip_id.
  const training = emodal.get("training") ?? { answers: {}, report: null, dataset_hash: null };

  const clips = about.columns.clip_id.map((_, n) => {
    const clip = Object.fromEntries(columns.map(([name, column]) => [name, value(column, n)]));
    const networks = training.answers[clip.clip_id] ?? null;
    // A label that was decided since then, or whose clip was dropped, is not in doubt any more.
    const doubt = clip.kept && networks?.label === clip.label ? networks.doubt : null;
    const isSuspect = doubt !== null && networks.is_suspect;
    return { ...clip, ...places[n], n, kept: Boolean(clip.kept), seconds: clip.end_s - clip.start_s, networks, doubt, isSuspect };
  });

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
