// Mends two faults of the theme: wide tables can't be scrolled by keyboard, and the hidden switches of light and dark take the focus.
function mend() {
  for (const table of document.querySelectorAll(".md-typeset__scrollwrap")) {
    if (table.scrollWidth > table.clientWidth) {
      table.tabIndex = 0;
      table.setAttribute("role", "group");
      table.setAttribute("aria-label", "Wide table");
    }
  }
  for (const choice of document.querySelectorAll("input.md-option")) choice.tabIndex = -1;
}
// The theme wraps tables after the page has loaded.
new MutationObserver(mend).observe(document.body, { childList: true, subtree: true });
addEventListener("resize", mend);
mend();
