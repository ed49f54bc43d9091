"""The assistant as its users see it: questions, latency, checked citations and feedback."""

from infra.dashboards.panels import Query, Row, dashboard, figure, graph, quantile

ASKED = 'route=~"/api/ask|/v1/chat/completions"'
RATE = "$__rate_interval"


def share(part: str, whole: str, window: str) -> str:
    """Return a PromQL expression for one counter's share of another's increase; empty while the other does not increase."""
    return f"sum(increase({part}[{window}])) / (sum(increase({whole}[{window}])) > 0)"


DAY = Row(
    "The last day",
    [
        figure("Questions", "Questions that were answered.", "short", "sum(increase(codeintel_answers_total[1d]))"),
        figure(
            "Without evidence",
            "Answers that said: I found nothing about this.",
            "percentunit",
            share('codeintel_answers_total{found="false"}', "codeintel_answers_total", "1d"),
            0.5,
        ),
        figure(
            "Citations dropped",
            "Citations of the LLM that did not hold when the stored lines were read again; readers never see them.",
            "percentunit",
            share('codeintel_citations_total{result="dropped"}', "codeintel_citations_total", "1d"),
            0.2,
        ),
        figure(
            "Rated down",
            "Share of readers' verdicts that were thumbs down.",
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
            "Requests a second, by status: 429 is a full house, 5xx a failure of ours.",
            "reqps",
            Query(f"sum by (status) (rate(codeintel_requests_total{{{ASKED}}}[{RATE}]))", "{{status}}"),
        ),
        graph(
            "Seconds to the whole answer",
            "Half of the questions were answered within p50, nineteen of twenty within p95.",
            "s",
            Query(quantile(0.5, "codeintel_request_seconds", where=ASKED), "p50"),
            Query(quantile(0.95, "codeintel_request_seconds", where=ASKED), "p95"),
        ),
        graph(
            "Questions now",
            "Running at this moment, and waiting for a place.",
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
            "Citations a second that held (kept) and that did not (dropped).",
            "ops",
            Query(f"sum by (result) (rate(codeintel_citations_total[{RATE}]))", "{{result}}"),
        ),
        graph(
            "Verdicts an hour",
            "What readers said of the answers.",
            "short",
            Query("sum by (verdict) (increase(codeintel_feedback_total[1h]))", "{{verdict}}"),
        ),
        graph(
            "Drift",
            "Share of questions unlike any that the evaluation knows, and of refusals; `codeintel drift` measures them.",
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
            "Seconds of each stage (p95)",
            "Where the time of an answer goes.",
            "s",
            Query(quantile(0.95, "codeintel_stage_seconds", "stage"), "{{stage}}"),
        ),
        graph(
            "Fell back",
            "Answers written without the LLM because it was away, or without the adapter that should be in force.",
            "short",
            Query("sum(increase(codeintel_model_away_total[10m]))", "LLM away"),
            Query("sum(increase(codeintel_adapter_refused_total[10m]))", "adapter refused"),
        ),
        graph(
            "Index",
            "Chunks that can be found.",
            "short",
            Query("max(codeintel_index_chunks)", "chunks"),
        ),
        graph(
            "Age of the index",
            "Since the repository indexed longest ago was read.",
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
