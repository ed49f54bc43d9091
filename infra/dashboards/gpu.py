"""The GPUs: utilisation, memory, temperature, power, errors."""

from infra.dashboards.panels import Query, Row, dashboard, figure, graph

CARD = "{{hostname}} {{gpu}}"

NOW = Row(
    "Now",
    [
        figure("GPUs", "GPUs that report metrics.", "short", "count(DCGM_FI_DEV_GPU_UTIL)"),
        figure("Busiest", "Utilisation of the busiest GPU.", "percent", "max(DCGM_FI_DEV_GPU_UTIL)"),
        figure(
            "Fullest",
            "Share of memory in use on the fullest GPU.",
            "percentunit",
            "max(DCGM_FI_DEV_FB_USED / (DCGM_FI_DEV_FB_USED + DCGM_FI_DEV_FB_FREE))",
            0.98,
        ),
        figure("Hottest", "Temperature of the hottest GPU.", "celsius", "max(DCGM_FI_DEV_GPU_TEMP)", 88),
        figure("Last error", "Number of the last Xid error; 0: none.", "short", "max(DCGM_FI_DEV_XID_ERRORS)", 1),
    ],
)

USE = Row(
    "Utilisation",
    [
        graph(
            "Utilisation",
            "Share of time in which any kernel ran. The slices of a GPU are not distinguished.",
            "percent",
            Query("DCGM_FI_DEV_GPU_UTIL", CARD),
        ),
        graph(
            "Tensor cores",
            "Share of cycles in which they were active; a better measure of a model's utilisation.",
            "percentunit",
            Query("DCGM_FI_PROF_PIPE_TENSOR_ACTIVE", CARD),
        ),
        graph(
            "Memory traffic",
            "Share of cycles in which memory was read or written; it limits generation.",
            "percentunit",
            Query("DCGM_FI_PROF_DRAM_ACTIVE", CARD),
        ),
    ],
)

LIMITS = Row(
    "Limits",
    [
        graph("Memory", "Memory in use per GPU.", "mbytes", Query("DCGM_FI_DEV_FB_USED", CARD)),
        graph("Temperature", "Temperature per GPU.", "celsius", Query("DCGM_FI_DEV_GPU_TEMP", CARD)),
        graph("Power", "Power draw per GPU.", "watt", Query("DCGM_FI_DEV_POWER_USAGE", CARD)),
        graph(
            "Clock",
            "A clock that drops under load indicates overheating or a power limit.",
            "megahertz",
            Query("DCGM_FI_DEV_SM_CLOCK", CARD),
        ),
    ],
)


def gpu() -> str:
    """Return the GPUs' dashboard as JSON."""
    return dashboard("codeintel-gpu", "GPU", "Metrics of NVIDIA's DCGM exporter.", [NOW, USE, LIMITS])
