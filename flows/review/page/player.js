// The player: one clip at a time, with seconds of context, and the next clip fetched while one watches.
const video = document.getElementById("video");
const note = document.getElementById("screen-note");
const contexts = [0, 2, 5];
let context = 0;
let shown = null;

export function address(clip, seconds = contexts[context]) {
  return `clip/${encodeURIComponent(clip.clip_id)}/${seconds}`;
}

export async function show(clip, next) {
  shown = clip;
  const url = address(clip);
  note.textContent = "Cutting the clip …";
  video.dataset.shown = "";
  video.pause();
  video.removeAttribute("src");
  video.load();
  const answer = await fetch(url).catch(() => null);
  if (shown !== clip || url !== address(clip)) return;
  if (!answer?.ok) {
    const said = (await answer?.json().catch(() => null))?.error;
    note.textContent = said ? `This clip cannot be shown: ${said}` : "The clip cannot be fetched: is emodal review running?";
    return;
  }
  note.textContent = "";
  URL.revokeObjectURL(video.dataset.blob);
  video.src = video.dataset.blob = URL.createObjectURL(await answer.blob());
  video.onloadeddata = () => (video.dataset.shown = url);
  play();
  if (next) fetch(address(next)).catch(() => null); // cut while this one is watched
}

export function play() {
  note.textContent = "";
  // Browsers play sound only after a key or a click.
  video.play().catch((error) => {
    if (error.name === "NotAllowedError") note.textContent = "Press space to play";
  });
}

export function toggle() {
  if (video.paused || video.ended) play();
  else video.pause();
}

export function nextContext() {
  context = (context + 1) % contexts.length;
  return contexts[context];
}

// The bar under the picture: where the span is within the context, and where the film is now.
video.ontimeupdate = video.onloadedmetadata = () => {
  if (!shown || !video.duration) return;
  const lead = Math.min(contexts[context], shown.start_s);
  const share = (seconds) => `${Math.min(100, (100 * seconds) / video.duration)}%`;
  const span = document.getElementById("span");
  span.style.left = share(lead);
  span.style.width = share((shown.end_s ?? video.duration) - shown.start_s);
  document.getElementById("head").style.left = share(video.currentTime);
};
