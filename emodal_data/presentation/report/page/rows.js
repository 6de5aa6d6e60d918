// The table of clips: a row for each, with the columns that the reader chose; a click on a title orders by it.
emodal.rows = (() => {
  const { element, table, columns } = emodal;
  let shown = columns.first;

  // clips: of one page. open: called with the number of the row. order: {key, isDown} of the column that orders.
  function make(clips, open, order) {
    const heads = shown.map((key) => head(columns.byKey.get(key), order));
    const rows = clips.map((clip, n) => row(clip, () => open(n)));
    return element(
      "table",
      {},
      element("thead", {}, element("tr", {}, element("th", { scope: "col" }, element("span", { className: "unseen" }, "face")), ...heads)),
      element("tbody", {}, ...rows),
    );
  }

  function head({ key, title, isNumber }, order) {
    const isOrder = order.key === key;
    const made = element("th", { scope: "col", className: isNumber ? "n" : "" });
    if (isOrder) made.ariaSort = order.isDown ? "descending" : "ascending";
    const arrow = isOrder ? (order.isDown ? " ↓" : " ↑") : "";
    made.append(element("button", { type: "button", className: "link", data: { column: key }, onclick: () => emodal.filters.orderBy(key) }, `${title}${arrow}`));
    return made;
  }

  function row(clip, open) {
    const face = element("span", { className: "face" });
    table.showFace(face, clip);
    const button = element("button", { type: "button", className: "cell", data: { clip: clip.clip_id }, ariaLabel: `Open ${table.title(clip)}`, onclick: open }, face);
    const cells = shown.map((key) => {
      const column = columns.byKey.get(key);
      return element("td", { className: column.isNumber ? "n" : "", data: { column: key } }, columns.text(column, clip));
    });
    return element("tr", { className: clip.kept ? "kept" : "dropped" }, element("td", {}, button), ...cells);
  }

  function choices(onChange) {
    return columns.all.map(({ key, title }) => {
      const box = element("input", { type: "checkbox", value: key, checked: shown.includes(key) });
      box.onchange = () => {
        choose(columns.all.map((one) => one.key).filter((one) => (one === key ? box.checked : shown.includes(one))));
        onChange();
      };
      return element("label", { className: "check" }, box, ` ${title}`);
    });
  }

  // Show these columns, in the order of all; unknown ones are ignored, and null means the usual ones.
  function choose(keys) {
    const known = keys === null ? columns.first : columns.all.map(({ key }) => key).filter((key) => keys.includes(key));
    shown = known.length ? known : columns.first;
    for (const box of document.querySelectorAll("#chosen-columns input")) box.checked = shown.includes(box.value);
  }

  // The chosen columns; null if they are the usual ones.
  function chosen() {
    return shown.join() === columns.first.join() ? null : shown;
  }

  return { make, choices, choose, chosen };
})();
