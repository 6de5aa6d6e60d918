// The contact sheet of persons: a face of each, how many clips it has, and a click shows them.
emodal.persons = (() => {
  const { element, table } = emodal;
  const first = 48; // persons that are shown at once

  // By number of clips. face: the clip with the best face of the person, a kept one if there is one.
  function found() {
    const persons = new Map();
    for (const clip of table.clips) {
      if (clip.person === null) continue;
      const one = persons.get(clip.person) ?? { person: clip.person, clips: 0, kept: 0, face: clip };
      one.clips += 1;
      one.kept += clip.kept;
      if (rank(clip) > rank(one.face)) one.face = clip;
      persons.set(clip.person, one);
    }
    return [...persons.values()].sort((a, b) => b.clips - a.clips || Number(a.person) - Number(b.person));
  }

  function rank(clip) {
    return Number(clip.kept) + (clip.face_score ?? -1);
  }

  function cell({ person, clips, kept, face }) {
    const picture = element("span", { className: "face" });
    table.showFace(picture, face);
    const text = `${clips} ${clips === 1 ? "clip" : "clips"}`;
    return element(
      "button",
      { type: "button", className: "cell", data: { person }, ariaLabel: `Person ${person}, ${text}, ${kept} kept`, onclick: () => emodal.filters.only({ person }) },
      picture,
      element("span", { className: "mark" }, `Person ${person}`),
      element("span", {}, text),
    );
  }

  function start() {
    const target = document.getElementById("persons-sheet");
    if (target === null) return;
    const persons = found();
    const show = (some) => target.replaceChildren(...some.map(cell));
    show(persons.slice(0, first));
    const more = document.getElementById("more-persons");
    more.hidden = persons.length <= first;
    more.textContent = `Show all ${persons.length} persons`;
    more.onclick = () => {
      show(persons);
      more.hidden = true;
    };
  }

  return { start };
})();
