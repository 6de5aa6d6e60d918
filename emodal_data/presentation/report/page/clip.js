// The dialog of one clip: its frame, face, sound, measures and review.
emodal.dialog = (() => {
  const { element, table, review } = emodal;
  const { about } = table;
  const byId = (id) => document.getElementById(id);
  let shown = [];
  let place = 0;

  function open(clips, at) {
    [shown, place] = [clips, at];
    show();
    if (!byId("clip").open) byId("clip").showModal();
  }

  function step(by) {
    const to = place + by;
    if (to >= 0 && to < shown.length) open(shown, to);
  }

  async function show() {
    const clip = shown[place];
    byId("clip-title").textContent = table.title(clip);
    emodal.place.opened(clip.clip_id);
    byId("link").href = emodal.place.link(clip.clip_id);
    byId("before").disabled = place === 0;
    byId("after").disabled = place === shown.length - 1;
    table.showFace(byId("face"), clip);
    byId("face").ariaLabel = `Face of ${table.title(clip)}`;
    byId("facts").replaceChildren(...facts(clip));
    byId("measures").replaceChildren(...measures(clip));
    showDecision(clip);
    byId("frame").replaceChildren();
    byId("views").replaceChildren();
    byId("tracks").replaceChildren();
    byId("sound").replaceChildren();
    const pictures = await table.pictures(clip);
    if (shown[place] === clip) showPictures(clip, pictures);
  }

  function showPictures(clip, { frame, sound, box, views = [], tracks }) {
    byId("views").replaceChildren(...views.map((src) => element("img", { src, alt: "View of the clip" })));
    if (frame) {
      const image = element("img", { src: frame, alt: `Frame at ${clip.frame_s} s of ${clip.film}` });
      byId("frame").append(image);
      image.onload = () => {
        byId("frame").style.setProperty("--shape", image.naturalWidth / image.naturalHeight);
        if (box) outline(image, box);
      };
    } else {
      byId("frame").append(element("p", {}, "The clip store has no frame of this clip."));
    }
    if (sound) byId("sound").append(element("audio", { controls: true, src: sound, ariaLabel: "Sound of the clip" }));
    else byId("sound").append(element("p", { className: "soft" }, "The clip store has no sound of this clip."));
    emodal.tracks.show(byId("tracks"), tracks, byId("sound").querySelector("audio"), clip.start_s);
  }

  // box: left, top, right and bottom as fractions of the frame width.
  function outline(image, [x0, y0, x1, y1]) {
    const height = image.naturalHeight / image.naturalWidth;
    const share = (value) => `${100 * value}%`;
    const style = { left: share(x0), top: share(y0 / height), width: share(x1 - x0), height: share((y1 - y0) / height) };
    const made = element("i");
    Object.assign(made.style, style);
    image.after(made);
  }

  function facts(clip) {
    const rows = {
      outcome: clip.kept ? "kept" : `dropped: ${clip.reason}`,
      "what to do": clip.detail,
      label: clip.label ?? "unlabelled",
      networks: answer(clip),
      votes: clip.votes,
      speaker: clip.speaker,
      ...Object.fromEntries(about.carried.map(({ column, title }) => [title, clip[column]])),
      split: clip.split,
      frame: clip.frame_s === null ? null : `${clip.frame_s} s`,
      clip: clip.clip_id,
    };
    return Object.entries(rows)
      .filter(([, value]) => value !== null && value !== undefined)
      .map(([name, value]) => row(name, value));
  }

  function answer({ label, networks }) {
    if (networks === null) return null;
    const percent = (share) => `${Math.round(100 * share)} %`;
    const trained = networks.label === label ? "" : ", its label in training";
    const own = `${networks.label} ${percent(networks.label_probability)}${trained}`;
    return networks.answer === networks.label ? own : `${networks.answer} ${percent(networks.answer_probability)} (${own})`;
  }

  function measures(clip) {
    return about.measures
      .filter(({ column }) => clip[column] !== null && clip[column] !== undefined)
      .map(({ column, title, low, high }) => {
        const value = clip[column];
        const isOut = (low !== null && value < low) || (high !== null && value > high);
        return row(title, Number(value.toPrecision(4)), `n ${isOut ? "bad" : ""}`, limits(low, high));
      });
  }

  function limits(low, high) {
    if (low !== null && high !== null) return `${low} to ${high}`;
    return low !== null ? `≥ ${low}` : high !== null ? `≤ ${high}` : "";
  }

  function row(name, value, className = "", ...more) {
    const cells = more.map((text) => element("td", { className: "n soft" }, text));
    return element("tr", {}, element("th", { scope: "row" }, name), element("td", { className }, value), ...cells);
  }

  function choices() {
    const options = [["", "as it is"], ["drop", "drop"], ...about.labels.map((label) => [label, `relabel: ${label}`])];
    return options.map(([value, text]) => {
      const radio = element("input", { type: "radio", name: "decision", value, onchange: decide });
      return element("label", {}, radio, ` ${text}`);
    });
  }

  function showDecision(clip) {
    const mark = review.of(clip);
    const value = mark === null ? "" : mark.decision === "drop" ? "drop" : mark.label;
    for (const radio of byId("choices").querySelectorAll("input")) radio.checked = radio.value === value;
    byId("note").value = mark?.note ?? "";
    byId("note").disabled = mark === null;
  }

  function decide() {
    const value = byId("choices").querySelector("input:checked").value;
    const note = byId("note").value.trim();
    const clip = shown[place];
    const mark = value === "drop" ? { decision: "drop", label: "", note } : { decision: "relabel", label: value, note };
    review.decide(clip, value === "" ? null : mark);
    showDecision(clip);
  }

  function choose(value) {
    for (const radio of byId("choices").querySelectorAll("input")) radio.checked = radio.value === value;
    decide();
  }

  function onKey(event) {
    if (event.target.id === "note" || event.ctrlKey || event.metaKey || event.altKey) return;
    const isArrow = event.key === "ArrowLeft" || event.key === "ArrowRight";
    if (isArrow && (event.target.type === "radio" || event.target.tagName === "AUDIO")) return;
    const audio = byId("sound").querySelector("audio");
    const keys = {
      ArrowLeft: () => step(-1),
      ArrowRight: () => step(1),
      p: () => (audio?.paused ? audio.play() : audio?.pause()),
      d: () => choose("drop"),
      0: () => choose(""),
      ...Object.fromEntries(about.labels.slice(0, 9).map((label, n) => [n + 1, () => choose(label)])),
    };
    if (keys[event.key]) {
      event.preventDefault();
      keys[event.key]();
    }
  }

  function start() {
    byId("choices").append(...choices());
    byId("note").onchange = decide;
    byId("before").onclick = () => step(-1);
    byId("after").onclick = () => step(1);
    byId("clip").onkeydown = onKey;
    byId("clip").onclose = () => {
      byId("sound").replaceChildren(); // stops the sound
      emodal.place.opened(null);
      document.querySelector(`#sheet [data-clip="${shown[place].clip_id}"]`)?.focus();
    };
  }

  return { open, start };
})();
