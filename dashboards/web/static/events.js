// The last events: for each store kept or dropped, why, by which clause, and what to do.
import { $, el, say, once } from "./dom.js";
import { t, num, clock, reason, locale } from "./texts.js";

const page = 8;

// drawEvents takes the events (null when none are known yet), what the policy says, whether
// the account has events, the kind to show, and how many groups.
export const drawEvents = once((list, about, before, which, all, lang) => {
  const empty = list !== null && list.length === 0;
  $("empty").hidden = !empty;
  if (empty) drawTry(about?.try, before);
  const groups = alike((list || []).filter(kinds[which]));
  const shown = all ? groups : groups.slice(0, page);
  $("events").replaceChildren(...shown.map((g) => event(g, about)));
  $("none").hidden = !(list?.length && !groups.length);
  say($("none"), t("nomatch"));
  $("more").hidden = shown.length === groups.length;
  say($("more"), t("more")(num(groups.length - shown.length)));
});

const kinds = {
  all: () => true,
  some: (e) => !e.stores?.length || e.stores.some((s) => s.reason) || e.cut_at_door > 0,
  none: (e) => !(e.stores || []).some((s) => !s.reason),
};

// alike joins neighbours that differ in nothing but their time.
function alike(list) {
  const groups = [];
  for (const e of list) {
    const key = JSON.stringify({ ...e, time: "" });
    const last = groups.at(-1);
    if (last?.key === key) last.n++;
    else groups.push({ key, e, n: 1 });
  }
  return groups;
}

function event({ e, n }, about) {
  const stores = e.stores || [];
  const kept = stores.filter((s) => !s.reason).length;
  const at = new Date(e.time);
  const state = kept === 0 ? "dropped" : kept < stores.length ? "partly" : "kept";
  const name = e.event === "(hidden)" ? el("em", {}, t("hidden")) : el("bdi", {}, e.event);
  return el("li", { class: "card event" },
    el("div", { class: "head" },
      el("h3", {}, name),
      el("span", { class: "tag" }, t(e.subject) || e.subject),
      e.declared ? null : el("span", { class: "tag" }, t("undeclared")),
      n > 1 ? el("span", { class: "tag" }, t("alike")(num(n))) : null,
      el("span", { class: `tag ${state}` }, stores.length ? t("keptin")(kept, stores.length) : t("nowhereEvent")),
      el("time", { datetime: e.time, title: at.toLocaleString(locale()) }, clock(at))),
    el("ul", {}, ...stores.map((s) => outcome(s, about)), ...(stores.length ? [] : [why(e.reason, about, e.advice)])),
    e.cut_at_door ? el("p", { class: "cut" }, t("cut")(e.cut_at_door, num(e.cut_at_door))) : null);
}

function outcome(s, about) {
  const where = el("div", { class: "where" }, el("code", {}, s.store), el("span", { class: "soft" }, `${s.purpose} · ${t("clause")} ${s.clause}`));
  if (s.reason) return why(s.reason, about, s.advice, where);
  const columns = (s.kept || []).flatMap((c, i) => (i ? [" ", el("code", {}, c)] : [el("code", {}, c)]));
  return el("li", { class: "kept" }, where, el("div", { class: "what" },
    el("b", {}, t("kept")), " ", el("span", { class: "cols" }, ...(columns.length ? columns : [t("bare")]))));
}

function why(code, about, advice, where) {
  const r = reason(code, about, advice);
  const kind = /^rejected|^set aside/.test(about?.reasons?.[code]?.what || "") ? "rejected" : "dropped";
  return el("li", { class: "drop" }, where, el("div", { class: "what" },
    el("b", {}, t(kind).toLocaleLowerCase(locale())), " ", el("span", {}, r.what),
    r.todo && el("span", { class: "todo" }, el("span", { class: "soft" }, `${t("todo")}: `), r.todo)));
}

function drawTry(to, before) {
  say($("empty-title"), before ? t("emptystart") : t("empty"));
  const quote = (s) => `'${s.replaceAll("'", "'\\''")}'`;
  say($("curl"), to ? `curl ${to.url} \\\n  -H ${quote(`X-Write-Key: ${to.key}`)} \\\n  -d ${quote(to.body)}` : "");
}

// copyTry copies the command, or marks it where a browser lets no page copy.
export async function copyTry() {
  try {
    await navigator.clipboard.writeText($("curl").textContent);
    say($("copied"), t("copied"));
  } catch {
    getSelection().selectAllChildren($("curl"));
    say($("copied"), t("marked"));
  }
}
