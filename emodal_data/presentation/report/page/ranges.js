// Ranges of measures that clips must lie in: drawn over a histogram, or written as numbers.
emodal.ranges = (() => {
  const { element, table } = emodal;
  const { measures, carried } = table.about;
  const titles = new Map([...measures, ...carried.filter((one) => one.is_number)].map(({ column, title }) => [column, title]));
  const ranges = new Map(); // column -> [low, high]; an open end is infinite
  const byId = (id) => document.getElementById(id);
  let changed = () => {};

  function passes(clip) {
    for (const [column, [low, high]] of ranges) {
      const value = clip[column] ?? null;
      if (value === null || value < low || value > high) return false;
    }
    return true;
  }

  function of(column) {
    return ranges.get(column) ?? null;
  }

  // range: [low, high], or null for none.
  function put(column, range) {
    if (range === null || (range[0] === -Infinity && range[1] === Infinity)) ranges.delete(column);
    else ranges.set(column, range);
    show();
  }

  // What the address says, such as {yaw_deg: "-10..10"}; an open end is empty.
  function written() {
    const end = (value) => (Number.isFinite(value) ? String(Number(value.toPrecision(6))) : "");
    return Object.fromEntries([...ranges].map(([column, [low, high]]) => [column, `${end(low)}..${end(high)}`]));
  }

  function restore(values) {
    ranges.clear();
    for (const column of titles.keys()) {
      const ends = (values.get(column) ?? "").split("..");
      if (ends.length === 2) ranges.set(column, parsed(...ends));
    }
    show();
  }

  function parsed(low, high) {
    const number = (text, open) => (text.trim() === "" || Number.isNaN(Number(text)) ? open : Number(text));
    return [number(low, -Infinity), number(high, Infinity)];
  }

  // A button for each range, which removes it, and the numbers of the measure that is chosen.
  function show() {
    const words = ([low, high]) => (low === -Infinity ? `≤ ${short(high)}` : high === Infinity ? `≥ ${short(low)}` : `${short(low)} to ${short(high)}`);
    byId("ranges").replaceChildren(...[...ranges].map(([column, range]) => {
      const remove = () => {
        put(column, null);
        changed(column);
      };
      return element("button", { type: "button", onclick: remove, data: { range: column }, title: "Remove this range" }, `${titles.get(column)}: ${words(range)} ✕`);
    }));
    const form = byId("filters");
    const range = ranges.get(form.elements.measure.value) ?? [-Infinity, Infinity];
    for (const [name, value] of [["low", range[0]], ["high", range[1]]]) {
      if (document.activeElement !== form.elements[name]) form.elements[name].value = Number.isFinite(value) ? short(value) : "";
      form.elements[name].disabled = form.elements.measure.value === "";
    }
  }

  function short(value) {
    return Number(value.toPrecision(4));
  }

  function fields() {
    const options = [new Option("none", ""), ...[...titles].map(([column, title]) => new Option(title, column))];
    const typed = () => {
      const form = byId("filters");
      const column = form.elements.measure.value;
      put(column, parsed(form.elements.low.value, form.elements.high.value));
      changed(column);
    };
    const number = (name, title) =>
      element("label", { className: "end" }, title, element("input", { name, type: "number", step: "any", disabled: true, oninput: typed }));
    return [
      element("label", {}, "Range of", element("select", { name: "measure", onchange: show }, ...options)),
      number("low", "from"),
      number("high", "to"),
    ];
  }

  // onChange: called with the column whose range was changed here, not by put.
  function start(onChange) {
    changed = onChange;
  }

  return { passes, of, put, written, restore, fields, start };
})();
