"use strict";
// The session's graph and timeline on one canvas. Texts reach the page by textContent and fillText.
(() => {
  const began = performance.now();
  const { session, colours, zone } = JSON.parse(document.getElementById("session").textContent);
  const $ = (id) => document.getElementById(id);
  const canvas = $("canvas");
  const pen = canvas.getContext("2d");
  const COLOURS = {
    orchestrator: "#3b5bb5", worker: "#2f7d53", translator: "#7d4bb0", tool: "#8a6a12",
    message: "#5b6779", note: "#1a7f92", other: "#6b7688",
  };
  const HOT = "#ea580c", BAD = "#dc2626";
  const FONT = getComputedStyle(document.body).fontFamily;
  const STRIPE = 6;
  const ROW = 24, WIDTH = 190, STEP = 260, MARGIN = 60;

  const millis = (text) => Date.parse(text);
  const colour = (node) => COLOURS[node.node_type] || COLOURS.other;
  const seconds = (value) => value === null || value === undefined ? "–" :
    value >= 7200 ? `${(value / 3600).toFixed(1)} h` : value >= 600 ? `${(value / 60).toFixed(1)} min` :
    value >= 100 ? `${value.toFixed(0)} s` : value >= 1 ? `${value.toFixed(2)} s` : `${(value * 1000).toFixed(0)} ms`;
  // In the owner's zone; a browser that does not know it shows its own.
  const clock = (() => {
    const form = { dateStyle: "short", timeStyle: "medium" };
    try { return new Intl.DateTimeFormat("sv", { ...form, timeZone: zone || undefined }); } catch { return new Intl.DateTimeFormat("sv", form); }
  })();
  const time = (text) => `${clock.format(millis(text))}${text.match(/\.\d{1,3}/)?.[0] ?? ""}`;
  const number = (value) => value === null || value === undefined ? "–" : Number(value).toLocaleString("en");

  function element(tag, text, name) {
    const made = document.createElement(tag);
    if (text !== undefined && text !== null) made.textContent = text;
    if (name) made.className = name;
    return made;
  }

  const dot = (colour) => {
    const made = element("i", "", "dot");
    made.style.background = colour;
    return made;
  };
  const slotOf = (slot) => slot ? [dot(colours[slot]), slot] : ["–"];

  function pairs(list, entries) {
    list.replaceChildren(...entries.map(([term, value]) => {
      const box = element("div");
      const told = element("dd");
      told.append(...[value].flat());
      box.append(element("dt", term), told);
      return box;
    }));
  }

  // Layout: a tidy tree. Depth to the right, leaves from the top; a parent beside its children.
  // Many leaves of one parent stand in several columns, so that a wide session fits a screen.
  const nodes = session.nodes.map((node, index) => ({
    ...node, index, children: [], depth: 0, y: 0,
    start: millis(node.started_at), end: millis(node.ended_at),
    failed: node.status === "error" || node.tool_calls.some((call) => call.is_error),
  }));
  const byId = new Map(nodes.map((node) => [node.node_id, node]));
  const roots = [];
  for (const node of nodes) {
    const parent = node.parent === null ? undefined : byId.get(node.parent);
    if (parent) parent.children.push(node); else roots.push(node);
  }
  for (const group of [roots, ...nodes.map((node) => node.children)]) {
    const ends = group.filter((node) => !node.children.length);
    const columns = ends.length > 6 ? Math.ceil(Math.sqrt(ends.length / 2)) : 1;
    const block = { top: null, height: Math.ceil(ends.length / columns) };
    ends.forEach((node, i) => Object.assign(node, { block, column: i % columns, line: Math.floor(i / columns) }));
  }
  const rows = [];
  let leaves = 0, right = WIDTH;
  const walk = [...roots].reverse().map((node) => [node, false]);
  while (walk.length) {
    const [node, done] = walk.pop();
    if (done) {
      const ys = node.children.map((child) => child.y).sort((a, b) => a - b);
      node.y = (ys[0] + ys[ys.length - 1]) / 2;
      continue;
    }
    node.row = rows.length;
    rows.push(node);
    node.x = node.depth * STEP + (node.column || 0) * (WIDTH + 16);
    right = Math.max(right, node.x + WIDTH);
    if (!node.children.length) {
      if (node.block.top === null) { node.block.top = leaves; leaves += node.block.height; }
      node.y = (node.block.top + node.line) * ROW;
      continue;
    }
    walk.push([node, true]);
    for (let i = node.children.length - 1; i >= 0; i--) {
      node.children[i].depth = node.depth + 1;
      walk.push([node.children[i], false]);
    }
  }
  const edges = session.edges
    .map((edge) => ({ ...edge, from: byId.get(edge.source), to: byId.get(edge.target) }))
    .filter((edge) => edge.from && edge.to && edge.from !== edge.to);
  const first = nodes.reduce((least, node) => Math.min(least, node.start), nodes.length ? nodes[0].start : 0);
  const last = nodes.reduce((most, node) => Math.max(most, node.end), first + 1);
  const hotPairs = new Set();
  session.critical_path.forEach((stay, i, path) => {
    if (i) { hotPairs.add(`${path[i - 1].node_id}\n${stay.node_id}`); hotPairs.add(`${stay.node_id}\n${path[i - 1].node_id}`); }
  });
  const stays = new Map();
  for (const stay of session.critical_path) {
    if (!stays.has(stay.node_id)) stays.set(stay.node_id, []);
    stays.get(stay.node_id).push([millis(stay.started_at), millis(stay.ended_at)]);
  }
  const layoutMs = performance.now() - began;

  // Two views with a camera each: screen = world * scale + offset.
  const graph = { kind: "graph", scaleX: 1, scaleY: 1, x: 0, y: 0, fitted: false };
  const timeline = { kind: "timeline", scaleX: 1, scaleY: 1, x: 0, y: 0, fitted: false };
  let view = graph, chosen = null, wanted = "", scheduled = false;
  let LABELS = 230;

  function fit() {
    const width = canvas.clientWidth, height = canvas.clientHeight;
    LABELS = Math.min(230, Math.round(width * 0.4));
    if (view.kind === "graph") {
      const scale = Math.min(1.4, (width - 2 * MARGIN) / right, (height - 2 * MARGIN) / Math.max(ROW, leaves * ROW));
      view.scaleX = view.scaleY = Math.max(scale, 0.01);
      view.x = Math.max(MARGIN, (width - right * view.scaleX) / 2);
      view.y = Math.max(MARGIN, (height - leaves * ROW * view.scaleY) / 2);
    } else {
      view.scaleX = (width - LABELS - 40) / (last - first);
      view.scaleY = 1;
      view.x = LABELS;
      view.y = 30;
    }
    view.fitted = true;
    draw();
  }

  function draw() {
    if (!scheduled) { scheduled = true; requestAnimationFrame(paint); }
  }

  function paint() {
    scheduled = false;
    const ratio = window.devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    const ink = getComputedStyle(document.body).color;
    if (view.kind === "graph") paintGraph(width, height, ink); else paintTimeline(width, height, ink);
  }

  const matches = (node) => wanted !== "" && `${node.name} ${node.node_id} ${node.slot || ""}`.toLowerCase().includes(wanted);

  function paintGraph(width, height, ink) {
    const { scaleX: scale, x, y } = view;
    const place = (node) => [node.x * scale + x, node.y * scale + y];
    const boxWidth = WIDTH * scale, boxHeight = (ROW - 6) * scale;
    pen.lineWidth = Math.max(0.5, scale);
    for (const edge of edges) {
      const [ax, ay] = place(edge.from), [bx, by] = place(edge.to);
      if (Math.max(ay, by) < -50 || Math.min(ay, by) > height + 50 || Math.max(ax, bx) < -boxWidth || Math.min(ax, bx) > width) continue;
      const back = edge.to.depth <= edge.from.depth;
      const hot = hotPairs.has(`${edge.source}\n${edge.target}`);
      pen.strokeStyle = hot ? HOT : ink;
      pen.globalAlpha = hot ? 0.9 : back ? 0.18 : 0.35;
      pen.lineWidth = Math.max(0.5, scale) * (hot ? 2 : 1);
      pen.setLineDash(back ? [4, 4] : []);
      pen.beginPath();
      const sx = back ? ax : ax + boxWidth, tx = back ? bx + boxWidth : bx;
      const bend = back ? -40 * scale : (tx - sx) / 2;
      pen.moveTo(sx, ay);
      pen.bezierCurveTo(sx + bend, ay, tx - bend, by, tx, by);
      pen.stroke();
    }
    pen.setLineDash([]);
    pen.globalAlpha = 1;
    pen.textBaseline = "middle";
    pen.font = `${Math.max(7, 12 * scale)}px ${FONT}`;
    for (const node of nodes) {
      const [nx, ny] = place(node);
      if (ny < -boxHeight || ny > height + boxHeight || nx < -boxWidth || nx > width) continue;
      const hot = node.critical_s > 0;
      pen.globalAlpha = wanted && !matches(node) ? 0.2 : 1;
      pen.fillStyle = colour(node);
      pen.fillRect(nx, ny - boxHeight / 2, Math.max(boxWidth, 2), Math.max(boxHeight, 1));
      if (node.slot) {
        pen.fillStyle = colours[node.slot];
        pen.fillRect(nx, ny - boxHeight / 2, Math.max(STRIPE * scale, 1.5), Math.max(boxHeight, 1));
      }
      if (hot || node.failed || node === chosen) {
        pen.lineWidth = node === chosen ? 3 : 2;
        pen.strokeStyle = node === chosen ? ink : node.failed ? BAD : HOT;
        pen.strokeRect(nx, ny - boxHeight / 2, Math.max(boxWidth, 2), Math.max(boxHeight, 1));
      }
      if (scale > 0.45) {
        pen.fillStyle = "#fff";
        label(`${node.name}  ${seconds((node.end - node.start) / 1000)}`, nx + (STRIPE + 5) * scale, ny, boxWidth - (STRIPE + 9) * scale);
      }
    }
    pen.globalAlpha = 1;
  }

  function paintTimeline(width, height, ink) {
    const { scaleX, x, y } = view;
    pen.textBaseline = "middle";
    pen.font = `12px ${FONT}`;
    paintTicks(width, height, ink);
    for (const node of rows) {
      const top = node.row * ROW + y;
      if (top < 20 - ROW || top > height) continue;
      const left = (node.start - first) * scaleX + x;
      const length = Math.max((node.end - node.start) * scaleX, 2);
      pen.globalAlpha = wanted && !matches(node) ? 0.2 : node.critical_s > 0 ? 0.55 : 0.85;
      pen.fillStyle = node.failed ? BAD : colour(node);
      pen.fillRect(left, top + 4, length, ROW - 8);
      pen.globalAlpha = 1;
      pen.fillStyle = HOT;
      for (const [from, to] of stays.get(node.node_id) || []) {
        pen.fillRect((from - first) * scaleX + x, top + ROW - 6, Math.max((to - from) * scaleX, 1), 4);
      }
      if (node.slot) {
        pen.fillStyle = colours[node.slot];
        pen.fillRect(left, top + 4, Math.min(STRIPE, length), ROW - 8);
      }
      for (const chat of node.chats) {
        const from = (millis(chat.started_at) - first) * scaleX + x;
        const to = (millis(chat.ended_at) - first) * scaleX + x;
        pen.strokeStyle = ink;
        pen.lineWidth = 1;
        pen.strokeRect(from, top + 6, Math.max(to - from, 2), ROW - 14);
      }
    }
    pen.fillStyle = getComputedStyle(document.body).backgroundColor;
    pen.fillRect(0, 0, LABELS - 6, height);
    for (const node of rows) {
      const top = node.row * ROW + y;
      if (top < -ROW || top > height) continue;
      pen.fillStyle = node === chosen ? HOT : node.failed ? BAD : ink;
      pen.globalAlpha = wanted && !matches(node) ? 0.3 : 1;
      label(node.name, 10 + Math.min(node.depth, 8) * 12, top + ROW / 2, LABELS - 24 - Math.min(node.depth, 8) * 12);
    }
    pen.globalAlpha = 1;
  }

  function paintTicks(width, height, ink) {
    const every = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600, 21600, 86400]
      .find((step) => step * 1000 * view.scaleX > 90) || 604800;
    const from = Math.floor(-(view.x - LABELS) / view.scaleX / 1000 / every);
    pen.fillStyle = ink;
    for (let i = from, at; (at = i * every * 1000 * view.scaleX + view.x) < width; i++) {
      if (at < LABELS) continue;
      pen.globalAlpha = 0.12;
      pen.fillRect(at, 0, 1, height);
      pen.globalAlpha = 0.7;
      pen.fillText(after(i * every), at + 4, 10);
    }
    pen.globalAlpha = 1;
  }

  // Since the first node began, in the unit of the ticks.
  function after(value_s) {
    if (value_s === 0) return "0";
    const every = Math.abs(value_s);
    if (every < 1) return `${Math.round(value_s * 1000)} ms`;
    if (every < 120) return `${Number(value_s.toFixed(3))} s`;
    if (every < 7200) return `${Number((value_s / 60).toFixed(1))} min`;
    return `${Number((value_s / 3600).toFixed(1))} h`;
  }

  function label(text, x, y, room) {
    if (room < 12) return;
    let shown = text.length > 120 ? `${text.slice(0, 120)}…` : text;
    while (shown.length > 1 && pen.measureText(shown).width > room) {
      shown = `${shown.slice(0, Math.max(1, Math.floor(shown.length * 0.8) - 1))}…`;
    }
    pen.fillText(shown, x, y);
  }

  function nodeAt(px, py) {
    if (view.kind === "timeline") {
      return rows[Math.floor((py - view.y) / ROW)] || null;
    }
    const wx = (px - view.x) / view.scaleX, wy = (py - view.y) / view.scaleY;
    return nodes.find((node) => wx >= node.x && wx <= node.x + WIDTH && Math.abs(wy - node.y) <= ROW / 2) || null;
  }

  function choose(node) {
    chosen = node;
    draw();
    if (!node) return;
    const detail = $("detail");
    const list = element("dl");
    pairs(list, [
      ["node", node.node_id], ["type", node.node_type || "–"], ["slot", slotOf(node.slot)],
      ["model", node.model || "–"], ["status", node.status || "–"],
      ["from", time(node.started_at)], ["to", time(node.ended_at)],
      ["took", seconds((node.end - node.start) / 1000)], ["critical", seconds(node.critical_s)],
    ]);
    detail.replaceChildren(element("h2", node.name), list,
      ...turnParts(node));
    detail.scrollTop = 0;
  }

  // Chats, calls and searches of a node, or of the session, in their order.
  function turnParts(of) {
    const kinds = { chat: [of.chats, chatParts], call: [of.tool_calls, callParts], search: [of.searches, searchParts] };
    return of.turns.flatMap(([kind, number]) => kinds[kind][1](kinds[kind][0][number]));
  }

  function block(title, text) {
    return text ? [element("h3", title), element("pre", text)] : [];
  }

  function chatParts(chat) {
    const list = element("dl");
    pairs(list, [
      ["from", time(chat.started_at)], ["slot", slotOf(chat.slot)], ["tokens", `${number(chat.input_tokens)} in, ${number(chat.output_tokens)} out`],
      ["took", chat.total_ms === null ? "–" : seconds(chat.total_ms / 1000)], ["ended", chat.finish_reason || "–"],
    ]);
    return [element("h3", `Chat${chat.role ? `, ${chat.role}` : ""}`), list,
      ...block("Asked", chat.asked), ...block("Reasoning", chat.reasoning), ...block("Said", chat.said)];
  }

  function callParts(call) {
    return [element("h3", `Tool call: ${call.tool_name || "?"}${call.is_error ? `, failed: ${call.error_type || "?"}` : ""}`, call.is_error ? "bad" : ""),
      ...block("Arguments", call.arguments), ...block("Result", call.result)];
  }

  function searchParts(search) {
    return [element("h3", `Search: ${number(search.result_count)} hits`), ...(search.query ? [element("pre", search.query)] : [])];
  }

  function table(head, body, note) {
    const made = element("table"), top = element("tr");
    const figures = head.map((_, n) => body.some((cells) => typeof cells[n] === "number"));
    top.append(...head.map((name, n) => element("th", name, figures[n] ? "number" : "")));
    made.append(top, ...body.map((cells) => {
      const row = element("tr");
      row.append(...cells.map((cell) => element("td", cell === null || cell === undefined ? "–" : typeof cell === "number" ? number(cell) : cell, typeof cell === "number" ? "number" : "")));
      return row;
    }));
    $("table").replaceChildren(element("p", note), made);
  }

  const listed = (values) => values && values.length ? values.join(", ") : "–";
  const share = (value) => value === null || value === undefined ? "–" : `${Math.round(value * 100)} %`;

  function showAgreement() {
    table(["worker", "slots", "told", "kept", "ignored", "differs", "introduced", "overlap"],
      session.agreement.map((worker) => [
        worker.worker, listed(worker.slots), worker.told, `${worker.kept} (${share(worker.kept_share)})`,
        listed(worker.ignored_decisions), listed(worker.differing_settings), listed(worker.introduced_terms), share(worker.overlap_with_others),
      ]),
      "Decisions are settings, numbers, identifiers and names that the plan states. Told: the worker's request repeats it. "
      + "Kept: its answer mentions it; a mention is no obedience. Overlap: of the terms that two workers introduced, the share that both did.");
  }

  function showJobs() {
    table(["recipe", "status", "slot", "tokens out", "took", "text or error"],
      session.jobs.map((job) => [job.recipe, job.status, job.slot, job.output_tokens,
        job.total_ms === null ? null : seconds(job.total_ms / 1000), job.error || job.text]),
      "What recipes made of this session.");
  }

  const showTurns = () => $("table").replaceChildren(...turnParts(session));

  function show(name) {
    for (const other of ["turns", "graph", "timeline", "agreement", "jobs"]) {
      $(`show-${other}`).setAttribute("aria-pressed", String(other === name));
    }
    const drawn = name === "graph" || name === "timeline";
    $("table").hidden = drawn;
    if (name === "turns") showTurns();
    if (name === "agreement") showAgreement();
    if (name === "jobs") showJobs();
    if (drawn) {
      view = name === "graph" ? graph : timeline;
      if (view.fitted) draw(); else fit();
    }
  }

  for (const name of ["turns", "graph", "timeline", "agreement", "jobs"]) {
    $(`show-${name}`).addEventListener("click", () => show(name));
  }
  $("fit").addEventListener("click", fit);
  $("find").addEventListener("input", (event) => { wanted = event.target.value.trim().toLowerCase(); draw(); });
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    if (view.kind === "timeline" && !event.ctrlKey && !event.shiftKey && event.offsetX < LABELS) {
      view.y = Math.min(30, view.y - event.deltaY);
    } else {
      const factor = Math.exp(-event.deltaY * 0.0015);
      view.x = event.offsetX - (event.offsetX - view.x) * factor;
      view.scaleX *= factor;
      if (view.kind === "graph") {
        view.y = event.offsetY - (event.offsetY - view.y) * factor;
        view.scaleY *= factor;
      }
    }
    draw();
  }, { passive: false });
  let held = null;
  canvas.addEventListener("pointerdown", (event) => {
    held = { x: event.offsetX, y: event.offsetY, moved: false };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!held) return;
    const dx = event.offsetX - held.x, dy = event.offsetY - held.y;
    if (Math.abs(dx) + Math.abs(dy) < 4 && !held.moved) return;
    view.x += dx;
    view.y += dy;
    held = { x: event.offsetX, y: event.offsetY, moved: true };
    draw();
  });
  canvas.addEventListener("pointerup", (event) => {
    if (held && !held.moved) choose(nodeAt(event.offsetX, event.offsetY));
    held = null;
  });
  new ResizeObserver(() => { if (view.fitted) draw(); else fit(); }).observe(canvas);

  const facts = session.summary;
  $("title").textContent = `Session ${session.correlation_id}`;
  pairs($("figures"), [
    ["days", session.days.join(", ")], ["span", seconds(facts.span_s)], ["critical path", seconds(facts.critical_path_s)],
    ["events", number(facts.events)], ["nodes", number(facts.nodes)], ["edges", number(facts.edges)],
    ["chats", number(facts.chats)], ["tool calls", `${number(facts.tool_calls)} (${number(facts.tool_errors)} failed)`],
    ["tokens", `${number(facts.input_tokens)} in, ${number(facts.output_tokens)} out`],
    ["slots", facts.slots && facts.slots.length ? facts.slots.flatMap((slot) => [" ", ...slotOf(slot)]) : "–"],
    ["chats at once", facts.max_parallel_chats === null ? "–" : `${facts.max_parallel_chats} (mean ${facts.mean_parallel_chats.toFixed(2)})`],
    ["jobs", number(facts.jobs)],
  ]);
  $("legend").replaceChildren(...[...Object.entries(COLOURS).filter(([type]) => nodes.some((node) => (COLOURS[node.node_type] ? node.node_type : "other") === type)),
    ["critical path", HOT], ["failed", BAD]].map(([name, value]) => {
    const box = element("span"), swatch = element("i");
    swatch.style.background = value;
    box.append(swatch, name);
    return box;
  }), ...[...new Set(nodes.map((node) => node.slot).filter(Boolean))].sort().map((slot) => {
    const box = element("span");
    box.append(...slotOf(slot));
    return box;
  }));
  // Without lineage there is nothing to draw: the turns are the page.
  const drawn = nodes.length > 0;
  for (const id of ["show-graph", "show-timeline", "fit", "find", "legend", "detail"]) $(id).hidden = !drawn;
  $("show-turns").hidden = drawn;
  if (drawn && session.turns.length) $("detail").append(element("h2", "Without a node"), ...turnParts(session));
  show(drawn ? "graph" : "turns");
  requestAnimationFrame(() => {
    document.documentElement.dataset.layoutMs = layoutMs.toFixed(1);
    document.documentElement.dataset.readyMs = (performance.now() - began).toFixed(1);
  });
})();
