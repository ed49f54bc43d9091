"""The vector store: latency, size, health."""

from infra.dashboards.panels import Query, Row, dashboard, figure, graph, quantile

RATE = "$__rate_interval"

STATE = Row(
    "State",
    [
        figure("Collections", "Collections in the store.", "short", "max(collections_total)"),
        figure("Points", "Chunks that are stored, counted once a replica.", "short", "sum(collection_points)"),
        figure(
            "Dead replicas",
            "Replicas of a shard that do not answer.",
            "short",
            "sum(collection_dead_replicas)",
            1,
        ),
        figure(
            "Recovery mode",
            "1: it started without loading collections, after running out of memory.",
            "short",
            "max(app_status_recovery_mode)",
            1,
        ),
    ],
)

LATENCY = Row(
    "Requests",
    [
        graph(
            "Latency (p95)",
            "Seconds for each endpoint over HTTP.",
            "s",
            Query(quantile(0.95, "rest_responses_duration_seconds", "endpoint"), "{{endpoint}}"),
        ),
        graph(
            "Requests",
            "Requests a second over HTTP, for each endpoint.",
            "reqps",
            Query(f"sum by (endpoint) (rate(rest_responses_total[{RATE}]))", "{{endpoint}}"),
        ),
        graph(
            "Failures",
            "Answers a second that were errors, by status.",
            "reqps",
            Query(f'sum by (status) (rate(rest_responses_total{{status=~"[45].."}}[{RATE}]))', "{{status}}"),
        ),
    ],
)

WORK = Row(
    "Work",
    [
        graph(
            "Optimizations",
            "Segments that are being merged or indexed; searches are slower meanwhile.",
            "short",
            Query("sum by (id) (collection_running_optimizations)", "{{id}}"),
        ),
        graph(
            "Memory",
            "Resident memory of the server.",
            "bytes",
            Query("sum by (pod) (memory_resident_bytes)", "{{pod}}"),
        ),
        graph(
            "Updates in the queue",
            "Writes that were accepted and are not searchable yet.",
            "short",
            Query("sum(collection_update_queue_length)", "updates"),
        ),
    ],
)


def qdrant() -> str:
    """Return the vector store's dashboard as JSON."""
    return dashboard("codeintel-qdrant", "Vector store", "Qdrant.", [STATE, LATENCY, WORK])
