"""The GPUs: utilisation, memory, temperature, power, errors."""

from infra.dashboards.panels import Query, Row, dashboard, figure, graph

CARD = "{{Hostname}} {{gpu}}"

NOW = Row(
    "Now",
    [
        figure("GPUs", "Cards that report.", "short", "count(DCGM_FI_DEV_GPU_UTIL)"),
        figure("Busiest", "Use of the busiest card.", "percent", "max(DCGM_FI_DEV_GPU_UTIL)"),
        figure(
            "Fullest",
            "Share of memory in use on the fullest card.",
            "percentunit",
            "max(DCGM_FI_DEV_FB_USED / (DCGM_FI_DEV_FB_USED + DCGM_FI_DEV_FB_FREE))",
            0.98,
        ),
        figure("Hottest", "Temperature of the hottest card.", "celsius", "max(DCGM_FI_DEV_GPU_TEMP)", 88),
        figure("Last fault", "Number of the last XID error; 0: none.", "short", "max(DCGM_FI_DEV_XID_ERRORS)", 1),
    ],
)

USE = Row(
    "Use",
    [
        graph(
            "Use",
            "Share of time in which anything ran. Slices of one card are not told apart: the card counts as a whole.",
            "percent",
            Query("DCGM_FI_DEV_GPU_UTIL", CARD),
        ),
        graph(
            "Tensor cores",
            "Share of cycles in which they worked: the better measure of a model's use.",
            "percentunit",
            Query("DCGM_FI_PROF_PIPE_TENSOR_ACTIVE", CARD),
        ),
        graph(
            "Memory traffic",
            "Share of cycles in which memory was read or written; generation is bound by it.",
            "percentunit",
            Query("DCGM_FI_PROF_DRAM_ACTIVE", CARD),
        ),
    ],
)

LIMITS = Row(
    "Limits",
    [
        graph("Memory", "In use.", "mbytes", Query("DCGM_FI_DEV_FB_USED", CARD)),
        graph("Temperature", "Of each card.", "celsius", Query("DCGM_FI_DEV_GPU_TEMP", CARD)),
        graph("Power", "Drawn by each card.", "watt", Query("DCGM_FI_DEV_POWER_USAGE", CARD)),
        graph(
            "Clock",
            "A clock that falls under load means heat or a power limit.",
            "megahertz",
            Query("DCGM_FI_DEV_SM_CLOCK", CARD),
        ),
    ],
)


def gpu() -> str:
    """Return the GPUs' dashboard as JSON."""
    return dashboard("codeintel-gpu", "GPU", "NVIDIA's DCGM exporter.", [NOW, USE, LIMITS])
