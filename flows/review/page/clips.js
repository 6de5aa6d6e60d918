// The list of clips: which are shown, in which order, and how they are named.
export function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

export function clock(seconds) {
  const minutes = Math.floor(seconds / 60);
  const rest = (seconds - 60 * minutes).toFixed(2).padStart(5, "0");
  return minutes < 60 ? `${minutes}:${rest}` : `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${rest}`;
}

export function title(clip) {
  return `${clip.film}, ${clip.end_s === null ? "whole file" : `${clock(clip.start_s)}–${clock(clip.end_s)}`}`;
}

export function said(verdict) {
  return verdict === undefined ? "" : verdict.decision === "drop" ? "drop" : verdict.label;
}

const all = "all";
export const filters = {
  decision: ["My decision", (clip, state) => said(state.mine[clip.clip_id]) || "open"],
  label: ["Label", (clip) => clip.label ?? "unlabelled"],
  outcome: ["Outcome", (clip) => clip.outcome],
  film: ["Film", (clip) => clip.film],
  speaker: ["Speaker", (clip) => clip.speaker ?? "none"],
  reviewers: ["Reviewers", (clip, state) => agreement(clip, state)],
};
const orders = {
  "as given": null,
  "film and time": (a, b) => a.film.localeCompare(b.film) || a.start_s - b.start_s,
};

function agreement(clip, state) {
  const others = state.others[clip.clip_id];
  if (!others) return "one or none";
  const own = state.mine[clip.clip_id];
  const verdict = own.decision === "drop" ? "drop" : own.label;
  return others.every((text) => text.endsWith(`: ${verdict}`)) ? "agree" : "disagree";
}

export function build(form, state, apply) {
  for (const [name, [text]] of Object.entries(filters)) {
    form.append(element("label", {}, text, element("select", { name, onchange: apply })));
  }
  const first = state.clips.some((clip) => clip.doubt !== null) ? "most doubtful first" : "as given";
  const names = Object.keys(orders).map((name) => new Option(name === "as given" ? first : name, name));
  form.append(element("label", {}, "Order", element("select", { name: "order", onchange: apply }, ...names)));
  form.append(element("label", {}, "Text", element("input", { name: "text", type: "search", autocomplete: "off", oninput: apply })));
  form.onsubmit = () => false;
  refresh(form, state);
}

// The values of the filters with their counts; what is chosen stays chosen.
export function refresh(form, state) {
  for (const [name, [, answer]] of Object.entries(filters)) {
    const select = form.elements[name];
    const chosen = select.value || all;
    const counts = new Map();
    for (const clip of state.clips) {
      const value = answer(clip, state);
      counts.set(value, (counts.get(value) ?? 0) + 1);
    }
    if (chosen !== all && !counts.has(chosen)) counts.set(chosen, 0);
    const values = [...counts.keys()].sort((a, b) => a.localeCompare(b));
    select.replaceChildren(new Option(all, all), ...values.map((value) => new Option(`${value} (${counts.get(value)})`, value)));
    select.value = chosen;
  }
}

export function chosen(form, state) {
  const wanted = Object.entries(filters).filter(([name]) => form.elements[name].value !== all);
  const text = form.elements.text.value.trim().toLowerCase();
  const order = orders[form.elements.order.value];
  const left = state.clips.filter(
    (clip) =>
      wanted.every(([name, [, answer]]) => answer(clip, state) === form.elements[name].value) &&
      (text === "" || `${clip.film} ${clip.speaker ?? ""} ${clip.note}`.toLowerCase().includes(text)),
  );
  return order ? left.sort(order) : left;
}
