// What is known of a clip, by title: the columns of the table, and what clips can be ordered by.
emodal.columns = (() => {
  const { table, review } = emodal;
  const { clips, about } = table;
  const judged = clips.some((clip) => clip.doubt !== null);

  const texts = [
    ["film", "Film"],
    ["label", "Label", (clip) => clip.label ?? "unlabelled"],
    ["votes", "Votes"],
    ["speaker", "Speaker"],
    ["annotators", "Annotators", (clip) => clip.annotators?.replaceAll("\n", ", ") ?? null],
    ["outcome", "Outcome", (clip) => (clip.kept ? "kept" : "dropped")],
    ["reason", "Reason"],
    ["split", "Split"],
    ["decision", "Decision", (clip) => emodal.sheet.said(review.of(clip))],
    ...(judged ? [["answer", "Networks", (clip) => clip.networks?.answer ?? null]] : []),
    ["on_screen", "Somebody on screen speaks"],
    ...about.carried.filter((one) => !one.is_number).map((one) => [one.column, one.title]),
    ["detail", "What to do"],
    ["clip_id", "Clip"],
  ];
  const numbers = [
    ["start_s", "Start, s"],
    ["seconds", "Length, s"],
    ["frame_s", "Frame, s"],
    ...(judged ? [["doubt", "Doubt"]] : []),
    ...about.carried.filter((one) => one.is_number).map((one) => [one.column, one.title]),
    ...about.measures.filter(({ column }) => column !== "seconds").map(({ column, title }) => [column, title]),
    ["measured", "Measured value of the reason"],
  ];
  const [opening, [film, ...rest]] = [numbers.slice(0, 2), texts];
  const all = [film, ...opening, ...rest.slice(0, -2), ...numbers.slice(2), ...rest.slice(-2)]
    .map(([key, title, value = (clip) => clip[key] ?? null]) => ({ key, title, value, isNumber: numbers.some(([name]) => name === key) }))
    .filter(({ key, value }) => key === "decision" || clips.some((clip) => value(clip) !== null));
  const byKey = new Map(all.map((column) => [column.key, column]));

  const usual = ["film", "start_s", "seconds", "label", "votes", "outcome", "reason", "split", "face_score", "sharpness", "yaw_deg", "decision"];
  const first = all.map(({ key }) => key).filter((key) => usual.includes(key));

  // The value as the table shows it; numbers with four digits.
  function text({ value, isNumber }, clip) {
    const one = value(clip);
    if (one === null) return "";
    return isNumber ? String(Number(one.toPrecision(Math.max(4, Math.floor(Math.log10(Math.abs(one) || 1)) + 3)))) : one;
  }

  return { all, byKey, first, judged, text };
})();
