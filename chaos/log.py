"""The Chaos Toolkit's log, in which probes and actions say what they saw."""

import logging

logger = logging.getLogger("chaostoolkit")
