// Small helpers. Every text goes in as text, never as markup: names come from outside.

export const $ = (id) => document.getElementById(id);

// el makes an element: el("p", {class: "soft"}, "text", child, …).
export function el(tag, attrs = {}, ...children) {
  const e = document.createElement(tag);
  for (const [k, v] of Object.entries(attrs)) if (v !== undefined) e.setAttribute(k, v);
  e.append(...children.filter((c) => c !== undefined && c !== null));
  return e;
}

// say sets a text only when it changed, so that a screen reader is not told twice.
export function say(e, text) {
  if (e.textContent !== text) e.textContent = text;
}

// once gives a function that draws only when what it draws from has changed: focus and
// selection stay where the reader left them.
export function once(draw) {
  let before;
  return (...from) => {
    const now = JSON.stringify(from);
    if (now === before) return;
    before = now;
    draw(...from);
  };
}
