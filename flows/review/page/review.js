// The review: keys and buttons to decisions, one clip after the other.
import * as clips from "./clips.js";
import * as decisions from "./decisions.js";
import * as player from "./player.js";

const { element } = clips;
const byId = (id) => document.getElementById(id);
const perPage = 40;
const patience = 700; // milliseconds to wait for the second digit of a class
const state = await decisions.load();
let shown = [];
let current = null;
let digits = "";
let waiting = null;
// One after the other: a key pressed while a decision is being saved is for the next clip.
let queue = Promise.resolve();

// body[data-actions]: how many actions are not done.
function later(action) {
  const { dataset } = document.body;
  dataset.actions = Number(dataset.actions ?? 0) + 1;
  queue = queue
    .then(action)
    .catch((error) => {
      byId("trouble").textContent = error.message;
      byId("trouble").hidden = false;
    })
    .finally(() => (dataset.actions -= 1));
  return queue;
}

function take(answer) {
  Object.assign(state, answer);
  byId("trouble").hidden = true;
  showProgress();
}

function verdictOf(clip) {
  return state.mine[clip.clip_id];
}

async function choose(verdict) {
  if (current === null) return;
  const clip = current;
  const at = shown.indexOf(clip);
  take(await decisions.decide([clip.clip_id], { note: byId("note").value.trim(), label: "", ...verdict }));
  const goes = byId("advance").ariaPressed === "true" && verdict.decision !== "undo";
  // The next open clip of those that were shown, after this one, else before it.
  const next = goes ? [...shown.slice(at + 1), ...shown.slice(0, at)].find((other) => !verdictOf(other)) : undefined;
  filter(next ?? clip);
}

async function undo() {
  const answer = await decisions.undo();
  take(answer);
  const back = state.clips.find((clip) => clip.clip_id === answer.undone[0]);
  filter(back ?? current);
}

async function bulk(verdict) {
  const open = shown.map((clip) => clip.clip_id);
  const text = verdict.decision === "drop" ? "Drop" : `Label as ${verdict.label}:`;
  byId("confirm-title").textContent = `${text} ${open.length} clips?`;
  const dialog = byId("confirm");
  dialog.returnValue = "no";
  dialog.showModal();
  await new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
  if (dialog.returnValue !== "yes") return;
  take(await decisions.decide(open, { note: "", label: "", ...verdict }));
  filter(current);
}

// Show the clips that pass the filters, and one of them. stays: show it even if it does not pass them, as a clip does
// that was decided just now.
function filter(wanted, stays = true) {
  clips.refresh(byId("filters"), state);
  shown = clips.chosen(byId("filters"), state);
  byId("count").textContent = shown.length === 0 ? "No clip matches the filters." : `${shown.length} of ${state.clips.length} clips`;
  open(wanted !== null && (stays || shown.includes(wanted)) ? wanted : (shown[0] ?? null));
}

function open(clip) {
  const isNew = clip !== current;
  current = clip;
  showClip();
  showList();
  if (isNew && clip !== null) player.show(clip, shown[shown.indexOf(clip) + 1]);
}

function step(by) {
  const to = shown[shown.indexOf(current) + by];
  if (to) open(to);
}

function showClip() {
  const clip = current;
  byId("clip-title").textContent = clip ? clips.title(clip) : "No clip";
  byId("place").textContent = clip && shown.includes(clip) ? `${shown.indexOf(clip) + 1} of ${shown.length}` : "";
  const doubt = clip?.doubt === null || clip?.doubt === undefined ? null : `doubt ${clip.doubt.toFixed(2)}`;
  byId("facts").textContent = clip ? [clip.label ?? "unlabelled", clip.outcome, doubt, clip.speaker, clip.note].filter(Boolean).join(" · ") : "";
  const verdict = clip ? verdictOf(clip) : undefined;
  for (const button of byId("labels").children) button.ariaPressed = String(button.dataset.value === (clips.said(verdict) || "-"));
  byId("note").value = verdict?.note ?? "";
  byId("others").textContent = clip && state.others[clip.clip_id] ? `Others: ${state.others[clip.clip_id].join(", ")}` : "";
  byId("undo").disabled = state.steps === 0;
}

function showList() {
  const page = Math.max(0, Math.floor(shown.indexOf(current) / perPage));
  byId("list").replaceChildren(
    ...shown.slice(page * perPage, (page + 1) * perPage).map((clip) => {
      const button = element("button", { type: "button", onclick: () => later(() => open(clip)) });
      button.append(element("span", {}, clips.title(clip)), element("span", { className: "soft" }, verdictOf(clip) ? `✓ ${clips.said(verdictOf(clip))}` : clip.label || "–"));
      button.ariaCurrent = String(clip === current);
      button.dataset.clip = clip.clip_id;
      return element("li", {}, button);
    }),
  );
  byId("list").querySelector("[aria-current=true]")?.scrollIntoView({ block: "nearest" });
}

function showProgress() {
  const done = Object.keys(state.mine).length;
  const { reviewers = 0, in_common = 0, agreed = 0, alpha = null } = state.agreement;
  const agreement = in_common ? ` ${reviewers} reviewers agree on ${agreed} of ${in_common} clips${alpha === null ? "" : ` (alpha ${alpha.toFixed(2)})`}.` : "";
  byId("progress").textContent = `${done} of ${state.clips.length} decided.${agreement}`;
}

// Classes have numbers; with ten classes or more, a digit waits for a second one if there may be one.
function onDigit(digit) {
  digits += digit;
  const number = Number(digits);
  clearTimeout(waiting);
  if (number * 10 <= state.labels.length && number > 0) waiting = setTimeout(takeDigits, patience);
  else takeDigits();
}

function takeDigits() {
  const number = Number(digits);
  digits = "";
  if (number === 0) later(() => choose({ decision: "undo" }));
  else if (number <= state.labels.length) later(() => choose({ decision: "relabel", label: state.labels[number - 1] }));
}

const keys = {
  d: () => later(() => choose({ decision: "drop" })),
  u: () => later(undo),
  c: () => later(changeContext),
  a: () => changeAdvance(),
  " ": () => player.toggle(),
  ArrowLeft: () => later(() => step(-1)),
  ArrowRight: () => later(() => step(1)),
};

function changeContext() {
  const seconds = player.nextContext();
  byId("context").lastChild.textContent = ` Context: ${seconds ? `${seconds} s` : "none"}`;
  if (current) player.show(current, null);
}

function changeAdvance() {
  byId("advance").ariaPressed = String(byId("advance").ariaPressed !== "true");
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || byId("confirm").open) return;
  const { tagName } = event.target;
  if (tagName === "INPUT" || tagName === "SELECT") {
    if (event.key === "Escape" || event.key === "Enter") event.target.blur();
    return;
  }
  if (event.key === " " && tagName === "BUTTON") return;
  if (/^[0-9]$/.test(event.key)) onDigit(event.key);
  else if (keys[event.key]) {
    event.preventDefault();
    keys[event.key]();
  }
}

async function watch() {
  const answer = await decisions.changes(state.version).catch(() => null);
  if (answer) later(() => (take(answer), showClip()));
}

function start() {
  document.title = `Review: ${state.title}`;
  byId("about").textContent = [`${state.title}; ${state.reviewer}'s decisions are saved in ${state.file}.`, ...state.left_out].join(" ");
  for (const [n, label] of state.labels.entries()) byId("labels").append(labelButton(label, n + 1, { decision: "relabel", label }));
  byId("labels").append(labelButton("drop", "d", { decision: "drop" }));
  byId("previous").onclick = keys.ArrowLeft;
  byId("next").onclick = keys.ArrowRight;
  byId("play").onclick = keys[" "];
  byId("context").onclick = keys.c;
  byId("undo").onclick = keys.u;
  byId("advance").onclick = keys.a;
  byId("note").onchange = () => {
    const verdict = current && verdictOf(current);
    if (verdict) later(async () => take(await decisions.decide([current.clip_id], { ...verdict, note: byId("note").value.trim() })));
  };
  const options = [["drop", "drop"], ...state.labels.map((label) => [label, `label ${label}`])];
  const select = element("select", { ariaLabel: "Decision for all that are shown" }, ...options.map(([value, text]) => new Option(text, value)));
  const apply = () => later(() => bulk(select.selectedIndex === 0 ? { decision: "drop" } : { decision: "relabel", label: select.value }));
  byId("bulk").append(select, element("button", { type: "button", id: "apply", onclick: apply }, "Decide all shown"));
  clips.build(byId("filters"), state, (event) => {
    // After a choice with the mouse, keys are for the clip again.
    if (event.target.tagName === "SELECT" && !event.target.matches(":focus-visible")) event.target.blur();
    later(() => filter(current, false));
  });
  document.addEventListener("keydown", onKey);
  setInterval(watch, 2000);
  showProgress();
  filter(state.clips.find((clip) => !verdictOf(clip)) ?? null);
  document.body.dataset.ready = "yes";
}

function labelButton(text, key, verdict) {
  const button = element("button", { type: "button", onclick: () => later(() => choose(verdict)) }, element("kbd", {}, String(key)), ` ${text}`);
  button.dataset.value = clips.said(verdict);
  button.style.setProperty("--side", state.colours[text] ?? "var(--dropped)");
  button.ariaPressed = "false";
  return button;
}

start();
