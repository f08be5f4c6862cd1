"""Every setting of model-foundry, one class, read from the environment (`MODEL_FOUNDRY_*`).

What it does not say may stand in `.env` of the working directory (`model-foundry init` writes one).
A URL that is not set means the embedded stack that runs in `home` (`services.env`, written by
`model-foundry up`). Limits of every boundary (size, time, count) live here, with their defaults.
Nothing is read at import: call `Settings()`.
"""

import os
import re
from collections.abc import Mapping
from datetime import date, tzinfo
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo

from pydantic import (
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from model_foundry.errors import FoundryError
from model_foundry.settings.files import (
    ENV_FILE,
    PREFIX,
    embedded_stack_is_running,
    env_file,
    read_env,
    services_env,
)
from model_foundry.settings.kinds import (
    AbsolutePath,
    AlertFormat,
    Language,
    Languages,
    Owner,
    SecretWebAddress,
    StreamName,
    Texts,
    TimeZone,
    WebAddressToShow,
    absolute,
)

# What JSON, SQL and floats hold to the digit.
_LARGEST: Final = 2**53
_YEAR_S: Final = 366 * 86_400
_CENTURY_DAYS: Final = 36_525


def _not_any_more(value: object) -> None:
    if value is not None:
        raise ValueError(
            f"{PREFIX}INFERENCE_REQUEST_TIMEOUT_S is {PREFIX}INFERENCE_IDLE_S now: it bounds the "
            "silence of an answer, not the whole"
        )


class Settings(BaseSettings):
    """Settings, each from `MODEL_FOUNDRY_<NAME>`; see the field descriptions for units."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        extra="ignore",
        validate_default=True,
        allow_inf_nan=False,
    )

    env_file: AbsolutePath = Field(
        ENV_FILE, description="Where settings stand that the environment does not name."
    )

    def __init__(self, **values: Any) -> None:
        """The settings of the environment, `values` over them.

        Raises:
            FoundryError: naming what is wrong, a line each; never a value, which may be a secret
                that stands in the wrong variable.
        """
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise FoundryError("\n".join(_faults(error))) from None
        except SettingsError as error:
            raise FoundryError(_unreadable(str(error))) from None
        except UnicodeError:
            raise FoundryError(f"a {PREFIX}… variable, or services.env, is not UTF-8") from None

    home: AbsolutePath = Field(
        Path(".foundry"), description="Where the embedded stack, the lake and foundry.duckdb live."
    )
    lake_url: str | None = Field(
        None,
        repr=False,
        description="Where the lake is: a folder, or any URL of fsspec (s3://…); unset: lake/ "
        "in the home.",
    )
    lake_catalog: str | None = Field(
        None,
        pattern=r"^[a-z][a-z0-9_]{0,62}$",
        description="Name of an Iceberg catalog of the lake, in the same PostgreSQL, for other "
        "engines; needs model-foundry[iceberg]. Unset: there is none.",
    )
    nats_url: str | None = Field(
        None, repr=False, description="nats://host:port; unset: the embedded server."
    )
    nats_creds: AbsolutePath | None = Field(
        None, repr=False, description="Path of a NATS credentials file."
    )
    nats_ca: AbsolutePath | None = Field(
        None, description="Who signed the server's certificate, PEM; unset: the system's CAs."
    )
    nats_cert: AbsolutePath | None = Field(
        None, description="The client's certificate with its chain, PEM."
    )
    nats_key: AbsolutePath | None = Field(
        None, description="Its key, PEM, not encrypted; unset: it stands in nats_cert."
    )
    nats_stream: StreamName = Field("FOUNDRY", pattern=r"^[A-Za-z0-9_-]{1,64}$")
    nats_durable: str = Field("model-foundry-intake", pattern=r"^[A-Za-z0-9_-]{1,64}$")
    postgres_url: SecretStr | None = Field(None, description="postgresql://…; unset: embedded.")
    postgres_ca: AbsolutePath | None = Field(
        None,
        description="Who signed the server's certificate, PEM; with it the server is verified by "
        "name, unless the URL has another sslmode.",
    )
    postgres_cert: AbsolutePath | None = Field(None, description="The client's certificate, PEM.")
    postgres_key: AbsolutePath | None = Field(
        None, description="Its key, PEM, closed to others (0600)."
    )
    fleet: AbsolutePath | None = Field(None, description="Fleet file; unset: fleets/embedded.yaml.")
    profile: str = Field(
        "standard", description="A profile of the fleet, or a file with a line `naughty x worker`."
    )
    telemetry_url: str | None = Field(
        None, repr=False, description="Where live telemetry is posted."
    )
    alert_url: SecretWebAddress | None = Field(
        None, description="A webhook that is told of failed runs and checks; unset: nobody is."
    )
    alert_format: AlertFormat | None = Field(
        None, description="What the webhook reads; unset: known by its host, else plain JSON."
    )
    ui_url: WebAddressToShow = Field(
        "http://127.0.0.1:3000", description="Of Dagster's UI, as alerts are to link to it."
    )
    timezone: TimeZone | None = Field(
        None,
        description="Of times that people look at, as Europe/Berlin; unset: the machine's. Days "
        "and partitions are UTC.",
    )
    articles_dir: AbsolutePath | None = Field(
        None, description="Markdown articles to translate; unset: `articles` in home."
    )
    articles_language: Language = Field(
        "ja", description="Of an article whose front matter names no `lang`."
    )
    articles_languages: Languages = Field(
        ("en",), description="Into which articles are translated, as in `en,de`."
    )
    articles_max: int = Field(10_000, ge=1, description="More below the folder are an error.")
    article_max_bytes: int = Field(4 * 1024 * 1024, ge=1024)
    glossary_dir: AbsolutePath | None = Field(
        None, description="Where FROM-TO.yaml glossaries lie; unset: `glossaries` in home."
    )
    translation_segment_tokens: int = Field(
        600, ge=32, description="A longer text is cut at its sentences' ends."
    )
    translation_front_matter_keys: Texts = Field(
        ("title", "subtitle", "description"), description="Whose texts are translated, at the top."
    )
    translation_links: bool = Field(
        True,
        description="Whether relative links of a translation are written for where it lies, and "
        "lead to the translations of other articles.",
    )
    translation_anchors: Literal["auto", "attribute", "html", "none"] = Field(
        "auto",
        description="How a translated heading keeps its source's anchor: {#id}, an HTML anchor, "
        "not at all; auto: as the site's generator reads it.",
    )
    translation_tries: int = Field(
        2, ge=1, le=10, description="How often a run asks for a segment whose translation is unfit."
    )

    embedded_nats_port: int = Field(
        0, ge=0, le=65_535, description="Of the embedded server; 0: a free one, kept over restarts."
    )
    embedded_postgres_port: int = Field(
        0, ge=0, le=65_535, description="Of the embedded server; 0: a free one, kept over restarts."
    )
    embedded_start_s: float = Field(
        120.0, gt=0, le=3_600, description="Within which each embedded server must answer."
    )

    ui_start_s: float = Field(
        120.0, gt=0, le=3_600, description="Within which `dev`'s Dagster UI must answer."
    )

    connect_timeout_s: float = Field(5.0, gt=0, le=120, description="To reach NATS, PostgreSQL.")

    event_max_bytes: int = Field(
        4 * 1024 * 1024, ge=1024, description="A larger message is quarantined."
    )
    trust_envelope_subjects: bool = Field(
        False,
        description="Whether an envelope may name another subject than the one it was published "
        "on, as a gateway's do. Whoever may publish anything may then ask the slots.",
    )
    stream_max_bytes: int = Field(
        4 * 1024**3, ge=1024**2, description="Size limit of the stream when intake creates it."
    )
    stream_replicas: int = Field(1, ge=1, le=5, description="Likewise; 3 in a NATS cluster.")
    nats_config: Literal["check", "accept", "apply"] = Field(
        "check", description="What to do about a stream or consumer that is configured otherwise."
    )
    intake_batch_messages: int = Field(8_000, ge=1, le=50_000)
    intake_batch_bytes: int = Field(16 * 1024 * 1024, ge=64 * 1024)
    intake_max_messages: int = Field(1_000_000, ge=1, description="Per drain.")
    intake_max_s: float = Field(300.0, gt=0, le=_YEAR_S, description="Per drain, seconds.")
    intake_idle_s: float = Field(0.5, gt=0, le=60, description="Wait that means: queue is empty.")
    intake_retry_s: float = Field(
        60.0, gt=0, le=_YEAR_S, description="How long a drain waits for a server that went away."
    )
    intake_ack_wait_s: float = Field(
        120.0,
        ge=1,
        le=3_600,
        description="What a dead drain held comes again after this; longer than intake_retry_s.",
    )
    partitions_ahead_days: int = Field(
        3, ge=0, le=366, description="Days for which every drain makes partitions ahead."
    )
    retention_days: int | None = Field(
        None,
        ge=1,
        le=_CENTURY_DAYS,
        description="PostgreSQL drops days that ended longer ago, once the lake has them; unset: "
        "it keeps them.",
    )
    keys_days: int | None = Field(
        None,
        ge=1,
        le=_CENTURY_DAYS,
        description="The keys of dropped days that ended longer ago are given up too: a message "
        "with such an event_id that comes again lands again, so keep them for longer than the "
        "stream keeps messages. Not less than retention_days; unset: for ever.",
    )
    preview_rows: int = Field(20, ge=0, le=200, description="Rows shown in the Dagster UI.")
    plotted_days: int = Field(
        31, ge=0, description="A run of more days draws no plots: they fill Dagster's storage."
    )
    owners: tuple[Owner, ...] = Field(
        (), description='Of every asset: \'["team:data", "me@example.org"]\'.'
    )

    slot_benchmark_prompt_tokens: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (128, 512, 2048), description="Lengths of the prompts that a slot is measured with."
    )
    slot_benchmark_answer_tokens: int = Field(64, ge=2, le=4096)
    request_max_tokens: int = Field(
        1024, ge=1, description="Of an answer to a request event that names no limit."
    )
    request_batch: int = Field(
        10_000, ge=1, description="Request events of a priority that a run has under way."
    )
    inference_idle_s: float = Field(
        120.0,
        gt=0,
        le=_YEAR_S,
        description="Silence that ends an attempt, where a slot has no `idle_s`; before its first "
        "byte an answer has time for its prompt besides.",
    )
    inference_loading_s: float = Field(
        900.0,
        ge=0,
        le=_YEAR_S,
        description="A slot that has been loading a model for so long is dead.",
    )
    inference_look_s: float = Field(
        6.0, gt=0, le=600, description="For a look at whether a slot is there."
    )
    inference_request_timeout_s: Annotated[None, BeforeValidator(_not_any_more)] = Field(
        None, description="Is `inference_idle_s` now: silence is bounded, not the whole answer."
    )
    inference_max_attempts: int = Field(4, ge=1, le=20)
    inference_response_max_bytes: int = Field(
        64 * 1024 * 1024, ge=1024, description="Of one answer; a stream has some 300 for a token."
    )
    inference_backoff_s: float = Field(0.5, gt=0, le=60, description="First wait; it doubles.")
    inference_backoff_max_s: float = Field(30.0, gt=0, le=3600, description="Longest such wait.")
    inference_retry_after_max_s: float = Field(
        300.0, gt=0, le=86_400, description="A longer Retry-After is cut to this."
    )
    inference_wait_s: float = Field(
        600.0,
        ge=0,
        le=_YEAR_S,
        description="A job turned away (429, 503) for so long fails.",
    )
    inference_deadline_s: float | None = Field(
        None,
        gt=0,
        le=_YEAR_S,
        description="A job without an answer so long after it was taken fails.",
    )
    inference_lease_s: float = Field(
        0.2, gt=0, le=10, description="Between looks at a slot's places while runs share them."
    )
    inference_probe_s: float = Field(1.0, gt=0, le=60, description="Between looks at a dead slot.")
    inference_slot_dead_s: float = Field(
        120.0,
        ge=0,
        le=_YEAR_S,
        description="When all slots of a role are dead for so long, its jobs fail.",
    )
    inference_prefix_affinity: bool = Field(
        True, description="Whether a job prefers the slot that read its prompt's beginning last."
    )
    inference_queue_jobs: int = Field(
        1_000,
        ge=1,
        le=100_000,
        description="Jobs of a role and priority held at once; the rest stay in their source.",
    )
    inference_land_batch: int = Field(50, ge=1, le=10_000, description="Results per transaction.")
    inference_land_s: float = Field(1.0, gt=0, le=60, description="Longest wait to land a result.")
    inference_land_retry_s: float = Field(
        30.0, ge=0, le=3600, description="How long landing retries while PostgreSQL is away."
    )
    inference_progress_s: float = Field(1.0, gt=0, le=3600, description="Between two reports.")

    telemetry_texts: bool = Field(
        False, description="Whether prompts and answers are posted with the telemetry."
    )
    telemetry_buffer_bytes: int = Field(
        4 * 1024 * 1024, ge=64 * 1024, description="Beyond it the oldest events are dropped."
    )
    telemetry_batch_bytes: int = Field(256 * 1024, ge=1024, description="Posted at once, roughly.")
    telemetry_interval_s: float = Field(0.5, gt=0, le=60, description="Between two posts.")
    telemetry_timeout_s: float = Field(15.0, gt=0, le=600, description="For the endpoint's answer.")
    telemetry_backoff_max_s: float = Field(30.0, gt=0, le=3_600, description="After a failed post.")
    telemetry_flush_s: float = Field(
        2.0, ge=0, le=60, description="How long a process that ends waits for the last events."
    )
    exporter_host: str = Field("127.0.0.1", min_length=1, description="Where the exporter listens.")
    exporter_port: int = Field(9599, ge=1, le=65_535)
    exporter_cache_s: float = Field(
        5.0, ge=0, le=300, description="Figures younger than this are not asked for again."
    )
    exporter_wait_s: float = Field(
        0.1, ge=0, le=60, description="A scrape waits so long for a source; then it says what is."
    )
    exporter_source_timeout_s: float = Field(
        2.0, gt=0, le=60, description="A source that takes longer is down."
    )
    exporter_events: int = Field(
        1_000, ge=10, le=100_000, description="Telemetry events that the live page keeps."
    )

    defs_dir: AbsolutePath | None = Field(
        None,
        description="Recipes and summaries of your own (recipes/NAME/, summaries/NAME.sql); "
        "unset: `defs` in home.",
    )
    first_day: date | None = Field(
        None,
        ge=date(2000, 1, 1),
        description="First daily partition; unset: the first day with events, from 2025 on.",
    )
    executor: Literal["in_process", "multiprocess"] = Field(
        "in_process", description="How a run's steps are executed; a new process costs about 3 s."
    )

    lake_grace_s: float = Field(
        600.0, gt=0, le=86_400, description="How long a reader may take over files it has listed."
    )
    lake_max_parts: int = Field(
        16, ge=2, le=500, description="Files of a day; above, the last ones are merged."
    )
    lake_check_bytes: int = Field(
        64 * 1024**3, ge=1, description="Of the lake, read by one check; the days are drawn."
    )
    session_max_days: int = Field(
        7, ge=1, le=366, description="Days that a session is followed back over midnights."
    )
    session_portion_events: int = Field(
        100_000,
        ge=1,
        description="Sessions of about so many events are summarized at once: bounds memory.",
    )
    trace_max_rows: int = Field(
        200_000, ge=1, description="Of a session and table that `trace` reads."
    )
    query_max_rows: int = Field(10_000, ge=1, description="`query` prints no more of them.")
    query_max_bytes: int = Field(
        64 * 1024**2, ge=1024, description="Of the rows that `query` prints, texts and bytes."
    )
    query_max_s: float = Field(60.0, gt=0, le=86_400, description="`query` is stopped after this.")

    duckdb_memory_limit: str = Field("1GB", pattern=r"^\d+(\.\d+)?\s?[KMGT]i?B$")
    duckdb_threads: int = Field(2, ge=1, le=256)

    @field_validator("*")
    @classmethod
    def _is_of_this_world(cls, value: Any) -> Any:
        """Beyond it DuckDB, PostgreSQL and NATS each fail in a way of their own."""
        if any(type(each) is int and each > _LARGEST for each in _each(value)):
            raise ValueError(f"must be at most {_LARGEST:,}")
        return value

    @field_validator("keys_days")
    @classmethod
    def _keys_outlive_days(cls, keys_days: int | None, info: ValidationInfo) -> int | None:
        retention_days = info.data.get("retention_days")
        if keys_days is not None and retention_days is not None and keys_days < retention_days:
            raise ValueError(
                f"{PREFIX}KEYS_DAYS may not be less than {PREFIX}RETENTION_DAYS ({retention_days}):"
                " an event that is still in the inbox needs its key"
            )
        return keys_days

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, the environment, `.env`, then `services.env` of a stack that runs."""
        read_env(env_file())  # says what is wrong with it
        own = DotEnvSettingsSource(settings_cls, env_file=env_file())
        home = _home(init_settings().get("home"), env_settings, own)
        sources: list[PydanticBaseSettingsSource] = [init_settings, env_settings, own]
        if embedded_stack_is_running(home):
            sources.append(DotEnvSettingsSource(settings_cls, env_file=services_env(home)))
        return tuple(sources)

    def environment(self) -> Mapping[str, str]:
        """The environment, `.env` and `services.env`: where a fleet's endpoints are looked up."""
        services: dict[str, str] = {}
        if embedded_stack_is_running(self.home):
            services = read_env(services_env(self.home))
        return {**services, **read_env(env_file()), **os.environ}

    @property
    def zone(self) -> tzinfo | None:
        """For `datetime.astimezone`; None: the machine's."""
        return None if self.timezone is None else ZoneInfo(self.timezone)

    @property
    def articles_root(self) -> Path:
        """The folder of the articles, whether it exists or not."""
        return self.articles_dir or self.home / "articles"

    @property
    def defs_root(self) -> Path:
        """The folder of one's own recipes and summaries, whether it exists or not."""
        return self.defs_dir or self.home / "defs"

    def require_nats_url(self) -> str:
        """The NATS URL, or an error that says how to get one."""
        if self.nats_url is None:
            raise FoundryError(self._nothing_runs("NATS_URL"))
        return self.nats_url

    def require_postgres_url(self) -> str:
        """The PostgreSQL URL (a secret: never log it), or an error that says how to get one."""
        if self.postgres_url is None:
            raise FoundryError(self._nothing_runs("POSTGRES_URL"))
        return self.postgres_url.get_secret_value()

    def _nothing_runs(self, name: str) -> str:
        return (
            f"{PREFIX}{name} is not set and no embedded stack runs in {self.home}. "
            f"Start one with `model-foundry up`, or set {PREFIX}{name} to your own server."
        )


def _each(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _faults(error: ValidationError) -> list[str]:
    told = []
    for fault in error.errors(include_url=False, include_input=False):
        field, *items = fault["loc"] or ("",)
        where = f"{PREFIX}{field}".upper() + "".join(f", item {item}" for item in items)
        if fault["type"] == "value_error":
            said = fault["msg"].removeprefix("Value error, ")
        else:
            said = re.sub(r"^(Input|String|Value) should ", "must ", fault["msg"])
        if not said.startswith(PREFIX):
            said = f"{where} {said}" if said.startswith("must ") else f"{where}: {said}"
        told.append(said)
    return list(dict.fromkeys(told))


def _unreadable(error: str) -> str:
    """pydantic-settings names the field of what is no JSON."""
    field = re.search(r'field "(\w+)"', error)
    name = f"{PREFIX}{field[1]}".upper() if field else f"a {PREFIX}… variable"
    return f'{name} must be a JSON list such as ["a", "b"]'


def _home(given: object, *sources: PydanticBaseSettingsSource) -> Path:
    """The home, from the first that names one; a source is asked for no other field."""
    field = Settings.model_fields["home"]
    named = (source.get_field_value(field, "home")[0] for source in sources)
    raw = next((value for value in (given, *named) if value is not None), field.default)
    home = Path(str(raw))
    try:
        return absolute(home)
    except ValueError:
        return home  # the field itself is refused in a moment
