"use strict";

const texts = {
  en: {
    account: "Account", rows: "Rows by store", reasons: "Dropped and rejected events", withheld: "Stores that took no row of an event",
    store: "Store", count: "Count", reason: "Reason", last: "Last events",
    lastnote: "Names of columns and reasons only; no value of an event is shown here.",
    time: "Time", event: "Event", subject: "Person", became: "What became of it",
    foot: "Figures come from the account table in the store and from the messages that wait in the broker.",
    accepted: "Accepted", stored: "Stored", dropped: "Dropped", rejected: "Rejected", in_flight: "In flight",
    closed: "The account closes: accepted = stored + dropped + rejected + in flight.",
    open: "The account does not close at this moment. While events are being written that is normal; if it stays, run: sluice doctor",
    away: "No figures: the store or the broker does not answer. sluice doctor names the part that fails.",
    none: "nothing yet", kept: "kept", bare: "the bare event", cut: "properties cut at the door", policy: "policy", other: "中文",
    advice: { no_consent: "no consent for this purpose: send a consent object with the event, or POST /v1/consent", undeclared_event: "the policy declares no event of this name", empty: "no declared field was left", no_item: "the purpose needs an item and the event names none", duplicate: "this message id was stored before", minor: "closed to children, or a guardian's act is missing", not_before: "older than an erasure", schema: "a required field is missing or of the wrong type", corrupt: "the message could not be read", key_expired: "the key of its hour is gone", retention_expired: "the broker deleted it unread", internal: "set aside after an error" },
  },
  zh: {
    account: "账目", rows: "各存储的行数", reasons: "丢弃和拒收的事件", withheld: "未写入某个存储的事件",
    store: "存储", count: "数量", reason: "原因", last: "最近的事件",
    lastnote: "只显示列名和原因，不显示任何事件的内容。",
    time: "时间", event: "事件", subject: "主体", became: "处理结果",
    foot: "数字来自存储中的账目表和消息队列里等待的消息。",
    accepted: "已接收", stored: "已存储", dropped: "已丢弃", rejected: "已拒收", in_flight: "处理中",
    closed: "账目相符：已接收 = 已存储 + 已丢弃 + 已拒收 + 处理中。",
    open: "此刻账目不相符。写入过程中属正常；若持续如此，请运行：sluice doctor",
    away: "没有数字：存储或消息队列没有应答。sluice doctor 会指出哪一部分出了问题。",
    none: "还没有", kept: "保留", bare: "仅事件本身", cut: "个属性在入口处被去除", policy: "策略", other: "English",
    advice: { no_consent: "此用途没有同意：随事件发送同意对象，或调用 POST /v1/consent", undeclared_event: "策略没有声明这个名称的事件", empty: "声明的字段都被去除了", no_item: "此用途需要内容编号，事件没有", duplicate: "此消息编号已经存储过", minor: "不对未成年人开放，或缺少监护人同意", not_before: "早于一次删除", schema: "缺少必填字段或类型不对", corrupt: "消息无法读取", key_expired: "那一小时的密钥已销毁", retention_expired: "读取之前已被消息队列删除", internal: "出错后搁置" },
  },
};

let lang = navigator.language.startsWith("zh") ? "zh" : "en";
const t = (k) => texts[lang][k];
const $ = (id) => document.getElementById(id);
const num = (n) => new Intl.NumberFormat(lang === "zh" ? "zh-CN" : "en").format(n);
const sum = (o) => Object.values(o || {}).reduce((a, b) => a + b, 0);

function el(tag, text, cls) {
  const e = document.createElement(tag);
  if (text !== undefined) e.textContent = text;
  if (cls) e.className = cls;
  return e;
}

function fill(id, rows) {
  const body = $(id).tBodies[0];
  body.replaceChildren();
  const width = $(id).tHead.rows[0].cells.length;
  if (rows.length === 0) {
    const td = el("td", t("none"));
    td.colSpan = width;
    body.insertRow().append(td);
  }
  for (const cells of rows) {
    const tr = body.insertRow();
    cells.forEach((c, i) => tr.append(c instanceof Node ? c : el("td", c, i === cells.length - 1 && width > 1 && id !== "last" ? "n" : "")));
  }
}

function showAccount(a) {
  const figures = { accepted: a.accepted, stored: a.stored, dropped: sum(a.dropped), rejected: sum(a.rejected), in_flight: a.in_flight };
  $("figures").replaceChildren(...Object.entries(figures).map(([k, v]) => {
    const d = el("div");
    d.append(el("dt", t(k)), el("dd", num(v)));
    return d;
  }));
  $("verdict").textContent = a.closed ? t("closed") : t("open");
  $("verdict").className = a.closed ? "good" : "bad";
  const sorted = (o) => Object.entries(o || {}).sort((x, y) => y[1] - x[1]);
  fill("rows", sorted(a.rows).map(([k, v]) => [k, num(v)]));
  fill("reasons", sorted({ ...a.dropped, ...a.rejected }).map(([k, v]) => [reason(k), num(v)]));
  fill("withheld", sorted(a.withheld).map(([k, v]) => [...split(k), num(v)]));
}

function split(key) {
  const i = key.indexOf(":");
  return [key.slice(0, i), reason(key.slice(i + 1))];
}

function reason(code) {
  const more = t("advice")[code];
  return more ? `${code} — ${more}` : code;
}

function showLast(list) {
  fill("last", list.map((e) => {
    const td = el("td");
    for (const s of e.stores || []) {
      if (s.reason) td.append(el("span", `${s.store} (${s.clause}): ${reason(s.reason)}`, "drop"));
      else td.append(el("span", `${s.store} (${s.clause}): ${t("kept")} ${(s.kept || []).join(", ") || t("bare")}`, "kept"));
    }
    if (!(e.stores || []).length) td.append(el("span", reason(e.reason), "drop"));
    if (e.cut_at_door) td.append(el("span", `${e.cut_at_door} ${t("cut")}`, "drop"));
    return [new Date(e.time).toLocaleTimeString(lang === "zh" ? "zh-CN" : "en"), e.event, e.subject, td];
  }));
}

function translate() {
  document.documentElement.lang = lang === "zh" ? "zh-CN" : "en";
  for (const e of document.querySelectorAll("[data-t]")) e.textContent = t(e.dataset.t);
  $("lang").textContent = t("other");
  $("lang").lang = lang === "zh" ? "en" : "zh-CN";
}

async function get(path) {
  const r = await fetch(path, { cache: "no-store" });
  if (!r.ok) throw new Error(path);
  return r.json();
}

async function refresh() {
  try {
    const [about, account, last] = await Promise.all([get("api/about"), get("api/account"), get("api/last?n=20")]);
    $("about").textContent = `${t("policy")} ${about.policy} ${about.rev}`;
    showAccount(account);
    showLast(last || []);
  } catch {
    $("verdict").textContent = t("away");
    $("verdict").className = "bad";
  }
}

$("lang").addEventListener("click", () => {
  lang = lang === "zh" ? "en" : "zh";
  translate();
  refresh();
});
translate();
refresh();
setInterval(refresh, 2000);
