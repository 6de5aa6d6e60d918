// Data comes in scripts that call emodal.receive: a page opened from disk may load scripts but cannot fetch files.
window.emodal = (() => {
  const received = new Map();
  const keep = 6; // scripts of images in memory, about 1 MB each

  function receive(name, value, sheet) {
    received.set(sheet === null ? name : `${name} ${sheet}`, value);
  }

  function get(name) {
    return received.get(name);
  }

  // The images and sounds of one sheet: a promise of a list, null if the file does not exist.
  const sheets = new Map();
  function pictures(sheet) {
    if (!sheets.has(sheet)) {
      sheets.set(sheet, load(sheet));
      for (const old of [...sheets.keys()].slice(0, -keep)) {
        sheets.delete(old);
        received.delete(`pictures ${old}`);
      }
    }
    return sheets.get(sheet);
  }

  function load(sheet) {
    return new Promise((resolve) => {
      const script = document.createElement("script");
      const done = () => {
        script.remove();
        resolve(received.get(`pictures ${sheet}`) ?? null);
      };
      script.src = `data/clips-${sheet}.js`;
      script.onload = script.onerror = done;
      document.head.append(script);
    });
  }

  // An element with properties, data attributes and children; text is never parsed as markup.
  function element(tag, properties = {}, ...children) {
    const { data = {}, ...rest } = properties;
    const made = Object.assign(document.createElement(tag), rest);
    Object.assign(made.dataset, data);
    made.append(...children);
    return made;
  }

  return { receive, get, pictures, element };
})();
