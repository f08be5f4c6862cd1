"""README.md and every page of docs/, followed: each command as it is printed, in order.

On what `make run` and a second demo left, beside a running `make dev`, in a copy of the project.
"""

import contextlib
import os
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import httpx
import pytest

from model_foundry.devstack.processes import free_port
from model_foundry_tests.dev import wait_for
from model_foundry_tests.e2e.conftest import Ran
from model_foundry_tests.pages import PAGES, Block, blocks

# Their reasons, so that none is left out for none.
NOT_RUN: Final = {
    "make run": "the fixture has run it",
    "make dev": "the fixture runs it",
    "make test": "this is a part of it",
    "make test-vllm": "it fetches 2.6 GB",
    "docker compose -f deploy/compose.yaml --profile servers up --build --detach": "no container "
    "engine is needed for these tests",
}
# What is to be seen, as patterns; nothing means that the command is silent.
SEEN: Final[dict[str, list[str]]] = {
    "source .venv/bin/activate": [],
    'export DAGSTER_HOME="$PWD/.foundry/dagster"': [],
    "model-foundry query --list": ["busy-hours", "Which sessions kept most chats running"],
    "model-foundry query --name slow-slots": ["kindergarten", "naughty", "tg_"],
    'model-foundry query "FROM daily_slot_throughput"': [
        "traffic", "jobs", "translator", "The same in every row: day = ", r"--wide\s+shows every",
    ],
    "model-foundry report --day today --out .foundry/day.html": [r"Wrote .*day\.html"],
    "model-foundry publish examples/events.ndjson": ["Published 6 events"],
    "model-foundry trace example --html .foundry/session.html": [r"Wrote .*session\.html"],
    "model-foundry quarantine list": ["no_payload", "llm.chat.persist"],
    "model-foundry translate examples/ups.md --from ja --to en --out .foundry": [
        r"published: .*ups\.md", r"ups\.en\.md: \d+ segments",
    ],
    "model-foundry translation check examples/ups.md .foundry/ups.en.md --from ja": [
        "nothing is wrong|glossary|length|untranslated|echo",
    ],
    "model-foundry translation review list": [r"\S"],
    "model-foundry translation export .foundry/memory.tmx": [r"\d+ units are in "],
    "model-foundry translation import .foundry/memory.tmx": [r"\d+ units were new"],
    "cat .foundry/ups.en.md": ["^translation:", "^# [A-Z]", "[Bb]atter|power|database"],
    "model-foundry batch examples/requests.jsonl --out .foundry/answers.jsonl": [
        r"2 answers in .*answers\.jsonl",
    ],
    "cat .foundry/answers.jsonl": ['"custom_id": ?"colour"', '"custom_id": ?"ups"', '"content"'],
    'dg launch --assets llm_chat,daily_events --partition-range "$(date -u +%F)...$(date -u +%F)"':
    ["llm_chat", "daily_events", "RUN_SUCCESS"],
    "dg launch --assets slot_benchmark": ["slot_benchmark", "RUN_SUCCESS"],
    "model-foundry fleet check": ["kindergarten", "naughty", "translator", "up"],
    "model-foundry trace example": ["Session example", "worker", "search_notes"],
    "export NATS_URL=$(grep -o 'nats://.*' .foundry/services.env)": [],
    "python examples/producer.py": [r"FOUNDRY has \S+ as message \d+"],
    "examples/producer.sh": ['"stream":"FOUNDRY"', r'"seq":\d+'],
    "model-foundry trace example --json": ['"correlation_id": ?"example"', '"tool:call_1"'],
    "model-foundry query --name slow-nodes --since yesterday": ["orchestrator", "critical_"],
    'model-foundry query "SELECT correlation_id, events, chats, span_s FROM session_summary '
    'ORDER BY events DESC"': ["correlation_id", r"demo-requests"],
    'model-foundry query "SELECT correlation_id, critical_path FROM session_summary" --json': [
        r'^\[$', r'"critical_path": \["', r'^\]$',
    ],
    "mkdir model_foundry/defs/recipes/topic": [],
    "dg check defs": ["loaded successfully"],
    "dg launch --assets llm_chat,generation_topic,daily_slot_throughput --partition "
    '"$(date -u +%F)"': ["generation_topic", "RUN_SUCCESS"],
    'model-foundry query "SELECT slot, output_tokens, response_text FROM inference_result '
    "WHERE recipe = 'topic'\"": ["kindergarten", "is_question"],
    "dg list components --package model_foundry": ["GenerationRecipe", "TranslationRecipe"],
    "dg utils inspect-component model_foundry.components.GenerationRecipe": ["json_schema"],
    "MODEL_FOUNDRY_FLEET=fleets/gemma4.yaml model-foundry fleet render": [
        "vllm serve .*gemma", "llama-server",
    ],
    "deploy/make-secrets.sh": ["made deploy/secrets/postgres_password"],
    "$EDITOR deploy/fleet.yaml": [],
    "MODEL_FOUNDRY_FLEET=deploy/fleet.yaml model-foundry fleet targets > "
    "deploy/prometheus/slots.json": [],
}  # fmt: skip
# What sensors bring about some time after a command that asks for it.
LATER_S: Final = {
    "model-foundry trace example --html .foundry/session.html": 120,
    "model-foundry trace example": 120,
}


class Shell(NamedTuple):
    """A person's terminal: what one command exports, the next one sees."""

    project: Path
    environment: dict[str, str]

    def run(self, command: str) -> tuple[int, str]:
        """A command's exit code, and what it printed."""
        kept = shlex.quote(str(self.project / ".foundry" / "exported.sh"))
        done = subprocess.run(
            [
                "bash",
                "-c",
                f". {kept} 2>/dev/null; {command}\ncode=$?; export -p > {kept}; exit $code",
            ],
            cwd=self.project,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=280,
        )
        return done.returncode, done.stdout


@pytest.fixture
def shell(ran: Ran) -> Iterator[Shell]:
    """One beside `make dev`, which runs as long as it is used."""
    port = free_port()
    environment = {
        **ran.environment,
        "PORT": str(port),
        "MODEL_FOUNDRY_EXPORTER_PORT": str(free_port()),
        "EDITOR": "true",
        # One length of prompt is enough to see that slots are measured.
        "MODEL_FOUNDRY_SLOT_BENCHMARK_PROMPT_TOKENS": "[32]",
        "MODEL_FOUNDRY_SLOT_BENCHMARK_ANSWER_TOKENS": "8",
    }
    log = (ran.home / "dev.log").open("w+")
    with subprocess.Popen(
        ["make", "dev"],
        cwd=ran.project,
        env=environment,
        stdout=log,
        stderr=log,
        start_new_session=True,  # so that Ctrl-C reaches make and what it started, and not us
    ) as dev:

        def up() -> bool:
            assert dev.poll() is None, (ran.home / "dev.log").read_text()
            with contextlib.suppress(httpx.HTTPError):
                return httpx.get(f"http://127.0.0.1:{port}/server_info", timeout=2).is_success
            return False

        try:
            wait_for(up, seconds=120, name="make dev")
            yield Shell(ran.project, environment)
        finally:
            os.killpg(dev.pid, signal.SIGINT)
            dev.wait(60)
            log.close()
    assert not (ran.home / "services.env").exists()


@pytest.mark.timeout(3000)
def test_every_command_is_run_as_printed(shell: Shell) -> None:
    printed = [command for page in PAGES for block in blocks(page) for command in block.commands]
    assert set(printed) == {*SEEN, *NOT_RUN}
    faults = [
        f"{block.page}: {fault}"
        for page in PAGES
        for block in blocks(page)
        for fault in followed(shell, block)
    ]
    assert not faults, "\n\n".join(faults)


def followed(shell: Shell, block: Block) -> Iterator[str]:
    """A block's file written, its commands run, its question asked; what was not right."""
    if block.file is not None:
        (shell.project / block.file).write_text(block.text, encoding="utf-8")
    elif block.kind == "sql":
        code, said = shell.run(f'model-foundry query "{block.text}" --csv')
        if code or len(said.splitlines()) < 2:
            yield f"{block.text} → {code}: {said}"
    for command in block.commands:
        if command in NOT_RUN:
            continue
        until = time.monotonic() + LATER_S.get(command, 0)
        code, said = shell.run(command)
        while not is_right(command, code, said) and time.monotonic() < until:
            code, said = shell.run(command)
        if not is_right(command, code, said):
            yield f"{command} → {code}: {said}"


def is_right(command: str, code: int, said: str) -> bool:
    """Whether it ended well, and said what is to be seen; nothing, if that is nothing."""
    wanted = SEEN[command]
    return code == 0 and (
        all(re.search(one, said, re.MULTILINE) for one in wanted) if wanted else not said.strip()
    )
