// The faces that were followed through a clip: for each a strip of portraits, and the curves of its mouth and of the voice.
emodal.tracks = (() => {
  const { element } = emodal;
  const [width, height, edge] = [400, 54, 3];

  // tracks: of the clip, or undefined; audio: the player of its sound, or null; start_s: of the clip.
  function show(target, tracks, audio, start_s) {
    if (!tracks || tracks.mouths.length === 0) {
      target.replaceChildren(...(tracks ? [element("p", { className: "soft" }, "No face could be followed in the shot.")] : []));
      return;
    }
    // Closed lips have an opening too, so the curves begin at the smallest one.
    const openings = tracks.mouths.flat().filter((opening) => opening !== null);
    const least = Math.min(...openings);
    const scale = (opening) => (opening - least) / Math.max(0.1, Math.max(...openings) - least);
    const rows = tracks.mouths.map((mouth, number) => row(tracks, mouth, number, scale));
    const times = element("p", { className: "times soft" }, element("span", {}, `${tracks.start_s.toFixed(2)} s`), element("span", {}, `${tracks.end_s.toFixed(2)} s`));
    const key = element("p", { className: "soft" }, element("span", { className: "swatch mouth" }), " opening of the mouth ", element("span", { className: "swatch voice" }), " voice");
    target.replaceChildren(element("h3", {}, "Faces in the shot"), ...rows, times, key);
    if (audio) follow(target, tracks, audio, start_s);
  }

  function row(tracks, mouth, number, scale) {
    const chosen = number === tracks.chosen;
    const text = `Face ${number + 1}${chosen ? ", that of the clip" : ""}: speaks with probability ${tracks.scores[number].toFixed(2)}`;
    const made = element("figure", { className: chosen ? "track chosen" : "track" }, element("figcaption", {}, text));
    if (tracks.portraits) {
      const strip = element("div", { className: "strip", role: "img", ariaLabel: `Face ${number + 1} over the shot` });
      const rows = tracks.mouths.length;
      strip.style.backgroundImage = `url("${tracks.portraits}")`;
      strip.style.backgroundSize = `100% ${100 * rows}%`;
      strip.style.backgroundPosition = `0 ${rows > 1 ? (100 * number) / (rows - 1) : 0}%`;
      strip.style.aspectRatio = tracks.per_track;
      made.append(strip);
    }
    made.append(curves(tracks.voice, mouth, scale, text));
    return made;
  }

  function curves(voice, mouth, scale, text) {
    const x = (n) => ((n + 0.5) / voice.length) * width;
    const y = (share) => height - edge - share * (height - 2 * edge);
    const around = voice.map((level, n) => `${x(n).toFixed(1)},${y(level).toFixed(1)}`).join(" ");
    const chart = svg("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img", "aria-label": `Mouth and voice. ${text}` });
    chart.append(svg("polygon", { class: "voice", points: `${x(0)},${y(0)} ${around} ${x(voice.length - 1)},${y(0)}` }));
    // A face that is not seen for a while leaves a gap.
    let part = [];
    for (const [n, opening] of [...mouth.entries(), [mouth.length, null]]) {
      if (opening !== null) part.push(`${x(n).toFixed(1)},${y(scale(opening)).toFixed(1)}`);
      else if (part.length) {
        chart.append(svg("polyline", { class: "mouth", points: part.join(" ") }));
        part = [];
      }
    }
    chart.append(svg("line", { class: "now", x1: -9, x2: -9, y1: 0, y2: height }));
    return chart;
  }

  // A line that moves with the sound.
  function follow(target, tracks, audio, start_s) {
    const length_s = tracks.end_s - tracks.start_s;
    audio.ontimeupdate = () => {
      const at = ((start_s + audio.currentTime - tracks.start_s) / length_s) * width;
      for (const line of target.querySelectorAll(".now")) {
        line.setAttribute("x1", at);
        line.setAttribute("x2", at);
      }
    };
  }

  function svg(tag, attributes) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    return made;
  }

  return { show };
})();
