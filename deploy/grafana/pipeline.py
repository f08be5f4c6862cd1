"""How the line does: JetStream, intake, jobs, Dagster, and the telemetry itself."""

from grafana_foundation_sdk.builders import dashboard

from deploy.grafana.panels import RATE, Metric, Query, quantile, row, single, start

STREAM = [
    single(
        "Messages waiting", "short",
        "sum by (stream_name, consumer_name) (jetstream_consumer_num_pending)", "{{consumer_name}}",
    ),
    Metric(
        "In flight and redelivered", "short",
        [
            Query("sum by (consumer_name) (jetstream_consumer_num_ack_pending)", "in flight {{consumer_name}}"),
            Query("sum by (consumer_name) (jetstream_consumer_num_redelivered)", "redelivered {{consumer_name}}"),
        ],
    ),
    single(
        "Persist lag", "s",
        "max by (stream_name) (foundry_persist_lag_seconds)", "{{stream_name}}",
        description="Age of the oldest event that no drain has acknowledged.",
    ),
    single(
        "Published", "ops",
        f"sum by (stream_name) (rate(jetstream_stream_last_seq[{RATE}]))", "{{stream_name}}",
    ),
    single(
        "Stream", "bytes",
        "sum by (stream_name) (jetstream_stream_total_bytes)", "{{stream_name}}",
    ),
]  # fmt: skip

INTAKE = [
    single(
        "Committed", "ops",
        f"sum by (outcome) (rate(foundry_intake_messages_total[{RATE}]))", "{{outcome}}",
    ),
    single("Inbox", "short", "max(foundry_inbox_rows)", "rows"),
    single(
        "Quarantine", "short",
        "sum by (reason) (foundry_quarantine_messages) or vector(0)", "{{reason}}",
        description="Not replayed.",
    ),
    single(
        "Since the last batch", "s",
        "time() - max(foundry_intake_last_batch_timestamp_seconds)", "last batch",
    ),
]  # fmt: skip

JOBS = [
    single(
        "Requests without a reply", "short",
        "sum by (kind) (foundry_requests_waiting)", "{{kind}}",
    ),
    single(
        "Jobs waiting in runs", "short",
        "sum by (role) (foundry_jobs_waiting)", "{{role}}",
        description="Taken from their source, and not at a slot.",
    ),
    single(
        "Runs waiting for places", "short",
        "sum by (slot) (foundry_slot_runs_waiting)", "{{slot}}",
    ),
    single(
        "Results", "ops",
        f"sum by (slot, status) (rate(foundry_results_total[{RATE}]))", "{{slot}} {{status}}",
    ),
    single(
        "Tokens landed", "tok/s",
        f"sum by (slot, direction) (rate(foundry_result_tokens_total[{RATE}]))", "{{slot}} {{direction}}",
    ),
]  # fmt: skip

DAGSTER = [
    single(
        "Runs under way", "short",
        "sum by (status) (foundry_dagster_runs) or vector(0)", "{{status}}",
    ),
    single(
        "Runs ended", "short",
        f"sum by (job, status) (increase(foundry_dagster_runs_total[{RATE}]))", "{{job}} {{status}}",
    ),
    single(
        "How long a run takes, p95", "s",
        quantile(0.95, "foundry_dagster_run_duration_seconds", "job"), "{{job}}",
    ),
    single("Oldest queued run", "s", "max(foundry_dagster_queue_age_seconds)", "age"),
    single(
        "Since the daemon's heartbeat", "s",
        "time() - max by (daemon) (foundry_dagster_daemon_heartbeat_timestamp_seconds)", "{{daemon}}",
    ),
    single(
        "Age of summaries", "s",
        "time() - max by (summary) (foundry_summary_last_success_timestamp_seconds)", "{{summary}}",
    ),
]  # fmt: skip

TELEMETRY = [
    Metric(
        "Sources of the exporter", "short",
        [Query(f"min(foundry_{source}_up)", source) for source in ("postgres", "nats", "dagster")],
    ),
    single(
        "A look takes", "s",
        "max by (source) (foundry_exporter_collect_seconds)", "{{source}}",
    ),
    single("Targets of Prometheus", "short", "min by (job) (up)", "{{job}}"),
    single(
        "Events", "ops",
        f"sum by (service, event) (rate(telemetry_events_total[{RATE}]))", "{{service}} {{event}}",
    ),
    single(
        "Events rejected by Vector", "ops",
        f"sum by (reason) (rate(telemetry_rejected_events_total[{RATE}])) or vector(0)", "{{reason}}",
    ),
    Metric(
        "Vector's errors and drops", "ops",
        [
            Query(f"sum by (component_id) (rate(vector_component_errors_total[{RATE}])) or vector(0)", "errors {{component_id}}"),
            Query(f"sum by (component_id) (rate(vector_buffer_discarded_events_total[{RATE}])) or vector(0)", "dropped {{component_id}}"),
        ],
    ),
    single(
        "Steps, p95", "s",
        quantile(0.95, "telemetry_step_duration_seconds", "service, event"), "{{service}} {{event}}",
    ),
]  # fmt: skip


def build() -> dashboard.Dashboard:
    """The dashboard."""
    board = row(start("Pipeline", "foundry-pipeline"), "JetStream", STREAM)
    board = row(board, "Intake", INTAKE)
    board = row(board, "Jobs", JOBS)
    board = row(board, "Dagster", DAGSTER)
    return row(board, "Telemetry", TELEMETRY)
