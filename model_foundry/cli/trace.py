"""`model-foundry trace`: one session as a tree with timings, a timeline, and what came of it."""

import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import msgspec
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from model_foundry.cli.console import console, errors
from model_foundry.cli.plain import escaped, plain
from model_foundry.errors import FoundryError
from model_foundry.sessions.graph import Chat, Node, Search, Session, ToolCall, build
from model_foundry.sessions.page import page
from model_foundry.settings import Settings
from model_foundry.summaries.session import SessionRows, read_session

_SIBLINGS = 12  # shown of one parent, unless all are asked for
_LANES = 16
_TEXT = 100
_BAR = 56


def trace(
    settings: Settings,
    correlation_id: str,
    *,
    day: date | None,
    as_json: bool,
    html: Path | None,
    everything: bool,
) -> None:
    """Print a session, or write it as JSON or as a page.

    Raises:
        FoundryError: it is not known, or the page cannot be written.
    """
    rows = read_session(settings, correlation_id, day)
    session = build(correlation_id, rows.days, rows.summary, rows.agreement, rows.tables)
    _warn(settings, rows)
    if html is not None:
        try:
            html.write_text(page(session, settings.timezone), encoding="utf-8")
        except OSError as error:
            raise FoundryError(f"{html} cannot be written: {error.strerror or error}") from None
    if as_json:
        sys.stdout.write(escaped(msgspec.json.encode(session).decode()) + "\n")
    elif html is not None:
        console.print(plain(f"Wrote {html}"), soft_wrap=True)
    else:
        _show(console, session, everything=everything)


def _warn(settings: Settings, rows: SessionRows) -> None:
    if rows.stale_because is not None:
        errors.print(
            Text.assemble("Shown as the lake has it: ", plain(rows.stale_because), style="yellow"),
            soft_wrap=True,
        )
    for table in rows.cut:
        errors.print(
            f"[yellow]Of {table}, only {settings.trace_max_rows:,} rows are looked at "
            "(MODEL_FOUNDRY_TRACE_MAX_ROWS).[/]",
            soft_wrap=True,
        )
    if rows.other_days:
        days = ", ".join(str(day) for day in rows.other_days[-10:])
        errors.print(
            f"[yellow]The same id was used on {days} too: --day shows that session.[/]",
            soft_wrap=True,
        )


def _show(out: Console, session: Session, *, everything: bool) -> None:
    out.print(Text.assemble(("Session ", "bold"), plain(session.correlation_id)), soft_wrap=True)
    out.print(_figures(session))
    out.print(_tree(session, everything=everything))
    if lanes := list(_timeline(session)):
        out.print(Group(Text("\nTimeline", style="bold"), *lanes))
    if session.agreement:
        out.print(_agreement(session))
    if session.jobs:
        out.print(_jobs(session))


def _figures(session: Session) -> Table:
    facts = session.summary
    table = Table.grid(padding=(0, 2))
    slots = ", ".join(facts["slots"] or ["–"])
    wide = _number(facts["max_parallel_chats"])
    mean = _number(facts["mean_parallel_chats"], ".2f")
    for name, value in (
        ("days", ", ".join(session.days)),
        (
            "span",
            f"{_seconds(facts['span_s'])}, critical path {_seconds(facts['critical_path_s'])}",
        ),
        ("events", f"{facts['events']:,}: {facts['nodes']:,} nodes, {facts['edges']:,} edges"),
        ("chats", f"{facts['chats']:,} on {slots}, at most {wide} at once, mean {mean}"),
        (
            "tokens",
            f"{_number(facts['input_tokens'])} in, {_number(facts['output_tokens'])} out",
        ),
        ("tool calls", f"{facts['tool_calls']:,}, {facts['searches']:,} searches"),
        (
            "errors",
            f"{facts['failed_chats']} chats, {facts['tool_errors']} tool calls, "
            f"{facts['node_errors']} nodes, {facts['failed_jobs']} jobs; "
            f"{facts['cut_chats']} answers cut",
        ),
    ):
        table.add_row(Text(name, style="dim"), plain(value))
    return table


def _tree(session: Session, *, everything: bool) -> Tree:
    children = session.children()
    tree = Tree(Text("\nWhat happened" if session.nodes else "\nWhat happened (no flow lineage)"))
    waiting: list[tuple[Tree, str | None]] = [(tree, None)] if session.nodes else []
    while waiting:
        branch, parent = waiting.pop()
        shown = children.get(parent, [])
        most = len(shown) if everything else _SIBLINGS
        for node in shown[:most]:
            grown = branch.add(_node_line(node))
            for line in _turns(node):
                grown.add(line)
            waiting.append((grown, node.node_id))
        if len(shown) > most:
            branch.add(Text(f"… {len(shown) - most} more (--all)", style="dim"))
    loose = list(_turns(session))
    target = tree.add(Text("without a node", style="dim")) if session.nodes and loose else tree
    most = len(loose) if everything else 4 * _SIBLINGS
    for line in loose[:most]:
        target.add(line)
    if len(loose) > most:
        target.add(Text(f"… {len(loose) - most} more (--all)", style="dim"))
    return tree


def _node_line(node: Node) -> Text:
    style = "bold red" if node.failed else "bold"
    line = Text.assemble(plain(node.name, most=_TEXT, style=style))
    if node.node_type and node.node_type != node.name:
        line.append_text(plain(f" {node.node_type}", style="cyan"))
    if node.slot:
        line.append_text(plain(f" on {node.slot}", style="magenta"))
    line.append(f"  {_seconds(node.duration_s)}")
    if node.critical_s:
        line.append(f"  critical {_seconds(node.critical_s)}", style="yellow")
    if node.status not in {None, "done"}:
        line.append_text(plain(f"  {node.status}", style="red" if node.failed else "dim"))
    return line


def _turns(of: Node | Session) -> Iterator[Text]:
    """A line for each chat, call and search, in their order."""
    for kind, number in of.turns:
        match kind:
            case "chat":
                yield _chat_line(of.chats[number])
            case "call":
                yield _call_line(of.tool_calls[number])
            case "search":
                yield _search_line(of.searches[number])


def _chat_line(chat: Chat) -> Text:
    said = chat.said or (f"{chat.calls} tool calls" if chat.calls else "")
    line = Text.assemble(("chat", "green"))
    line.append_text(plain(f" {chat.role or ''} {chat.slot or ''}", style="dim"))
    line.append(f"  {_ms(chat.total_ms)}  {_number(chat.input_tokens)}→")
    line.append(f"{_number(chat.output_tokens)} tokens")
    if chat.status not in {None, "ok"} or chat.error_kind:
        line.append_text(plain(f"  {chat.error_kind or chat.status}", style="red"))
    elif chat.finish_reason not in {None, "stop", "tool_calls"}:
        line.append_text(plain(f"  {chat.finish_reason}", style="red"))
    return line.append("  ").append_text(plain(said, most=_TEXT, style="italic"))


def _call_line(call: ToolCall) -> Text:
    line = Text.assemble(("tool ", "green"), plain(call.tool_name or "?"))
    line.append(f"  {_ms(call.duration_ms)}  ")
    if call.is_error:
        line.append_text(plain(f"{call.error_type or 'error'}  ", style="red"))
    return line.append_text(plain(call.arguments or "", most=_TEXT, style="italic"))


def _search_line(search: Search) -> Text:
    line = Text.assemble(("search", "green"), f"  {search.result_count} hits  ")
    return line.append_text(plain(search.query or "", most=_TEXT, style="italic"))


def _timeline(session: Session) -> Iterator[RenderableType]:
    """A bar for each of the longest nodes; its part of the critical path is yellow."""
    lanes = sorted(session.nodes, key=lambda node: node.duration_s, reverse=True)[:_LANES]
    lanes = sorted((lane for lane in lanes if lane.duration_s > 0), key=lambda n: n.started_at)
    if not lanes:
        return
    begun = min(lane.started_at for lane in lanes)
    span = (max(lane.ended_at for lane in lanes) - begun).total_seconds()

    def cell(moment_s: float) -> int:
        return min(_BAR - 1, int(moment_s / span * _BAR))

    for lane in lanes:
        cells = [" "] * _BAR
        for run in lane.runs:
            first = cell((run.started_at - begun).total_seconds())
            last = cell((run.ended_at - begun).total_seconds())
            cells[first : last + 1] = "━" * (last - first + 1)
        bar = Text("".join(cells), style="red" if lane.failed else "blue")
        for stay in session.critical_path:
            if stay.node_id == lane.node_id:
                a = cell((stay.started_at - begun).total_seconds())
                b = cell((stay.ended_at - begun).total_seconds())
                bar.stylize("yellow", a, max(a + 1, b))
        name = plain(lane.name, most=20)
        name.pad_right(20 - name.cell_len)
        yield Text.assemble(name, " ▕", bar, "▏ ", _seconds(lane.duration_s))


def _agreement(session: Session) -> Group:
    table = Table("worker", "told", "kept", "ignored", "differs", "introduced", "overlap")
    for worker in session.agreement:
        table.add_row(
            plain(worker["worker"], most=24),
            str(worker["told"]),
            f"{worker['kept']} ({_share(worker['kept_share'])})",
            plain(", ".join(worker["ignored_decisions"]) or "–", most=120),
            plain("; ".join(worker["differing_settings"]) or "–", most=120),
            plain(", ".join(worker["introduced_terms"]) or "–", most=120),
            _share(worker["overlap_with_others"]),
        )
    decisions = session.agreement[0]["plan_decisions"]
    return Group(
        Text(f"\nHow far the workers kept to the plan ({decisions} decisions)", style="bold"),
        table,
        Text("By mention, not by obedience: see docs/sessions.md.", style="dim"),
    )


def _jobs(session: Session) -> Group:
    table = Table("recipe", "status", "slot", "tokens", "took", "text or error")
    for job in session.jobs:
        table.add_row(
            plain(job.recipe),
            plain(job.status, style="" if job.status == "ok" else "red"),
            plain(job.slot or "–"),
            f"{_number(job.input_tokens)}→{_number(job.output_tokens)}",
            _ms(job.total_ms),
            plain(job.error or job.text or "", most=_TEXT),
        )
    return Group(Text("\nWhat recipes made of it", style="bold"), table)


def _seconds(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.1f} s" if value >= 1 else f"{value * 1000:.0f} ms"


def _ms(value: float | None) -> str:
    return _seconds(None if value is None else value / 1000)


def _number(value: float | None, form: str = ",") -> str:
    return "–" if value is None else format(value, form)


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.0%}"
