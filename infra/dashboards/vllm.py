"""The LLM server: throughput, time to first token, cache, queue, cost per token."""

from infra.dashboards.panels import Entry, Query, Row, dashboard, figure, graph, quantile

RATE = "$__rate_interval"

COST = Row(
    "The shown time",
    [
        figure(
            "Tokens written",
            "Tokens that the models wrote.",
            "short",
            "sum(increase(vllm:generation_tokens_total[$__range]))",
        ),
        figure("Tokens read", "Tokens of prompts.", "short", "sum(increase(vllm:prompt_tokens_total[$__range]))"),
        figure(
            "The same tokens elsewhere",
            "What they would have cost at a provider's prices, which stand above, a million tokens.",
            "currencyUSD",
            "(sum(increase(vllm:prompt_tokens_total[$__range])) * $prompt_price"
            " + sum(increase(vllm:generation_tokens_total[$__range])) * $completion_price) / 1e6",
        ),
        figure(
            "Electricity of the GPUs",
            "Measured energy of all GPUs, at the price above for a kWh; DCGM counts millijoules.",
            "currencyUSD",
            "sum(increase(DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION[$__range])) / 3.6e9 * $kwh_price",
        ),
    ],
)

SPEED = Row(
    "Speed",
    [
        graph(
            "Tokens a second",
            "Written, for each model.",
            "short",
            Query(f"sum by (model_name) (rate(vllm:generation_tokens_total[{RATE}]))", "{{model_name}}"),
        ),
        graph(
            "Time to the first token",
            "What a reader waits before the answer begins.",
            "s",
            Query(quantile(0.5, "vllm:time_to_first_token_seconds"), "p50"),
            Query(quantile(0.95, "vllm:time_to_first_token_seconds"), "p95"),
        ),
        graph(
            "Time between tokens",
            "How fast an answer runs on once it began.",
            "s",
            Query(quantile(0.5, "vllm:inter_token_latency_seconds"), "p50"),
            Query(quantile(0.95, "vllm:inter_token_latency_seconds"), "p95"),
        ),
    ],
)

LOAD = Row(
    "Load",
    [
        graph(
            "Requests",
            "Running, and waiting for a place in the batch.",
            "short",
            Query("sum(vllm:num_requests_running)", "running"),
            Query("sum(vllm:num_requests_waiting)", "waiting"),
        ),
        graph(
            "KV cache in use",
            "Full means that requests wait, or are thrown out and computed again.",
            "percentunit",
            Query("max by (pod, model_name) (vllm:kv_cache_usage_perc)", "{{model_name}} {{pod}}"),
        ),
        graph(
            "Prefix cache hits",
            "Share of prompt tokens that were not computed again.",
            "percentunit",
            Query(
                f"sum(rate(vllm:prefix_cache_hits_total[{RATE}]))"
                f" / (sum(rate(vllm:prefix_cache_queries_total[{RATE}])) > 0)",
                "hits",
            ),
        ),
        graph(
            "Preemptions",
            "Requests a second that were thrown out of the batch for want of cache.",
            "ops",
            Query(f"sum(rate(vllm:num_preemptions_total[{RATE}]))", "preemptions"),
        ),
    ],
)

ENDS = Row(
    "Requests",
    [
        graph(
            "Whole request",
            "Seconds from its arrival to its last token.",
            "s",
            Query(quantile(0.5, "vllm:e2e_request_latency_seconds"), "p50"),
            Query(quantile(0.95, "vllm:e2e_request_latency_seconds"), "p95"),
        ),
        graph(
            "Time in the queue",
            "Seconds before anything is computed.",
            "s",
            Query(quantile(0.95, "vllm:request_queue_time_seconds"), "p95"),
        ),
        graph(
            "How requests end",
            "stop: the answer was whole; length: it was cut off at the limit of tokens.",
            "ops",
            Query(f"sum by (finished_reason) (rate(vllm:request_success_total[{RATE}]))", "{{finished_reason}}"),
        ),
    ],
)

SCALING = Row(
    "Autoscaling (Knative)",
    [
        graph(
            "Pods",
            "Wanted by the autoscaler, there, and waiting for a GPU slice.",
            "short",
            Query("sum by (kn_service_name) (kn_revision_pods_desired)", "{{kn_service_name}} wanted"),
            Query("sum by (kn_service_name) (kn_revision_pods_count)", "{{kn_service_name}} there"),
            Query("sum by (kn_service_name) (kn_revision_pods_pending_count)", "{{kn_service_name}} waiting"),
        ),
        graph(
            "Concurrency",
            "Requests at once for each pod, over the stable window, and the target.",
            "short",
            Query("sum by (kn_service_name) (kn_revision_concurrency_stable)", "{{kn_service_name}}"),
            Query("max by (kn_service_name) (kn_revision_concurrency_target)", "{{kn_service_name}} target"),
        ),
        graph(
            "Held by the activator",
            "Requests that wait until a pod is there: a start from zero, or a full house.",
            "short",
            Query("sum by (kn_service_name) (kn_revision_request_queued)", "{{kn_service_name}}"),
        ),
    ],
)


def vllm() -> str:
    """Return the models' dashboard as JSON."""
    prices = [
        Entry("prompt_price", "A million tokens read, $", "0.20"),
        Entry("completion_price", "A million tokens written, $", "0.80"),
        Entry("kwh_price", "A kWh, $", "0.30"),
    ]
    about = "vLLM and what scales it."
    return dashboard("codeintel-models", "Models", about, [COST, SPEED, LOAD, ENDS, SCALING], prices)
