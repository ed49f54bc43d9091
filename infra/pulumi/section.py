"""What every section of the settings is made of."""

from typing import Annotated, Any, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr
from pydantic.alias_generators import to_camel

CIDR = r"^[0-9]{1,3}(\.[0-9]{1,3}){3}/[0-9]{1,2}$"

Cidr = Annotated[str, Field(pattern=CIDR)]
# By `pulumi config set --secret`, and never printed. A password of digits arrives as a number.
Secret = Annotated[
    SecretStr, BeforeValidator(lambda value: str(value) if isinstance(value, int) else value), Field(min_length=1)
]


class Section(BaseModel):
    """A section of the settings: camelCase in the stack's file, no unknown keys, immutable."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)


def section_of(annotation: Any) -> type[Section] | None:
    """Return the section that a field holds, or may hold; None for a plain value."""
    found = (
        each for each in (annotation, *get_args(annotation)) if isinstance(each, type) and issubclass(each, Section)
    )
    return next(found, None)
