// Starts the page when the data is loaded.
emodal.review.start();
emodal.sheet.start();
emodal.dialog.start();
emodal.filters.start();
emodal.figures.start();
// A link to one clip, such as index.html#clip=3ba7c8376610a97cfdbe.
function openLinked() {
  const { clips } = emodal.table;
  const place = clips.findIndex((clip) => location.hash === `#clip=${clip.clip_id}`);
  if (place >= 0) emodal.dialog.open(clips, place);
}
addEventListener("hashchange", openLinked);
openLinked();
// Opens all details before printing.
addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details")) details.open = true;
});
