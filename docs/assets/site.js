// Mends faults of the theme: wide tables can't be scrolled by keyboard, the hidden switches of light and dark take the
// focus, the copy buttons of every code block are landmarks of one name, and an empty head of a table is announced.
function mend() {
  for (const table of document.querySelectorAll(".md-typeset__scrollwrap")) {
    if (table.scrollWidth > table.clientWidth) {
      table.tabIndex = 0;
      table.setAttribute("role", "group");
      table.setAttribute("aria-label", "Wide table");
    }
  }
  for (const choice of document.querySelectorAll("input.md-option")) choice.tabIndex = -1;
  document.querySelectorAll("nav.md-code__nav").forEach((buttons, at) => buttons.setAttribute("aria-label", `Code ${at + 1}`));
  for (const head of document.querySelectorAll(".md-typeset th:empty")) head.replaceWith(document.createElement("td"));
}
// The theme wraps tables after the page has loaded.
new MutationObserver(mend).observe(document.body, { childList: true, subtree: true });
addEventListener("resize", mend);
mend();
