"""How the line does: JetStream, intake, jobs, Dagster, and the telemetry itself."""

from grafana_foundation_sdk.builders import dashboard

from deploy.grafana.panels import RATE, Metric, Query, quantile, row, start

STREAM = [
    Metric(
        "Messages waiting", "short",
        [Query("sum by (stream_name, consumer_name) (jetstream_consumer_num_pending)", "{{consumer_name}}")],
    ),
    Metric(
        "In flight and redelivered", "short",
        [
            Query("sum by (consumer_name) (jetstream_consumer_num_ack_pending)", "in flight {{consumer_name}}"),
            Query("sum by (consumer_name) (jetstream_consumer_num_redelivered)", "redelivered {{consumer_name}}"),
        ],
    ),
    Metric(
        "Persist lag", "s",
        [Query("max by (stream_name) (foundry_persist_lag_seconds)", "{{stream_name}}")],
        description="Age of the oldest event that no drain has acknowledged.",
    ),
    Metric(
        "Published", "ops",
        [Query(f"sum by (stream_name) (rate(jetstream_stream_last_seq[{RATE}]))", "{{stream_name}}")],
    ),
    Metric(
        "Stream", "bytes",
        [Query("sum by (stream_name) (jetstream_stream_total_bytes)", "{{stream_name}}")],
    ),
]  # fmt: skip

INTAKE = [
    Metric(
        "Committed", "ops",
        [Query(f"sum by (outcome) (rate(foundry_intake_messages_total[{RATE}]))", "{{outcome}}")],
    ),
    Metric("Inbox", "short", [Query("max(foundry_inbox_rows)", "rows")]),
    Metric(
        "Quarantine", "short",
        [Query("sum by (reason) (foundry_quarantine_messages) or vector(0)", "{{reason}}")],
        description="Not replayed.",
    ),
    Metric(
        "Since the last batch", "s",
        [Query("time() - max(foundry_intake_last_batch_timestamp_seconds)", "last batch")],
    ),
]  # fmt: skip

JOBS = [
    Metric(
        "Requests without a reply", "short",
        [Query("sum by (kind) (foundry_requests_waiting)", "{{kind}}")],
    ),
    Metric(
        "Jobs waiting in runs", "short",
        [Query("sum by (role) (foundry_jobs_waiting)", "{{role}}")],
        description="Taken from their source, and not at a slot.",
    ),
    Metric(
        "Runs waiting for places", "short",
        [Query("sum by (slot) (foundry_slot_runs_waiting)", "{{slot}}")],
    ),
    Metric(
        "Results", "ops",
        [Query(f"sum by (slot, status) (rate(foundry_results_total[{RATE}]))", "{{slot}} {{status}}")],
    ),
    Metric(
        "Tokens landed", "tok/s",
        [Query(f"sum by (slot, direction) (rate(foundry_result_tokens_total[{RATE}]))", "{{slot}} {{direction}}")],
    ),
]  # fmt: skip

DAGSTER = [
    Metric(
        "Runs under way", "short",
        [Query("sum by (status) (foundry_dagster_runs) or vector(0)", "{{status}}")],
    ),
    Metric(
        "Runs ended", "short",
        [Query(f"sum by (job, status) (increase(foundry_dagster_runs_total[{RATE}]))", "{{job}} {{status}}")],
    ),
    Metric(
        "How long a run takes, p95", "s",
        [Query(quantile(0.95, "foundry_dagster_run_duration_seconds", "job"), "{{job}}")],
    ),
    Metric("Oldest queued run", "s", [Query("max(foundry_dagster_queue_age_seconds)", "age")]),
    Metric(
        "Since the daemon's heartbeat", "s",
        [Query("time() - max by (daemon) (foundry_dagster_daemon_heartbeat_timestamp_seconds)", "{{daemon}}")],
    ),
    Metric(
        "Age of summaries", "s",
        [Query("time() - max by (summary) (foundry_summary_last_success_timestamp_seconds)", "{{summary}}")],
    ),
]  # fmt: skip

TELEMETRY = [
    Metric(
        "Sources of the exporter", "short",
        [Query(f"min(foundry_{source}_up)", source) for source in ("postgres", "nats", "dagster")],
    ),
    Metric(
        "A look takes", "s",
        [Query("max by (source) (foundry_exporter_collect_seconds)", "{{source}}")],
    ),
    Metric("Targets of Prometheus", "short", [Query("min by (job) (up)", "{{job}}")]),
    Metric(
        "Events", "ops",
        [Query(f"sum by (service, event) (rate(telemetry_events_total[{RATE}]))", "{{service}} {{event}}")],
    ),
    Metric(
        "Events rejected by Vector", "ops",
        [Query(f"sum by (reason) (rate(telemetry_rejected_events_total[{RATE}])) or vector(0)", "{{reason}}")],
    ),
    Metric(
        "Vector's errors and drops", "ops",
        [
            Query(f"sum by (component_id) (rate(vector_component_errors_total[{RATE}])) or vector(0)", "errors {{component_id}}"),
            Query(f"sum by (component_id) (rate(vector_buffer_discarded_events_total[{RATE}])) or vector(0)", "dropped {{component_id}}"),
        ],
    ),
    Metric(
        "Steps, p95", "s",
        [Query(quantile(0.95, "telemetry_step_duration_seconds", "service, event"), "{{service}} {{event}}")],
    ),
]  # fmt: skip


def build() -> dashboard.Dashboard:
    """The dashboard."""
    board = row(start("Pipeline", "foundry-pipeline"), "JetStream", STREAM)
    board = row(board, "Intake", INTAKE)
    board = row(board, "Jobs", JOBS)
    board = row(board, "Dagster", DAGSTER)
    return row(board, "Telemetry", TELEMETRY)
