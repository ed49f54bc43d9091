"""How much a model on this machine may read and write, so that its first word and its last come in time."""

from dataclasses import dataclass

from ml.llm.model import Speed

AT_ONCE, SOON, WHOLE = (
    3.0,
    15.0,
    45.0,
)  # seconds: to the first sentence of a quick machine, of a slow one, to the last of both
ENOUGH_TOKENS = 520  # to show a function and what it calls; a slow machine reads no more
LEAST_TOKENS = 300  # with less than that a model explains nothing
PROMPT_TOKENS = 150  # instructions and example
SENTENCE_TOKENS = 30
LEAST_WRITTEN, MOST_WRITTEN = 80, 260
OVERHEAD = 1.0
TWO_CORES = Speed(40.0, 12.0)  # of a model of 1.5 billion parameters in 4 bits, on an idle machine


@dataclass(frozen=True, slots=True)
class Budget:
    """Tokens of evidence to read, and of text to write."""

    evidence: int
    written: int


def budget_for(speed: Speed | None, context: int) -> Budget:
    """Return what can be read and written in time at a speed, by default that of two cores.

    A quick machine reads what it can in AT_ONCE seconds, a slow one up to ENOUGH_TOKENS within SOON. However slow it was,
    it may try with LEAST_TOKENS: what slowed it down may be gone.
    """
    speed = speed or TWO_CORES
    sentence = SENTENCE_TOKENS / speed.writing
    quick = (AT_ONCE - sentence) * speed.reading
    slow = min((SOON - sentence - OVERHEAD) * speed.reading, ENOUGH_TOKENS)
    read = min(max(quick, slow, LEAST_TOKENS), context - MOST_WRITTEN)
    left = (WHOLE - OVERHEAD - read / speed.reading) * speed.writing
    return Budget(int(read) - PROMPT_TOKENS, int(min(max(left, LEAST_WRITTEN), MOST_WRITTEN)))
