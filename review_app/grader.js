// The grading page. The next pair is shown at once; what the reviewer did waits in an outbox until the server says that it is stored.
// The outbox survives a reload (localStorage) and a repeat (the server stores an event id once). Model text arrives as inert HTML.

const AHEAD_OF_UNDO = 30;
const IDLE_MS = 30_000;          // longer without a sign of the reviewer is a break, and not counted
const LONGEST_MS = 3_600_000;
const RETRY_MS = 3_000;
const HEARTBEAT_MS = 60_000;     // renews the leases of a reviewer who reads for long
const LATE_MS = 6_000;
const SETTLE_MS = 250;           // a key that was on its way before the server's card appeared is not meant for it
const desks = new WeakMap();

export default function ({ parentElement, data, setStateValue }) {
  if (!desks.has(parentElement)) desks.set(parentElement, new Desk(parentElement));
  const desk = desks.get(parentElement);
  desk.attach(setStateValue);
  if (data) desk.receive(data);
  return () => desk.detach();
}

class Desk {
  constructor(root) {
    this.root = root;
    this.queue = [];             // cards after the current one
    this.card = null;
    this.known = new Map();      // place -> card, so that an undo needs no server
    this.outbox = [];
    this.history = [];           // what can be undone: ids only
    this.note = "";
    this.said = "";
    this.diff = false;
    this.stop = null;
    this.sent = 0;
    this.settling = 0;
  }

  $(selector) { return this.root.querySelector(selector); }

  // ---- life

  attach(setStateValue) {
    this.setStateValue = setStateValue;
    if (this.stop) return;
    const stop = new AbortController();
    const on = (target, name, handler, options) => target.addEventListener(name, handler, { signal: stop.signal, ...options });
    on(window, "keydown", (event) => this.onKey(event), { capture: true });
    for (const name of ["pointermove", "pointerdown", "wheel", "touchmove"]) on(window, name, () => this.alive(), { passive: true });
    on(window, "online", () => this.send());
    on(window, "offline", () => this.showStatus());
    on(document, "visibilitychange", () => { this.lastSign = performance.now(); if (!document.hidden) this.send(); });
    on(this.root, "click", (event) => this.onClick(event));
    on(this.$(".types"), "change", (event) => { this.card = null; this.setStateValue("task_type", event.target.value); });
    on(this.$(".note"), "input", (event) => { this.note = event.target.value; });
    on(this.$(".skip"), "submit", (event) => { event.preventDefault(); this.skip(this.$(".skip input").value); });
    const timers = [setInterval(() => this.retry(), RETRY_MS), setInterval(() => document.hidden || this.send(), HEARTBEAT_MS)];
    stop.signal.addEventListener("abort", () => timers.forEach(clearInterval));
    this.stop = stop;
  }

  detach() {
    this.stop?.abort();
    this.stop = null;
  }

  // ---- what the server says

  receive(data) {
    if (data.error) return this.say(data.error);   // the outbox waits and is sent again
    const first = !this.data;
    this.data = data;
    if (first) this.remember();
    const stored = new Set(data.stored);
    const refused = new Map(data.refused.map(({ id, reason }) => [id, reason]));
    this.outbox = this.outbox.filter((event) => !stored.has(event.id) && !refused.has(event.id));
    this.history = this.history.filter((done) => !refused.has(done.id));
    this.say([...refused.values()][0] ?? (stored.size ? "" : this.said));
    this.save();

    const last = new Map(this.outbox.map((event) => [event.place, event.kind]));  // the last event of each place
    const open = data.cards.filter((card) => !last.has(card.place) || last.get(card.place) === "undo");
    for (const card of open) this.known.set(card.place, card);
    for (const place of [...this.known.keys()].slice(0, -AHEAD_OF_UNDO - 10)) this.known.delete(place);
    const at = (place) => open.find((card) => card.place === place);
    const current = at(this.awaited) ?? at(this.card?.place);
    const undone = this.card && last.get(this.card.place) === "undo" ? this.card : null;
    const next = current ?? undone ?? open[0] ?? null;
    if (next && next.place === this.awaited) this.awaited = null;
    this.queue = open.filter((card) => card.place !== next?.place);
    const same = next && this.card && next.place === this.card.place && digests(next) === digests(this.card);
    if (!same || first) {
      this.show(next);
      if (next) this.settle();
    }
    this.showTypes();
    this.showStatus();
    if (first) this.send();      // also tells the server of what waited in the outbox
  }

  // ---- what the reviewer does

  grade(key) {
    if (!this.card || this.settling) return;
    this.happened({ kind: "grade", key, note: this.note });
  }

  skip(reason) {
    if (!this.card || this.settling || !reason.trim()) return;
    this.toggle(".skip", false);
    this.happened({ kind: "skip", note: reason.trim() });
  }

  happened(what) {
    this.alive();
    const { place, pair, sides } = this.card;
    const event = { id: uuid(), place, pair, left: sides[0].digest, right: sides[1].digest, ms: Math.min(Math.round(this.active), LONGEST_MS), ...what };
    this.history = [...this.history, { id: event.id, place, pair }].slice(-AHEAD_OF_UNDO);
    this.put(event);
    this.show(this.queue.shift() ?? null);
    this.send();
  }

  undo() {
    const done = this.history.pop();
    if (!done) return this.say("There is nothing to undo.");
    this.put({ id: uuid(), kind: "undo", place: done.place, pair: done.pair, undoes: done.id });
    const card = this.known.get(done.place);
    if (card) {
      if (this.card) this.queue.unshift(this.card);
      this.show(card);
    } else this.awaited = done.place;   // its text comes back with the answer
    this.send();
  }

  put(event) {
    this.outbox.push({ ...event, since: Date.now() });
    this.save();
  }

  send() {
    this.sent = Date.now();
    this.showStatus();
    this.setStateValue("outbox", { sent: this.sent, events: this.outbox.map(({ since, ...event }) => event) });
  }

  retry() {
    if (this.outbox.length && Date.now() - this.sent >= RETRY_MS) this.send();
    this.showStatus();
  }

  // ---- storage of this browser: ids, keys and notes, never text of a model

  remember() {
    try {
      this.outbox = JSON.parse(localStorage.getItem(`${this.data.desk}.outbox`)) ?? [];
      this.history = JSON.parse(sessionStorage.getItem(`${this.data.desk}.history`)) ?? [];
    } catch { /* a browser that keeps nothing still grades */ }
  }

  save() {
    try {
      localStorage.setItem(`${this.data.desk}.outbox`, JSON.stringify(this.outbox));
      sessionStorage.setItem(`${this.data.desk}.history`, JSON.stringify(this.history));
    } catch { /* as above */ }
  }

  // ---- keys and clicks

  onKey(event) {
    this.alive();
    if (event.defaultPrevented || event.repeat || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    const target = event.composedPath()[0];
    if (target instanceof Element && target.closest("input, textarea, select, [contenteditable]")) {
      if (event.key === "Escape") { target.blur(); this.toggle(".skip", false); event.stopPropagation(); }
      return;
    }
    const key = event.key.toLowerCase();
    const action = { z: "undo", u: "undo", s: "skip", n: "note", d: "diff", g: "guide", "?": "guide", escape: "close" }[key];
    if (/^[0-5]$/.test(key)) this.grade(key);
    else if (action) this.act(action);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  onClick(event) {
    const button = event.target.closest("button");
    if (!button || event.detail > 1) return;   // the second half of a double click belongs to the pair before
    if (button.dataset.key) this.grade(button.dataset.key);
    else if (button.dataset.reason) this.skip(button.dataset.reason);
    else if (button.dataset.do) this.act(button.dataset.do);
  }

  act(action) {
    if (action === "undo") this.undo();
    else if (action === "guide") this.toggle(".guide");
    else if (action === "close") [".guide", ".skip"].forEach((panel) => this.toggle(panel, false));
    else if (!this.card) return;
    else if (action === "diff") { this.diff = !this.diff; this.showSides(); }
    else if (action === "note") this.toggle(".note", true, true);
    else if (action === "skip") this.toggle(".skip", true, true);
  }

  toggle(selector, wanted, focus) {
    const panel = this.$(selector);
    panel.hidden = wanted === undefined ? !panel.hidden : !wanted;
    if (focus) (panel.querySelector("input") ?? panel).focus();
    if (selector === ".guide") this.$("[data-do=guide]").setAttribute("aria-expanded", String(!panel.hidden));
  }

  // ---- active time: between signs of the reviewer, breaks cut out

  alive() {
    const now = performance.now();
    if (!document.hidden) this.active += Math.min(now - this.lastSign, IDLE_MS);
    this.lastSign = now;
  }

  // ---- the page

  settle() {
    this.$(".desk").dataset.state = "arriving";
    clearTimeout(this.settling);
    this.settling = setTimeout(() => {
      this.settling = 0;
      if (this.card) this.$(".desk").dataset.state = "grading";
    }, SETTLE_MS);
  }

  show(card) {
    this.card = card;
    this.active = 0;
    this.lastSign = performance.now();
    this.note = this.$(".note").value = this.$(".skip input").value = "";
    this.toggle(".note", false);
    this.toggle(".skip", false);
    const desk = this.$(".desk");
    const waits = this.outbox.some((event) => event.kind !== "undo");
    desk.dataset.state = card ? "grading" : "empty";
    desk.dataset.pair = card?.pair ?? "";
    this.$(".empty").hidden = Boolean(card);
    if (!card) {
      this.$(".empty h2").textContent = waits ? "Saving your last grades…" : "Nothing to grade";
      this.$(".empty p").textContent = waits ? "The next pairs come as soon as they are stored." : "Every pair that is wanted from you is graded. New ones appear here by themselves.";
      return;
    }
    this.$(".task").innerHTML = card.task;       // inert: escaped by evalharness.review.show
    this.$(".task").scrollTop = 0;
    this.$(".guide").innerHTML = this.data.guidelines[card.taskType] ?? "";
    const names = card.hidden ? ` · ${card.hidden} model name${card.hidden > 1 ? "s are" : " is"} hidden in this pair` : "";
    this.$(".who").textContent = `You grade as ${this.data.reviewer}${names}`;
    this.showSides();
  }

  showSides() {
    this.$("[data-do=diff]").setAttribute("aria-pressed", String(this.diff));
    this.card.sides.forEach((side, i) => {
      const pane = this.$(i ? ".b" : ".a");
      const marked = this.diff && this.card.difference;
      pane.querySelector(".text").innerHTML = marked ? marked[i] : side.html;   // inert, as above
      const says = this.card.same ? "both answers read the same" : this.diff && !marked ? "too long to compare" : "";
      pane.querySelector("h2 span").textContent = [`${side.characters.toLocaleString("en")} characters`, says].filter(Boolean).join(" · ");
      pane.scrollTop = 0;
    });
  }

  showTypes() {
    const select = this.$(".types");
    const options = [["", "All task types"], ...this.data.progress.map((task) => [task.name, `${task.name} (${many(task.open, this.data.counted)})`])];
    select.replaceChildren(...options.map(([value, label]) => Object.assign(document.createElement("option"), { value, textContent: label })));
    select.value = this.data.task_type;
    const mine = this.data.progress.filter((task) => !this.data.task_type || task.name === this.data.task_type);
    const graded = mine.reduce((sum, task) => sum + task.graded, 0);
    const open = mine.reduce((sum, task) => sum + task.open, 0);
    this.$(".count").textContent = `${graded.toLocaleString("en")} today · ${many(open, this.data.counted)} left`;
    this.$(".bar i").style.width = `${(100 * graded) / Math.max(1, graded + open)}%`;
  }

  showStatus() {
    const waiting = this.outbox.length;
    const late = waiting && Date.now() - this.outbox[0].since > LATE_MS;
    const is = !waiting ? "saved" : late || !navigator.onLine ? "offline" : "saving";
    const status = this.$(".status");
    status.dataset.is = is;
    const text = { saved: "saved", saving: `saving ${waiting}`, offline: `offline: ${waiting} kept here, sent when the connection is back` }[is];
    if (status.textContent !== text) status.textContent = text;
  }

  say(text) {
    this.said = text;
    this.$(".message").hidden = !text;
    this.$(".message").textContent = text;
  }
}

const digests = (card) => card.sides.map((side) => side.digest).join();
const many = (n, counted) => n.toLocaleString("en") + (n >= counted ? "+" : "");

function uuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));   // randomUUID is missing on plain http beyond loopback
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
