// Starts the page when the data is loaded.
emodal.review.start();
emodal.sheet.start();
emodal.dialog.start();
emodal.filters.start();
emodal.figures.start();
// Opens all details before printing.
addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details")) details.open = true;
});
