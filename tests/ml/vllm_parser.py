"""Judge command lines as vLLM's server does before it loads a model; this runs in vLLM's own environment.

Read command lines (JSON) from standard input, and write what vLLM makes of each to standard output: its configuration, or
why it is rejected.
"""

import contextlib
import io
import json
import sys
from typing import Any


def judged(arguments: list[str]) -> dict[str, Any]:
    """Return what vLLM's parser and configuration make of a command line."""
    complaints = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaints):
            return configured(arguments)
    except (SystemExit, ValueError) as error:
        return {"rejected": f"{error} {complaints.getvalue()}"}


def configured(arguments: list[str]) -> dict[str, Any]:
    """Return the configuration of a command line. Raise SystemExit or ValueError if it is rejected."""
    from vllm.engine.arg_utils import AsyncEngineArgs
    from vllm.entrypoints.launchers.cli_args import make_arg_parser, validate_parsed_serve_args
    from vllm.utils.argparse_utils import FlexibleArgumentParser

    given = make_arg_parser(FlexibleArgumentParser()).parse_args(arguments)
    validate_parsed_serve_args(given)
    config = AsyncEngineArgs.from_cli_args(given).create_engine_config()
    return {
        "port": given.port,
        "names": given.served_model_name,
        "share": config.cache_config.gpu_memory_utilization,
        "cache_bytes": given.kv_cache_memory_bytes,  # the configuration has what vLLM for CPUs puts there instead
        "cards": config.parallel_config.tensor_parallel_size,
        "tokens": config.model_config.max_model_len,
        "rank": config.lora_config.max_lora_rank if config.lora_config else None,
        "guesses": config.speculative_config.num_speculative_tokens if config.speculative_config else None,
    }


if __name__ == "__main__":
    results = [judged(arguments) for arguments in json.load(sys.stdin)]
    print("\n" + json.dumps(results))
