// The decisions of the reviewer: stored in this browser, and downloaded as overrides.csv for the next build.
emodal.review = (() => {
  const { clips } = emodal.table;
  const place = `emodal review ${location.pathname}`;
  const columns = ["clip_id", "film", "start", "end", "decision", "label", "author", "note"];
  const listeners = [];

  // Decisions that this dataset was built with apply until they are undone here.
  const built = new Map();
  for (const clip of clips) {
    if (clip.review) built.set(clip.clip_id, decision(clip.review, clip.review_label ?? "", clip.review_author, clip.review_note));
  }
  const changed = new Map(Object.entries(stored()));

  function decision(kind, label, author, note) {
    return { decision: kind, label, author: author ?? "", note: note ?? "" };
  }

  function stored() {
    try {
      return JSON.parse(localStorage.getItem(place)) ?? {};
    } catch {
      return {};
    }
  }

  function of(clip) {
    const mine = changed.get(clip.clip_id);
    return mine === undefined ? (built.get(clip.clip_id) ?? null) : mine;
  }

  // mark: {decision, label, note}, or null for none.
  function decide(clip, mark) {
    if (mark === null && !built.has(clip.clip_id)) changed.delete(clip.clip_id);
    else changed.set(clip.clip_id, mark);
    keep();
    for (const listener of listeners) listener(clip);
  }

  function undoAll() {
    changed.clear();
    keep();
    for (const listener of listeners) listener(null);
  }

  function keep() {
    try {
      localStorage.setItem(place, JSON.stringify(Object.fromEntries(changed)));
    } catch {
      // Without storage, the decisions of this visit can still be downloaded.
    }
  }

  function decided() {
    return clips.filter((clip) => of(clip) !== null);
  }

  function csv() {
    const lines = decided().map((clip) => {
      const mark = of(clip);
      return [clip.clip_id, clip.film, clip.start_s, clip.end_s, mark.decision, mark.label, mark.author, mark.note];
    });
    return [columns, ...lines].map((cells) => cells.map(quoted).join(",") + "\n").join("");
  }

  function quoted(cell) {
    const written = String(cell ?? "");
    // A spreadsheet would take it for a formula; the next build takes the mark out again.
    const text = /^[=+\-@\t\r]/.test(written) && Number.isNaN(Number(written)) ? `'${written}` : written;
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  }

  function download() {
    const url = URL.createObjectURL(new Blob([csv()], { type: "text/csv" }));
    emodal.element("a", { href: url, download: "overrides.csv" }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
    document.getElementById("after-download").hidden = false;
  }

  function showBar() {
    const kinds = decided().map((clip) => of(clip).decision);
    const drops = kinds.filter((kind) => kind === "drop").length;
    document.getElementById("review").hidden = kinds.length === 0 && changed.size === 0;
    document.getElementById("decisions").textContent = `Decided: ${drops} to drop, ${kinds.length - drops} to relabel.`;
    document.getElementById("undo-all").disabled = changed.size === 0;
  }

  function start() {
    document.getElementById("download").onclick = download;
    document.getElementById("undo-all").onclick = undoAll;
    listeners.push(showBar);
    showBar();
  }

  return { of, decide, csv, start, onChange: (listener) => listeners.push(listener) };
})();
