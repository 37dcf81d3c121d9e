// Every word of the page, in two languages. What reasons mean comes in English from the
// server, since it follows from the policy; in Chinese it stands here.

const en = {
  skip: "Skip to the figures", pause: "Pause", resume: "Resume", other: "中文",
  loading: "Loading", live: "Live", paused: "Paused", starting: "Starting", away: "Disconnected",
  awaynote: (t) => `sluice does not answer; trying again every few seconds. ${t ? `The figures below are from ${t}.` : ""}`,
  startnote: "The store or the broker does not answer yet. Events are taken meanwhile; sluice doctor names the part that fails.",
  policy: (name, rev) => `policy ${name}, revision ${rev}`,
  account: "Account", accepted: "Accepted", stored: "Stored", dropped: "Dropped", rejected: "Rejected", in_flight: "In flight",
  closed: "Closes: every accepted event is accounted for.",
  open: (n) => `Open by ${n}. While events are being written that is normal; if it stays, run sluice doctor.`,
  rows: "Rows by store", store: "Store", rowcount: "Rows", withheld: "Without a row", allrows: "none",
  reasons: "Events that no store has", reason: "Reason", events: "Events", times: "Times", noreasons: "None: nothing was dropped or rejected.",
  door: "Turned away at the door", doornote: "Outside the account, since the last start.", request: "request", discarded: "event",
  last: "Last events", lastnote: "Names of columns and reasons only; no value of an event is shown.",
  show: "Show", all: "all", some: "those that a store did not take", nowhere: "those that no store has",
  empty: "No event yet", emptystart: "No event since the last start",
  tryit: "Send one and watch it arrive here:", copy: "Copy", copied: "Copied", marked: "Marked: copy it with the keyboard",
  trydemo: "Or send a whole simulated day: sluice demo", curl: "A command that sends an event",
  nomatch: "None of the last events is of this kind.", more: (n) => `Show ${n} more`,
  kept: "kept", bare: "the bare event, no columns", columns: "Columns", clause: "clause", todo: "What to do", nowhereEvent: "in no store",
  keptin: (k, n) => `kept in ${k} of ${n} ${n === 1 ? "store" : "stores"}`, alike: (n) => `${n} alike`,
  undeclared: "not declared", hidden: "name hidden: it may hold an id", user: "user", install: "install", none: "no id",
  cut: (n, shown) => `${shown} ${n === 1 ? "property was" : "properties were"} cut at the door: forbidden by the policy, or not declared.`,
  foot: "Figures come from the account table in the store and from the messages that wait in the broker.",
  turned: {
    no_key: "no write key", unknown_key: "unknown write key", no_policy: "the write key has no policy", origin: "origin not allowed for the key", quota: "quota of the key",
    malformed: "malformed", too_large: "too large", overload: "overload", broker: "broker not available", token: "consent token not valid",
    internal: "fault of sluice", connections: "too many connections", schema: "not in the shape of an event", undeclared_event: "event not declared",
  },
};

const zh = {
  skip: "跳到数据", pause: "暂停", resume: "继续", other: "English",
  loading: "加载中", live: "实时", paused: "已暂停", starting: "启动中", away: "连接已断开",
  awaynote: (t) => `sluice 没有应答，每隔几秒重试。${t ? `以下数字截至 ${t}。` : ""}`,
  startnote: "存储或消息队列尚未应答。期间仍在接收事件；sluice doctor 会指出哪一部分出了问题。",
  policy: (name, rev) => `策略 ${name}，第 ${rev} 版`,
  account: "账目", accepted: "已接收", stored: "已存储", dropped: "已丢弃", rejected: "已拒收", in_flight: "处理中",
  closed: "账目相符：每个已接收的事件都有着落。",
  open: (n) => `相差 ${n}。写入过程中属正常；若持续如此，请运行 sluice doctor。`,
  rows: "各存储的行数", store: "存储", rowcount: "行数", withheld: "未写入的事件", allrows: "无",
  reasons: "没有任何存储保留的事件", reason: "原因", events: "事件", times: "次数", noreasons: "没有：无丢弃，也无拒收。",
  door: "在入口处被拒绝", doornote: "不计入账目，自上次启动起。", request: "请求", discarded: "事件",
  last: "最近的事件", lastnote: "只显示列名和原因，不显示任何事件的内容。",
  show: "显示", all: "全部", some: "有存储未保留的", nowhere: "没有存储保留的",
  empty: "还没有事件", emptystart: "自上次启动以来没有事件",
  tryit: "发送一个，看它出现在这里：", copy: "复制", copied: "已复制", marked: "已选中：请用键盘复制",
  trydemo: "或者发送模拟的一整天：sluice demo", curl: "发送一个事件的命令",
  nomatch: "最近的事件中没有这一类。", more: (n) => `再显示 ${n} 项`,
  kept: "保留", bare: "仅事件本身，没有列", columns: "列", clause: "条款", todo: "怎么办", nowhereEvent: "不在任何存储中",
  keptin: (k, n) => `${n} 个存储中保留于 ${k} 个`, alike: (n) => `${n} 个相同`,
  undeclared: "未声明", hidden: "名称已隐藏：其中可能有标识", user: "用户", install: "安装", none: "无标识",
  cut: (n, shown) => `${shown} 个属性在入口处被去除：策略禁止，或没有声明。`,
  foot: "数字来自存储中的账目表和消息队列里等待的消息。",
  turned: {
    no_key: "缺少写入密钥", unknown_key: "未知的写入密钥", no_policy: "写入密钥没有策略", origin: "密钥不允许此来源", quota: "超出密钥的配额",
    malformed: "格式错误", too_large: "过大", overload: "过载", broker: "消息队列不可用", token: "同意令牌无效",
    internal: "sluice 的故障", connections: "连接过多", schema: "不符合事件的结构", undeclared_event: "事件未声明",
  },
  reasonText: {
    no_consent: ["没有同意", "随事件发送同意对象，或调用 POST /v1/consent；没有用户或安装标识就找不到同意"],
    undeclared_event: ["跟踪计划中没有这个事件", "把它连同用途和字段加入策略的 events"],
    empty: ["没有留下任何字段", "至少发送此用途接收的一个字段，或设置 empty_after_filter: keep"],
    no_item: ["事件没有内容编号", "发送此事件 item 一项列出的字段"],
    duplicate: ["此消息编号已经见过", "无需处理：识别出一次重发；新事件请用新的编号"],
    minor: ["不对未成年人开放，或缺少监护人的同意", "由监护人通过 /v1/consent 同意，或发送带年龄段的令牌"],
    not_before: ["发生在删除个人数据之前", "无需处理：旧事件迟到"],
    schema: ["缺少必填字段，或编号过长", "对照跟踪计划的 JSON Schema 检查事件"],
    corrupt: ["消息无法打开或解码", "查看 enricher 的错误计数：磁盘损坏，或新旧版本并存"],
    key_expired: ["那一小时的密钥已销毁", "enricher 落后超过 raw.retention：请关注其延迟"],
    retention_expired: ["读取之前已被消息队列删除", "enricher 落后超过 raw.retention：请关注其延迟"],
    internal: ["密封搁置：sluice 的故障", "请附上版本和计数报告，不要附上事件"],
  },
  narrowOnly: "调用 POST /v1/consent：在此策略下，随事件发送的同意对象只能收窄；没有用户或安装标识就找不到同意",
};

let lang = navigator.language.startsWith("zh") ? "zh" : "en";

export const locale = () => (lang === "zh" ? "zh-CN" : "en");
export const t = (key) => (lang === "zh" ? zh : en)[key];
export const num = (n) => new Intl.NumberFormat(locale()).format(n);
export const clock = (date) => date.toLocaleTimeString(locale(), { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
export const toggle = () => { lang = lang === "zh" ? "en" : "zh"; };

// reason puts a code into words: what happened, without "dropped" or "rejected", and what
// to do. advice is the server's for the case at hand.
export function reason(code, about, advice) {
  const served = about?.reasons?.[code];
  if (lang === "zh" && zh.reasonText[code]) {
    const [what, todo] = zh.reasonText[code];
    return { what, todo: code === "no_consent" && about && !about.signals_may_grant ? zh.narrowOnly : todo };
  }
  return { what: (served?.what || code).replace(/^(dropped|rejected), /, ""), todo: advice || served?.advice || "" };
}

// translate fills every element that carries the key of a text.
export function translate() {
  document.documentElement.lang = locale();
  for (const e of document.querySelectorAll("[data-t]")) e.textContent = t(e.dataset.t);
  for (const e of document.querySelectorAll("[data-label]")) e.setAttribute("aria-label", t(e.dataset.label));
}
