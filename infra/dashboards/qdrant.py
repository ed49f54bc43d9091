"""The vector store: latency, size, health."""

from infra.dashboards.panels import Query, Row, dashboard, figure, graph, quantile

RATE = "$__rate_interval"

STATE = Row(
    "State",
    [
        figure("Collections", "Collections in the store.", "short", "max(collections_total)"),
        figure("Points", "Stored chunks; each replica counts.", "short", "sum(collection_points)"),
        figure(
            "Dead replicas",
            "Shard replicas that do not respond.",
            "short",
            "sum(collection_dead_replicas)",
            1,
        ),
        figure(
            "Recovery mode",
            "1: Qdrant started without loading collections, after running out of memory.",
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
            "HTTP response time per endpoint.",
            "s",
            Query(quantile(0.95, "rest_responses_duration_seconds", "endpoint"), "{{endpoint}}"),
        ),
        graph(
            "Requests",
            "HTTP requests per second and endpoint.",
            "reqps",
            Query(f"sum by (endpoint) (rate(rest_responses_total[{RATE}]))", "{{endpoint}}"),
        ),
        graph(
            "Errors",
            "HTTP error responses per second, by status.",
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
            "Segments being merged or indexed; searches are slower during this time.",
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
            "Queued updates",
            "Writes that are accepted but not yet searchable.",
            "short",
            Query("sum(collection_update_queue_length)", "updates"),
        ),
    ],
)


def qdrant() -> str:
    """Return the vector store's dashboard as JSON."""
    return dashboard("codeintel-qdrant", "Vector store", "Qdrant.", [STATE, LATENCY, WORK])
