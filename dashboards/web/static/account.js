// The account: five figures that must add up, rows by store, and why events have none.
import { $, el, say, once } from "./dom.js";
import { t, num, reason } from "./texts.js";

const sum = (o) => Object.values(o || {}).reduce((a, b) => a + b, 0);
const sorted = (o) => Object.entries(o || {}).sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0]));
const parts = ["stored", "dropped", "rejected", "in_flight"];

// drawAccount takes the account, or null when none is known yet.
export const drawAccount = once((a, about, lang) => {
  const n = { accepted: a?.accepted, stored: a?.stored, dropped: a && sum(a.dropped), rejected: a && sum(a.rejected), in_flight: a?.in_flight };
  $("figures").replaceChildren(...Object.entries(n).map(([k, v]) =>
    el("div", { class: k }, el("dt", {}, t(k)), el("dd", {}, v === undefined || v === null ? "–" : num(v)))));
  $("bar").replaceChildren(...parts.filter((k) => n[k] > 0).map((k) => {
    const e = el("span", { class: k });
    e.style.flexGrow = n[k];
    return e;
  }));
  say($("verdict"), !a ? "" : a.closed ? t("closed") : t("open")(num(Math.abs(a.accepted - parts.reduce((s, k) => s + n[k], 0)))));
  $("verdict").className = !a ? "" : a.closed ? "good" : "warn";
  $("stores").replaceChildren(...storeRows(a, about));
  $("reasons").replaceChildren(...reasonRows(a, about));
  drawDoor(a?.door);
});

function storeRows(a, about) {
  const withheld = {};
  for (const [key, v] of Object.entries(a?.withheld || {})) {
    const i = key.indexOf(":");
    (withheld[key.slice(0, i)] ||= {})[key.slice(i + 1)] = v;
  }
  const known = about?.stores || [];
  const names = new Set([...known.map((s) => s.store), ...Object.keys(a?.rows || {}), ...Object.keys(withheld)]);
  const most = Math.max(1, ...Object.values(a?.rows || {}));
  return [...names].map((name) => {
    const s = known.find((k) => k.store === name);
    const rows = a?.rows?.[name] || 0;
    const share = el("span", { class: "share", "aria-hidden": "true" }, el("span"));
    share.firstChild.style.width = `${(100 * rows) / most}%`;
    const why = sorted(withheld[name]).map(([code, v]) => el("span", { class: "why" }, el("b", {}, num(v)), " ", reason(code, about).what));
    return el("tr", {},
      el("th", { scope: "row" }, el("code", {}, name), s && el("span", { class: "soft" }, `${s.purpose} · ${t("clause")} ${s.clause}`), share),
      el("td", { class: "n" }, a ? num(rows) : "–"),
      el("td", {}, ...(why.length ? why : [el("span", { class: "soft" }, a ? t("allrows") : "")])));
  });
}

function reasonRows(a, about) {
  if (!a) return [];
  const all = [...sorted(a.dropped).map((r) => ["dropped", ...r]), ...sorted(a.rejected).map((r) => ["rejected", ...r])];
  if (!all.length) return [el("tr", {}, el("td", { colspan: 2, class: "soft" }, t("noreasons")))];
  return all.map(([kind, code, v]) => {
    const r = reason(code, about);
    return el("tr", {},
      el("th", { scope: "row" }, el("span", { class: `tag ${kind}` }, t(kind)), " ", r.what, el("span", { class: "soft" }, r.todo)),
      el("td", { class: "n" }, num(v)));
  });
}

function drawDoor(door) {
  const all = [...sorted(door?.refused).map((r) => ["request", ...r]), ...sorted(door?.discarded).map((r) => ["discarded", ...r])];
  $("door").hidden = all.length === 0;
  $("turned").replaceChildren(...all.map(([kind, code, v]) => el("tr", {},
    el("th", { scope: "row" }, el("span", { class: "tag" }, t(kind)), " ", t("turned")[code] || code),
    el("td", { class: "n" }, num(v)))));
}
