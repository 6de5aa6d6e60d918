// Everything starts here, once the data is in.
emodal.review.start();
emodal.sheet.start();
emodal.dialog.start();
emodal.filters.start();
emodal.figures.start();
// On paper, everything is open.
addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details")) details.open = true;
});
