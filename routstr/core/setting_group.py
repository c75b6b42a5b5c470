"""What a group of settings is."""

from pydantic import BaseModel, ConfigDict


class Group(BaseModel):
    """Fields of one subject; combined into ``Settings``."""

    model_config = ConfigDict(use_attribute_docstrings=True, frozen=True)
