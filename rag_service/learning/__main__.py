"""Run one stage: `python -m rag_service.learning STAGE ARGUMENTS`, ARGUMENTS a JSON object.

Print one JSON document on stdout: the report, or {"error": {"cause": …, "cure": …}} with a non-zero exit status.
"""

import json
import sys

from ml.errors import CodeIntelError
from rag_service.learning.stages import run_stage


def main() -> None:
    """Run the stage named on the command line."""
    try:
        report, status = run_stage(sys.argv[1], json.loads(sys.argv[2])), 0
    except CodeIntelError as error:
        report, status = error.as_dict(), error.exit_code
    print(json.dumps(report))
    sys.exit(status)


if __name__ == "__main__":
    main()
