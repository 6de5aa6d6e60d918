// Starts the page when the data is loaded.
const asked = emodal.place.read();
emodal.place.start();
emodal.review.start();
emodal.dialog.start();
emodal.filters.start();
emodal.persons.start();
emodal.figures.start();
function openLinked(values) {
  const { clips } = emodal.table;
  const place = clips.findIndex((clip) => clip.clip_id === values.get("clip"));
  if (place >= 0) emodal.dialog.open(clips, place);
}
addEventListener("hashchange", () => {
  const values = emodal.place.read();
  if (document.getElementById(location.hash.slice(1)) === null) {
    if (!values.has("clip")) emodal.filters.restore(values);
    openLinked(values);
  }
});
openLinked(asked);
// Opens all details before printing.
addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details")) details.open = true;
});
