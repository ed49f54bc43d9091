"""What every section of the settings is made of."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr
from pydantic.alias_generators import to_camel

CIDR = r"^[0-9]{1,3}(\.[0-9]{1,3}){3}/[0-9]{1,2}$"

Cidr = Annotated[str, Field(pattern=CIDR)]
Secret = Annotated[SecretStr, Field(min_length=1)]  # `pulumi config set --secret`; never printed


class Section(BaseModel):
    """A section of the settings: camelCase in the stack's file, no unknown keys, immutable."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)
