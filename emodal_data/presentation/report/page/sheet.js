// One page of the clips that pass the filters: their faces, or a table.
emodal.sheet = (() => {
  const perPage = 60;
  const { element, table, review } = emodal;
  let shown = [];
  let page = 0;
  let order = {};

  // by: what orders the clips, {key, isDown}.
  function show(clips, by) {
    [shown, order] = [clips, by];
    turn(0);
  }

  function isTable() {
    return document.getElementById("as-table").checked;
  }

  // asTable: or as faces.
  function look(asTable) {
    document.getElementById(asTable ? "as-table" : "as-faces").checked = true;
  }

  function turn(to) {
    page = Math.max(0, Math.min(to, pages() - 1));
    const part = shown.slice(page * perPage, (page + 1) * perPage);
    const open = (n) => emodal.dialog.open(shown, page * perPage + n);
    const made = isTable() ? [emodal.rows.make(part, open, order)] : part.map((clip, n) => cell(clip, () => open(n)));
    const sheet = document.getElementById("sheet");
    sheet.className = isTable() ? "rows" : "faces";
    sheet.replaceChildren(...made);
    document.getElementById("chosen-columns").hidden = !isTable();
    const count = shown.length === 0 ? "No clip matches the filters." : `${shown.length} of ${table.clips.length} clips`;
    document.getElementById("count").textContent = count;
    document.getElementById("back").textContent = count;
    document.getElementById("pager").replaceChildren(...(pages() > 1 ? pager() : []));
  }

  function pages() {
    return Math.ceil(shown.length / perPage);
  }

  function pager() {
    const button = (text, label, to) =>
      element("button", { type: "button", ariaLabel: label, disabled: to < 0 || to >= pages(), onclick: () => turn(to) }, text);
    return [
      button("←", "Previous page", page - 1),
      element("span", {}, `page ${page + 1} of ${pages()}`),
      button("→", "Next page", page + 1),
    ];
  }

  function cell(clip, open) {
    const face = element("span", { className: "face" });
    table.showFace(face, clip);
    face.style.setProperty("--side", table.about.colours[clip.label ?? "unlabelled"]);
    const made = element(
      "button",
      { type: "button", className: `cell ${clip.kept ? "kept" : "dropped"}`, data: { clip: clip.clip_id } },
      face,
      element("span", {}, clip.label ?? "unlabelled"),
    );
    if (clip.isSuspect) made.append(element("span", { className: "why", title: "answer of the networks" }, `${clip.networks.answer}?`));
    if (!clip.kept) made.append(element("span", { className: "why", title: clip.reason }, clip.reason));
    made.title = table.title(clip);
    made.onclick = open;
    mark(made, clip);
    return made;
  }

  function mark(made, clip) {
    const decision = review.of(clip);
    made.dataset.decision = decision?.decision ?? "";
    const inTable = made.closest("tr")?.querySelector("[data-column=decision]");
    if (inTable) inTable.textContent = said(decision);
    if (made.closest("tr")) return;
    made.querySelector(".mark")?.remove();
    if (decision) made.append(element("span", { className: "mark" }, said(decision)));
    made.ariaLabel = [clip.label ?? "unlabelled", table.title(clip), clip.reason ?? "kept", decision && `decided: ${said(decision)}`]
      .filter(Boolean)
      .join(", ");
  }

  // decision: null for none.
  function said(decision) {
    if (decision === null) return "";
    return decision.decision === "drop" ? "drop" : `→ ${decision.label}`;
  }

  function remark(clip) {
    for (const made of document.querySelectorAll("#sheet .cell")) {
      if (clip === null || made.dataset.clip === clip.clip_id) {
        mark(made, clip ?? table.clips.find((other) => other.clip_id === made.dataset.clip));
      }
    }
  }

  // changed: called when the reader chooses another look, or other columns.
  function start(changed) {
    review.onChange(remark);
    document.getElementById("back").onclick = () => document.getElementById("clips").scrollIntoView();
    for (const id of ["as-faces", "as-table"]) document.getElementById(id).onchange = changed;
    document.getElementById("columns-of-table").append(...emodal.rows.choices(changed));
  }

  return { show, turn, start, said, isTable, look };
})();
