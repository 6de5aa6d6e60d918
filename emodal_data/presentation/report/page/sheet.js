// The contact sheet: one page of the clips that pass the filters.
emodal.sheet = (() => {
  const perPage = 60;
  const { element, table, review } = emodal;
  let shown = [];
  let page = 0;

  function show(clips) {
    shown = clips;
    turn(0);
  }

  function turn(to) {
    page = Math.max(0, Math.min(to, pages() - 1));
    const part = shown.slice(page * perPage, (page + 1) * perPage);
    document.getElementById("sheet").replaceChildren(...part.map(cell));
    document.getElementById("count").textContent =
      shown.length === 0 ? "No clip matches the filters." : `${shown.length} of ${table.clips.length} clips`;
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

  function cell(clip) {
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
    made.onclick = () => emodal.dialog.open(shown, shown.indexOf(clip));
    mark(made, clip);
    return made;
  }

  function mark(made, clip) {
    const decision = review.of(clip);
    made.querySelector(".mark")?.remove();
    made.dataset.decision = decision?.decision ?? "";
    if (decision) made.append(element("span", { className: "mark" }, said(decision)));
    made.ariaLabel = [clip.label ?? "unlabelled", table.title(clip), clip.reason ?? "kept", decision && `decided: ${said(decision)}`]
      .filter(Boolean)
      .join(", ");
  }

  function said(decision) {
    return decision.decision === "drop" ? "drop" : `→ ${decision.label}`;
  }

  function remark(clip) {
    for (const made of document.querySelectorAll("#sheet .cell")) {
      if (clip === null || made.dataset.clip === clip.clip_id) {
        mark(made, clip ?? table.clips.find((other) => other.clip_id === made.dataset.clip));
      }
    }
  }

  function start() {
    review.onChange(remark);
  }

  return { show, turn, start };
})();
