"""Bounded JSON schemas: without bounds, a small model's lists run on until its tokens are used up."""

from typing import Any

MOST_ITEMS = 10
LONGEST_TEXT = 240


def bounded(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a JSON schema with bounds on every list and string, and no additional properties."""
    return {key: _bounded(value) for key, value in (schema | _bounds(schema)).items()}


def _bounded(value: Any) -> Any:
    if isinstance(value, dict):
        return bounded(value)
    return [_bounded(item) for item in value] if isinstance(value, list) else value


def _bounds(schema: dict[str, Any]) -> dict[str, Any]:
    match schema.get("type"):
        case "array":
            return {"maxItems": MOST_ITEMS}
        case "string" if "enum" not in schema and "const" not in schema:
            return {"maxLength": LONGEST_TEXT}
        case "object":
            return {"additionalProperties": False}
    return {}
