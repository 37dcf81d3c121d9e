// The page asks for its figures every two seconds while somebody looks at it, and says
// plainly when they are old.
import { $, say } from "./dom.js";
import { t, locale, clock, toggle, translate } from "./texts.js";
import { drawAccount } from "./account.js";
import { drawEvents, copyTry } from "./events.js";

const state = { link: "loading", paused: false, about: null, account: null, last: null, at: null, all: false };

// get gives the figures of a path, or null when the part behind it is not up yet.
async function get(path) {
  const r = await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(8000) });
  if (r.status === 503) return null;
  if (!r.ok) throw new Error(path);
  return r.json();
}

async function refresh() {
  try {
    const [about, account, last] = await Promise.all([get("api/about"), get("api/account"), get("api/last?n=50")]);
    state.about = about;
    state.account = account ?? state.account;
    state.last = last ?? state.last;
    state.link = account && last ? "live" : "starting";
    if (account) state.at = new Date();
  } catch {
    state.link = "away";
  }
  draw();
}

function draw() {
  const { about, account, last } = state;
  const link = state.paused && state.link === "live" ? "paused" : state.link;
  $("link").dataset.state = link;
  say($("link"), t(link));
  document.body.dataset.link = link;
  $("away").hidden = link !== "away" && link !== "starting";
  $("away").className = link === "away" ? "note bad" : "note";
  if (!$("away").hidden) say($("away"), link === "away" ? t("awaynote")(state.at && clock(state.at)) : t("startnote"));
  $("policy").hidden = !about;
  if (about) {
    say($("policy"), t("policy")(about.policy, about.rev));
    say($("version"), `sluice ${about.version}`);
  }
  $("account").ariaBusy = String(!account && link === "loading");
  $("last").ariaBusy = String(!last && link === "loading");
  drawAccount(account, about, locale());
  drawEvents(last, about, account?.accepted > 0, $("which").value, state.all, locale());
}

// The next question is asked only after the last answer, so a slow server is not piled on.
async function loop() {
  if (!state.paused && !document.hidden) await refresh();
  setTimeout(loop, state.link === "away" ? 3000 : 2000);
}

$("lang").addEventListener("click", () => { toggle(); words(); });
$("pause").addEventListener("click", () => { state.paused = !state.paused; words(); });
$("which").addEventListener("change", () => { state.all = false; draw(); });
$("more").addEventListener("click", () => {
  const next = $("events").children.length;
  state.all = true;
  draw();
  const first = $("events").children[next]; // the button goes away; reading goes on at the first new one
  first?.setAttribute("tabindex", "-1");
  first?.focus();
});
$("copy").addEventListener("click", copyTry);

// words sets what does not follow from figures, then draws those again.
function words() {
  translate();
  say($("lang"), t("other"));
  $("lang").lang = locale() === "en" ? "zh-CN" : "en";
  $("pause").dataset.t = state.paused ? "resume" : "pause";
  say($("pause"), t($("pause").dataset.t));
  draw();
}

words();
loop();
