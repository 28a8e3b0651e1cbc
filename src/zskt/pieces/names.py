"""What methods' settings may be called, apart from the mathematics, which needs torch."""

from typing import Literal

DiscrepancyName = Literal["kl", "reverse-kl", "js", "l1"]
"""Keys of `zskt.losses.DISCREPANCIES`."""
TermName = Literal[
    "none", "teacher-entropy", "student-entropy", "blur", "noise", "diversity", "attention"
]
"""Terms of `zskt.pieces.generator_terms`."""
