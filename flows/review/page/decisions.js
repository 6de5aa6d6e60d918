// The decisions: every change goes to the server, which saves it before it answers.
export async function load() {
  return ask("data");
}

export async function decide(clipIds, verdict) {
  return ask("decide", { clip_ids: clipIds, ...verdict });
}

export async function undo() {
  return ask("undo", {});
}

// What others decided meanwhile; null if nothing changed.
export async function changes(version) {
  return ask(`state?version=${encodeURIComponent(version)}`);
}

async function ask(path, body) {
  const options = body ? { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) } : {};
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Error("Not saved: emodal review is not running any more. Start it again, and open its new address.");
  }
  if (answer.status === 204) return null;
  if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).error ?? `The server answers ${answer.status}.`);
  return answer.json();
}
