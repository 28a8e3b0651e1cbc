"""What jobs return: dataclasses with a plain form."""

from dataclasses import fields
from pathlib import Path
from typing import Any


class Result:
    """The base of what a job returns."""

    def to_dict(self) -> dict[str, Any]:
        """For JSON: all that is plain, without networks, tensors and the like."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}  # ty: ignore
        return {name: plain(value) for name, value in values.items() if is_plain(value)}


def is_plain(value: Any) -> bool:
    """Whether JSON can hold it, or a plain form of it."""
    return value is None or isinstance(
        value, bool | int | float | str | Path | dict | list | tuple | Result
    )


def plain(value: Any) -> Any:
    """A value as JSON holds it."""
    match value:
        case Path():
            return str(value)
        case Result():
            return value.to_dict()
        case dict():
            return {name: plain(each) for name, each in value.items() if is_plain(each)}
        case list() | tuple():
            return [plain(each) for each in value]
    return value
