"""What `pulumi up` runs: the stack of stack.py."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # Pulumi runs this file from its own folder

from infra.pulumi.stack import register

register()
