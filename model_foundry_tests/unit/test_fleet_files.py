"""Fleet files: what is wrong is named by file, line and field; the shipped ones are whole."""

import textwrap
from pathlib import Path

import pytest

from model_foundry.errors import FoundryError
from model_foundry.fleet.file import Fleet, load_fleet
from model_foundry.paths import data_path

GOOD = """\
name: test
profiles:
  full: [a, b]
hosts:
  - name: box
    memory_gib: 64
    gpus:
      - { name: GPU0, memory_gib: 24 }
slots:
  - name: a
    roles: [worker]
    runtime: vllm
    endpoint: http://127.0.0.1:8000
    model: m
    licence: MIT
    parallel: 2
    context_tokens: 4096
    host: box
    gpus: [GPU0]
    weights: { repo: o/m, format: BF16, size_gib: 10 }
    kv_cache: { bytes_per_token: 1024 }
    expected: { pp_tokens_per_s: 340, tg_tokens_per_s: [12, 16] }
    queue_ahead: 1
  - name: b
    roles: [translator]
    runtime: openai
    endpoint: { env: B_URL }
    model: m
    licence: MIT
    parallel: 2
    context_tokens: 4096
"""
AHEAD = "queue_ahead: 1"
GPU = "      - { name: GPU0, memory_gib: 24 }\n"


def load(directory: Path, text: str) -> Fleet:
    path = directory / "fleet.yaml"
    path.write_text(text, encoding="utf-8")
    return load_fleet(path)


def test_a_good_file_says_everything(tmp_path: Path) -> None:
    a, b = load(tmp_path, GOOD).slots
    assert a.expected is not None
    speeds = [a.expected.pp_tokens_per_s, a.expected.tg_tokens_per_s]
    assert speeds == [(340, 340), (12, 16)]
    assert (a.queue_ahead, b.queue_ahead) == (1, 0)
    assert (a.url({}), b.url({"B_URL": "http://x:1/"})) == ("http://127.0.0.1:8000", "http://x:1")
    assert not a.embedded


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("    parallel: 2", "    parallel: 0", 16, "slots[0].parallel: Input should be greater"),
        ("queue_ahead: 1", "queue_ahed: 1", 23, "slots[0].queue_ahed: unknown key (did you mean q"),
        ("queue_ahead: 1", "zzz: 1", 23, "slots[0].zzz: unknown key; known: omit, rename"),
        (
            "    parallel: 2",
            "    paralel: 2",
            16,
            "slots[0].paralel: unknown key (did you mean para",
        ),
        (
            "    model: m\n",
            "    Model: m\n",
            14,
            "slots[0].Model: unknown key (did you mean model?)",
        ),
        ("slots:", "slot:", 9, "slot: unknown key (did you mean slots?)"),
        ("profiles:", "profile:", 2, "profile: unknown key (did you mean profiles?)"),
        ("gpus:\n", "gpu:\n", 7, "hosts[0].gpu: unknown key (did you mean gpus?)"),
        ("memory_gib: 24", "memory_gb: 24", 8, "hosts[0].gpus[0].memory_gb: unknown key (did you"),
        ("repo: o/m", "rpo: o/m", 20, "slots[0].weights.rpo: unknown key (did you mean repo?)"),
        ("tg_tokens_per_s", "tg_token_per_s", 22, "slots[0].expected.tg_token_per_s: unknown key"),
        (
            "{ env: B_URL }",
            "{ evn: B_URL }",
            27,
            "slots[1].endpoint.evn: unknown key (did you mean",
        ),
        ("[worker]", "[workr]", 11, "slots[0].roles[0]: Input should be 'orchestrator', 'worker'"),
        ("[worker]", "[Translator]", 11, "or 'translator' (did you mean translator?)"),
        ("[a, b]", "[a, B]", 3, "profiles.full: unknown slot: B (did you mean b?); known: a, b"),
        ("    licence: MIT\n", "", 10, "slots[0].licence: Field required"),
        ("[worker]", "[worker, boss]", 11, "slots[0].roles[1]: Input should be 'orchestrator'"),
        ("runtime: vllm", "runtime: sglang", 12, "slots[0].runtime: Input should be 'vllm'"),
        ("http://127.0.0.1:8000", "127.0.0.1:8000", 13, "slots[0].endpoint: must be a URL"),
        ("http://127.0.0.1:8000", "http://h:99999", 13, "slots[0].endpoint: Port out of range"),
        ("{ env: B_URL }", "{ env: b }", 27, "slots[1].endpoint.env: String should match"),
        ("{ env: B_URL }", "{}", 27, "slots[1].endpoint.env: Field required"),
        (
            "host: box",
            "host: bax",
            18,
            "slots[0].host: unknown host: bax (did you mean box?); known",
        ),
        ("    host: box\n", "", 18, "slots[0].gpus: GPUs of which host?"),
        (
            "[GPU0]",
            "[GPU0, GPU1]",
            19,
            "slots[0].gpus: unknown GPU of host box: GPU1 (did you mean",
        ),
        (AHEAD, "omit: [temprature]", 23, "(did you mean temperature?)"),
        (AHEAD, "rename: { max_token: x }", 23, "(did you mean max_tokens?)"),
        (AHEAD, "rename: { max_tokens: messages }", 23, "messages is a parameter of its own"),
        (AHEAD, "response_format: json_shema", 23, "(did you mean json_schema?)"),
        (AHEAD, "idle_s: 0", 23, "slots[0].idle_s: Input should be greater than 0"),
        (AHEAD, "extra_body: { messages: [] }", 23, "extra_body: messages: that is what a request"),
        (
            AHEAD,
            "extra_body: { api_key: planted }",
            23,
            "slots[0].extra_body: api_key: a fleet file",
        ),
        (
            AHEAD,
            "extra_body: { a: [{ X-API-Key: planted }] }",
            23,
            "X-API-Key: a fleet file holds no",
        ),
        (AHEAD, "extra_body: { at: 2026-01-01 }", 23, "slots[0].extra_body.at"),
        (AHEAD, "arguments: [--api-key, planted]", 23, "--api-key: a fleet file holds no secrets"),
        (AHEAD, "arguments: [--api-key=planted]", 23, "--api-key: a fleet file holds no secrets"),
        (AHEAD, "api_key: { env: sk-planted }", 23, "slots[0].api_key.env: String should match"),
        (
            AHEAD,
            "extra_headers: { Authorization: Bearer planted }",
            23,
            "extra_headers: unknown key",
        ),
        ("http://127.0.0.1:8000", "http://me:planted/x@h/v1", 13, "must be a URL such as"),
        ("http://127.0.0.1:8000", "http://me:planted@[::1", 13, "must be a URL such as"),
        (AHEAD, "api_key: planted", 23, "slots[0].api_key: Input should be a valid dictionary"),
        ("repo: o/m, ", "", 20, "slots[0].weights: give exactly one of wheel, file and repo"),
        ("size_gib: 10", "size_gib: 10, ram_gib: 11", 20, "slots[0].weights: ram_gib is a part"),
        ("bytes_per_token: 1024", "", 21, "slots[0].kv_cache: give either bytes_per_token or"),
        ("[12, 16]", "[16, 12]", 22, "slots[0].expected.tg_tokens_per_s: the first number"),
        ("340", "-1", 22, "slots[0].expected.pp_tokens_per_s: Input should be greater than 0"),
        ("memory_gib: 24", "memory_gib: lots", 8, "hosts[0].gpus[0].memory_gib: Input should be"),
        (GPU, GPU * 2, 9, "hosts[0].gpus[1].name: the name GPU0 is taken by an earlier one"),
        ("[a, b]", "[a, c]", 3, "profiles.full: unknown slot: c; known: a, b"),
        ("full:", "Full:", 3, "profiles.Full: String should match"),
        ("name: test\n", "", 1, "name: Field required"),
        ("[a, b]", "[a, b", 4, "not YAML: "),
        (GOOD, "", 1, "file: Input should be a valid dictionary"),
        (
            "    parallel: 2",
            "    parallel: yes",
            16,
            "slots[0].parallel: Input should be a valid int",
        ),
        (AHEAD, "queue_ahead: 1\n    model: n", 24, "not YAML: the key model stands here twice"),
        ("name: test", "name: test\nname: other", 2, "not YAML: the key name stands here twice"),
        (AHEAD, "idle_s: .inf", 23, "slots[0].idle_s: Input should be a finite number"),
        (
            "memory_gib: 24",
            "memory_gib: .inf",
            8,
            "hosts[0].gpus[0].memory_gib: Input should be a f",
        ),
        ("[worker]", "[worker, worker]", 11, "slots[0].roles: worker is named twice"),
        ("[GPU0]", "[GPU0, GPU0]", 19, "slots[0].gpus: GPU0 is named twice"),
    ],
)
def test_a_fault_is_named_by_file_line_and_field(
    tmp_path: Path, old: str, new: str, line: int, said: str
) -> None:
    with pytest.raises(FoundryError) as caught:
        load(tmp_path, GOOD.replace(old, new, 1))
    assert str(caught.value).startswith(f"{tmp_path / 'fleet.yaml'}:{line}: ")
    assert said in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert "planted" not in str(caught.value)


@pytest.mark.parametrize("odd", ["2026-02-30", "9" * 5_000, "[" * 3_000 + "]" * 3_000])
def test_a_value_that_yaml_itself_stumbles_over_is_no_traceback(tmp_path: Path, odd: str) -> None:
    with pytest.raises(FoundryError, match=r"fleet\.yaml: not YAML: ") as caught:
        load(tmp_path, GOOD.replace("MIT", odd, 1))
    assert len(str(caught.value)) < 400


def test_a_slot_may_differ_from_openai(tmp_path: Path) -> None:
    differs = """omit: [temperature]
    rename: { max_tokens: max_completion_tokens }
    extra_body: { top_k: 40, eos_token: x, chat_template_kwargs: { enable_thinking: false } }
    stream_options: false
    response_format: none
    idle_s: 30
    load_s: 900
"""
    plain = load(tmp_path, GOOD).slots[0]
    assert (plain.omit, plain.rename, plain.extra_body) == ((), {}, {})
    assert (plain.stream_options, plain.response_format) == (True, "json_schema")
    slot = load(tmp_path, GOOD.replace("queue_ahead: 1", differs)).slots[0]
    assert (slot.omit, slot.rename) == (("temperature",), {"max_tokens": "max_completion_tokens"})
    assert slot.extra_body["chat_template_kwargs"] == {"enable_thinking": False}
    assert (slot.stream_options, slot.response_format) == (False, "none")
    assert (slot.idle_s, slot.load_s) == (30, 900)


def test_a_role_and_a_profile_that_are_not_there_have_a_closest_one(tmp_path: Path) -> None:
    fleet = load(tmp_path, GOOD)
    with pytest.raises(FoundryError, match=r"role 'translater' \(did you mean translator\?\)"):
        fleet.with_role("translater", "full")
    with pytest.raises(FoundryError, match=r"no profile 'ful' \(did you mean full\?\)"):
        fleet.in_profile("ful")


def test_every_fault_has_its_line(tmp_path: Path) -> None:
    text = GOOD.replace("vllm", "x").replace("memory_gib: 64", "memory_gib: -1")
    with pytest.raises(FoundryError) as caught:
        load(tmp_path, text)
    lines = str(caught.value).splitlines()
    assert [line.split(":")[1] for line in lines] == ["6", "12"]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FoundryError, match=r"none\.yaml: No such file"):
        load_fleet(tmp_path / "none.yaml")


@pytest.mark.parametrize("path", sorted(data_path("fleets").glob("*.yaml")), ids=lambda p: p.stem)
def test_a_shipped_fleet_has_every_role_in_each_profile(path: Path) -> None:
    fleet = load_fleet(path)
    assert fleet.name == path.stem
    assert {"full", "standard", "minimal"} <= fleet.profiles.keys()
    for profile in fleet.profiles:
        for role in ("orchestrator", "worker", "translator"):
            assert fleet.with_role(role, profile)
        assert fleet.prompt_format_of("translator", profile) != "chat"


def test_the_reported_figures_stand_in_the_shipped_fleets() -> None:
    gemma4 = load_fleet(data_path("fleets") / "gemma4.yaml")
    slots = {slot.name: slot for slot in gemma4.slots}
    naughty, kindergarten = slots["naughty"], slots["kindergarten"]
    assert naughty.weights is not None
    assert kindergarten.weights is not None
    assert (naughty.runtime, naughty.weights.format, naughty.weights.size_gib) == (
        "vllm", "NVFP4", 17,
    )  # fmt: skip
    assert (naughty.parallel, naughty.gpus) == (3, ("GPU0",))
    assert (kindergarten.weights.format, kindergarten.weights.size_gib) == ("IQ4_XS", 13)
    assert (kindergarten.parallel, kindergarten.gpus) == (5, ("GPU1",))
    assert gemma4.profiles["standard"] == ("naughty", "kindergarten", "translator")
    assert gemma4.profiles["minimal"] == ("naughty", "translator")
    assert set(gemma4.profiles["full"]) == {"grandpa", "naughty", "kindergarten", "translator"}

    speeds = {}
    for slot in load_fleet(data_path("fleets") / "glm-qwen.yaml").slots:
        assert slot.expected is not None
        speeds[slot.name, *slot.gpus] = (
            slot.expected.pp_tokens_per_s,
            slot.expected.tg_tokens_per_s,
        )
    assert speeds == {
        ("grandpa", "dev0"): ((340, 340), (12, 16)),
        ("worker-0", "dev0"): ((2500, 2500), (114, 114)),
        ("worker-1", "dev1"): ((5100, 5100), (161, 161)),
        ("translator", "dev1"): ((100, 240), (35, 140)),
    }


def entries() -> dict[str, str]:
    """The ready entries of docs/fleets.md, by the runtime that their comment names."""
    text = (data_path("docs") / "fleets.md").read_text(encoding="utf-8")
    block = text.split("A complete entry is", 1)[1].split("\n## ", 1)[0]
    lines = [line[4:] for line in block.splitlines() if line.startswith("    ")]
    found: dict[str, list[str]] = {}
    for line in lines:
        if line.startswith("# "):
            name = line[2:].partition(":")[0].partition(" (")[0].partition(",")[0]
        found.setdefault(name, []).append(line)
    return {name: "\n".join(lines) for name, lines in found.items()}


RUNTIMES = (
    *("llama.cpp", "vLLM", "Ollama", "LM Studio", "SGLang", "llama-swap", "TabbyAPI"),
    *("koboldcpp", "LiteLLM", "OpenRouter", "Mistral", "DeepSeek", "Azure OpenAI"),
    "OpenAI's reasoning models",
)


@pytest.mark.parametrize("name", RUNTIMES)
def test_the_documented_entry_of_a_runtime_is_one(tmp_path: Path, name: str) -> None:
    ready = textwrap.indent(entries()[name], "    ") + "\n"
    text = GOOD.replace("    runtime: openai\n    endpoint: { env: B_URL }\n", ready)
    assert load(tmp_path, text).slots[1].url({}).startswith("http")
