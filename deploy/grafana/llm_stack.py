"""How the slots do: as their callers see it, and as vLLM and llama.cpp say themselves."""

from grafana_foundation_sdk.builders import dashboard

from deploy.grafana.panels import (
    PROMETHEUS,
    RATE,
    Metric,
    Query,
    quantile,
    quantiles,
    row,
    single,
    start,
)

ASKED = '{slot=~"$slot",model=~"$model"}'
SLOT = '{slot=~"$slot"}'
LEGEND = "{{slot}} {{model}}"
MEASURED = f"{LEGEND} {{{{timing_source}}}}"


def _per(by: str, metric: str, selector: str = ASKED) -> str:
    return f"sum by ({by}) (rate({metric}{selector}[{RATE}]))"


def _speed(tokens: str, seconds: str, by: str, selector: str = ASKED) -> str:
    return f"{_per(by, tokens, selector)} / ({_per(by, seconds, selector)} > 0)"


NOW = [
    single(
        "Places held", "percentunit",
        f"sum(foundry_slot_places_held{SLOT}) / sum(foundry_slot_places{SLOT})",
        kind="stat", description="By runs of model-foundry.",
    ),
    single("Runs waiting", "short", f"sum(foundry_slot_runs_waiting{SLOT})", kind="stat"),
    single("Requests", "reqps", f"sum(rate(llm_requests_total{ASKED}[{RATE}]))", kind="stat"),
    single(
        "Not ok", "percentunit",
        f'(sum(rate(llm_requests_total{{slot=~"$slot",model=~"$model",status!="ok"}}[{RATE}]))'
        f" or vector(0)) / (sum(rate(llm_requests_total{ASKED}[{RATE}])) > 0)",
        kind="stat",
    ),
    single(
        "Tokens generated", "tok/s",
        'sum(rate(llm_tokens_total{slot=~"$slot",model=~"$model",direction="completion"}'
        f"[{RATE}]))",
        kind="stat",
    ),
    single(
        "First token, p95", "s",
        f"histogram_quantile(0.95, sum by (le) "
        f"(rate(llm_time_to_first_token_seconds_bucket{ASKED}[{RATE}])))",
        kind="stat",
    ),
]  # fmt: skip

CALLERS = [
    single(
        "PP", "tok/s",
        _speed("llm_prefill_tokens_total", "llm_prefill_seconds_total", "slot, model, timing_source"), MEASURED,
        description="Prompt processing of one request, without what the cache had. Measured by the client, it includes the wait.",
    ),
    single(
        "TG", "tok/s",
        _speed("llm_decode_tokens_total", "llm_decode_seconds_total", "slot, model, timing_source"), MEASURED,
        description="Token generation of one request.",
    ),
    single(
        "Tokens", "tok/s",
        _per("slot, model, direction", "llm_tokens_total"), LEGEND + " {{direction}}",
        description="Of all requests together.",
    ),
    Metric(
        "First token", "s",
        quantiles("llm_time_to_first_token_seconds", "slot, model", ASKED, LEGEND),
    ),
    Metric(
        "Whole answer", "s",
        quantiles("llm_request_duration_seconds", "slot, model", ASKED, LEGEND),
    ),
    single(
        "Outcomes", "reqps",
        _per("slot, model, status", "llm_requests_total"), LEGEND + " {{status}}",
    ),
    Metric(
        "Places", "short",
        [
            Query(f"sum by (slot) (foundry_slot_places_held{SLOT})", "held {{slot}}"),
            Query(f"sum by (slot) (foundry_slot_places{SLOT})", "of {{slot}}"),
        ],
    ),
    single(
        "Runs waiting for places", "short",
        f"sum by (slot) (foundry_slot_runs_waiting{SLOT})", "{{slot}}",
    ),
    single("Ready", "short", f"min by (slot) (foundry_slot_up{SLOT})", "{{slot}}"),
]  # fmt: skip

LLAMA_CPP = [
    Metric(
        "Requests", "short",
        [
            Query(f"sum by (slot, model) (llamacpp:requests_processing{ASKED})", "busy " + LEGEND),
            Query(f"sum by (slot, model) (llamacpp:requests_deferred{ASKED})", "waiting " + LEGEND),
        ],
    ),
    single(
        "PP", "tok/s",
        _speed("llamacpp:prompt_tokens_total", "llamacpp:prompt_seconds_total", "slot, model"), LEGEND,
    ),
    single(
        "TG", "tok/s",
        _speed("llamacpp:tokens_predicted_total", "llamacpp:tokens_predicted_seconds_total", "slot, model"), LEGEND,
    ),
]  # fmt: skip

VLLM = [
    Metric(
        "Requests", "short",
        [
            Query(f"sum by (slot, model) (vllm:num_requests_running{ASKED})", "busy " + LEGEND),
            Query(f"sum by (slot, model) (vllm:num_requests_waiting{ASKED})", "waiting " + LEGEND),
        ],
    ),
    single(
        "KV cache", "percentunit",
        f"max by (slot, model) (vllm:kv_cache_usage_perc{ASKED})", LEGEND,
    ),
    Metric(
        "Tokens", "tok/s",
        [
            Query(_per("slot, model", "vllm:prompt_tokens_total"), "prompt " + LEGEND),
            Query(_per("slot, model", "vllm:generation_tokens_total"), "completion " + LEGEND),
        ],
    ),
    Metric(
        "First token", "s",
        quantiles("vllm:time_to_first_token_seconds", "slot, model", ASKED, LEGEND),
    ),
    Metric(
        "Whole answer", "s",
        quantiles("vllm:e2e_request_latency_seconds", "slot, model", ASKED, LEGEND),
    ),
    Metric(
        "Where the time goes, p95", "s",
        [
            Query(quantile(0.95, f"vllm:request_{part}_time_seconds", "slot, model", ASKED), f"{part} {LEGEND}")
            for part in ("queue", "prefill", "decode")
        ],
    ),
    single(
        "Prefix cache hits", "percentunit",
        _speed("vllm:prefix_cache_hits_total", "vllm:prefix_cache_queries_total", "slot, model"), LEGEND,
    ),
    single(
        "Preemptions", "ops",
        _per("slot, model", "vllm:num_preemptions_total"), LEGEND,
    ),
]  # fmt: skip


def build() -> dashboard.Dashboard:
    """The dashboard."""
    board = start("LLM stack", "foundry-llm-stack")
    for name, values in (
        ("slot", "label_values(foundry_slot_info, slot)"),
        ("model", "label_values(foundry_slot_info, model)"),
    ):
        board = board.with_variable(
            dashboard.QueryVariable(name)
            .datasource(PROMETHEUS)
            .query(values)
            .multi(True)
            .include_all(True)
            .all_value(".*")
        )
    board = row(board, "Now", NOW)
    board = row(board, "As the callers see it", CALLERS)
    board = row(board, "llama.cpp says", LLAMA_CPP)
    return row(board, "vLLM says", VLLM)
