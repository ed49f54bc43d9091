"""The assistant as its users see it: questions, latency, checked citations and feedback."""

from infra.dashboards.panels import Query, Row, dashboard, figure, graph, quantile

ASKED = 'route=~"/api/ask|/v1/chat/completions"'
RATE = "$__rate_interval"


def share(part: str, whole: str, window: str) -> str:
    """Return a PromQL expression for one counter's share of another's increase; empty while the other does not increase."""
    return f"sum(increase({part}[{window}])) / (sum(increase({whole}[{window}])) > 0)"


DAY = Row(
    "Last 24 hours",
    [
        figure("Questions", "Answered questions.", "short", "sum(increase(codeintel_answers_total[1d]))"),
        figure(
            "Without evidence",
            "Answers that found nothing in the index.",
            "percentunit",
            share('codeintel_answers_total{found="false"}', "codeintel_answers_total", "1d"),
            0.5,
        ),
        figure(
            "Citations dropped",
            "LLM citations that failed the check against the stored lines; readers never see them.",
            "percentunit",
            share('codeintel_citations_total{result="dropped"}', "codeintel_citations_total", "1d"),
            0.2,
        ),
        figure(
            "Rated down",
            "Share of ratings that were thumbs down.",
            "percentunit",
            share('codeintel_feedback_total{verdict="down"}', "codeintel_feedback_total", "1d"),
            0.4,
        ),
    ],
)

TRAFFIC = Row(
    "Questions",
    [
        graph(
            "Requests",
            "Requests per second by status. 429: the service is at capacity; 5xx: server errors.",
            "reqps",
            Query(f"sum by (status) (rate(codeintel_requests_total{{{ASKED}}}[{RATE}]))", "{{status}}"),
        ),
        graph(
            "Time to the complete answer",
            "Median and 95th percentile.",
            "s",
            Query(quantile(0.5, "codeintel_request_seconds", where=ASKED), "p50"),
            Query(quantile(0.95, "codeintel_request_seconds", where=ASKED), "p95"),
        ),
        graph(
            "Current questions",
            "Running now, and waiting in the queue.",
            "short",
            Query("sum by (state) (codeintel_questions)", "{{state}}"),
        ),
    ],
)

QUALITY = Row(
    "Answers",
    [
        graph(
            "Citations",
            "Citations per second that passed the check (kept) or failed it (dropped).",
            "ops",
            Query(f"sum by (result) (rate(codeintel_citations_total[{RATE}]))", "{{result}}"),
        ),
        graph(
            "Ratings per hour",
            "How readers rated the answers.",
            "short",
            Query("sum by (verdict) (increase(codeintel_feedback_total[1h]))", "{{verdict}}"),
        ),
        graph(
            "Drift",
            "Share of questions unlike any in the evaluation set, and share of refusals; measured by `codeintel drift`.",
            "percentunit",
            Query("max(codeintel_drift_new_share)", "unlike any evaluated"),
            Query("max(codeintel_drift_refused_share)", "refused"),
        ),
    ],
)

STAGES = Row(
    "Inside",
    [
        graph(
            "Time per stage (p95)",
            "Where the time of an answer is spent.",
            "s",
            Query(quantile(0.95, "codeintel_stage_seconds", "stage"), "{{stage}}"),
        ),
        graph(
            "Fallbacks",
            "Answers without the LLM because it was unavailable, or without the Production adapter.",
            "short",
            Query("sum(increase(codeintel_model_away_total[10m]))", "LLM unavailable"),
            Query("sum(increase(codeintel_adapter_refused_total[10m]))", "adapter refused"),
        ),
        graph(
            "Index",
            "Searchable chunks.",
            "short",
            Query("max(codeintel_index_chunks)", "chunks"),
        ),
        graph(
            "Age of the index",
            "Time since the oldest repository in the index was last indexed.",
            "s",
            Query("max(codeintel_index_age_seconds)", "oldest"),
        ),
    ],
)


def assistant() -> str:
    """Return the assistant's dashboard as JSON."""
    return dashboard(
        "codeintel-assistant",
        "Assistant",
        "Questions and answers, as readers see them.",
        [DAY, TRAFFIC, QUALITY, STAGES],
    )
