"""Options that are on by default: on the command line only their negative form says anything.

One that is off by default has its name alone, which is the command line's rule for all others.
"""

from typing import Annotated

from cyclopts import Parameter

_DENIED = Parameter(negative_bool="no-")
OnByDefault = Annotated[bool, _DENIED]
Either = Annotated[bool | None, _DENIED]
"""Where neither is the default."""
