// What the address says: the filters and the open clip, such as index.html#label=sad&clip=3ba7c8376610a97cfdbe.
emodal.place = (() => {
  let filters = {};
  let clip = null;

  function read() {
    return new URLSearchParams(location.hash.slice(1));
  }

  function address() {
    return `#${new URLSearchParams({ ...filters, ...(clip ? { clip } : {}) })}`;
  }

  function show() {
    const isSection = document.getElementById(location.hash.slice(1)) !== null;
    if (address() !== "#" || !isSection) history.replaceState(null, "", address() === "#" ? location.pathname : address());
  }

  // values: of the filters that are set, by name.
  function filtered(values) {
    filters = values;
    show();
  }

  // The clip in the dialog; null when it is closed.
  function opened(clipId) {
    clip = clipId;
    show();
  }

  // A link to one clip, whatever the filters are.
  function link(clipId) {
    return `#${new URLSearchParams({ clip: clipId })}`;
  }

  // The name of the build is that of its folder: NAME/dataset/report/index.html.
  function name() {
    const folders = location.pathname.split("/").slice(0, -2).map(decodeURIComponent);
    const last = folders.pop();
    return last === "dataset" ? folders.pop() : last;
  }

  function showHead() {
    if (name()) {
      document.getElementById("name").textContent = `: ${name()}`;
      document.title = `Dataset report: ${name()}`;
    }
    // Servers may not know the date of the file; the browser would then give that of today.
    if (location.protocol === "file:") {
      const date = new Date(document.lastModified).toLocaleDateString("en-GB", { day: "numeric", month: "long", year: "numeric" });
      document.getElementById("date").textContent = `; ${date}`;
    }
  }

  async function copy(event) {
    const code = event.target.parentElement.querySelector("code");
    try {
      await navigator.clipboard.writeText(code.textContent);
      event.target.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(code); // to be copied by hand
    }
  }

  function start() {
    showHead();
    for (const button of document.querySelectorAll("[data-copy]")) button.onclick = copy;
  }

  return { start, read, filtered, opened, link };
})();
