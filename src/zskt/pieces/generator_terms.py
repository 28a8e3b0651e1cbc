"""Further terms of the generator's loss that the zero-shot paper tried (section 3.2, appendix 1).

The generator descends  -D(T(x), S(x)) + weight * term:

    teacher-entropy    H(T(x)), so that the teacher is sure of what is drawn
    student-entropy    -H(S(x)), so that the student is unsure of it
    blur, noise        KL(T(x) || T(A(x))), so that what the teacher says survives A: a 3x3
                       binomial blur, or normal noise of a tenth of the images' spread
    diversity          mean cosine between the teacher's last features of different images
    attention          -sum_l AT_l, so that the networks also differ in where they look

Entropies and divergences are means over images and classes, as D is. The paper names the terms
and says that each cost accuracy; their signs and weights here are ours. `noise` draws from the
stream that z is drawn from, and `attention` runs the student once more in train mode.
"""

from collections.abc import Callable
from typing import get_args

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from zskt.distillation.session import Session
from zskt.errors import UserError
from zskt.losses import attention_transfer, full_precision, kl
from zskt.pieces.attention import watched_players
from zskt.pieces.last_layer import LastLayer
from zskt.pieces.names import TermName

Images = Float[Tensor, "batch channels height width"]
Logits = Float[Tensor, "batch classes"]
Term = Callable[[Images, Logits, Logits], Float[Tensor, ""] | float]
"""Of the images and of what teacher and student say of them."""


def generator_term(name: TermName, session: Session, weight: float = 1.0) -> Term:
    """A term by its name, times a weight; for `none`, zero.

    Raises:
        UserError: if the networks lack what the term looks at.
    """
    term = _term(name, session)
    return lambda images, teacher, student: weight * term(images, teacher, student)


def _term(name: TermName, session: Session) -> Term:
    assert name in get_args(TermName), name
    again = session.teacher
    match name:
        case "teacher-entropy":
            return lambda images, teacher, student: entropy(teacher)
        case "student-entropy":
            return lambda images, teacher, student: -entropy(student)
        case "blur":
            return lambda images, teacher, student: kl(teacher, again(blurred(images)))
        case "noise":
            return lambda images, teacher, student: kl(teacher, again(noisy(images, session)))
        case "diversity":
            last = LastLayer(again, no_linear_layer)
            return lambda images, teacher, student: alikeness(last(images)[1])
        case "attention":
            return attention_apart(session)
    return lambda images, teacher, student: 0.0


def entropy(logits: Logits) -> Float[Tensor, ""]:
    """Mean over images and classes of -p log p."""
    log_p = F.log_softmax(full_precision(logits), dim=1)
    return -(log_p.exp() * log_p).mean()


def blurred(images: Images) -> Images:
    """Each channel smoothed with the 3x3 binomial filter, borders repeated."""
    row = torch.tensor([0.25, 0.5, 0.25], device=images.device, dtype=images.dtype)
    channels = images.shape[1]
    filters = (row[:, None] * row).expand(channels, 1, 3, 3)
    return F.conv2d(F.pad(images, (1, 1, 1, 1), mode="replicate"), filters, groups=channels)


def noisy(images: Images, session: Session) -> Images:
    """Images with a tenth of their own spread of noise."""
    return images + 0.1 * images.detach().std() * session.noise(*images.shape).to(images.dtype)


def no_linear_layer(_: str) -> None:
    """Refuse a teacher whose last features cannot be seen."""
    raise UserError("the teacher has no linear layer; `extra` diversity looks at its input")


def alikeness(vectors: Float[Tensor, "batch _"]) -> Float[Tensor, ""]:
    """Mean cosine between different rows."""
    unit = F.normalize(vectors.float(), dim=1)
    count = len(unit)
    # The sum over all pairs, without a matrix product, which autocast would round.
    return (unit.sum(0).square().sum() - count) / max(1, count * (count - 1))


def attention_apart(session: Session) -> Term:
    """Minus the attention term of the student's loss."""
    teacher, student = watched_players(session, True)
    if not teacher.modules:
        raise UserError("no stages of teacher and student match; `extra` attention needs them")

    def term(images: Images, *_: Logits) -> Float[Tensor, ""]:
        return -attention_transfer(teacher(images)[1], student(images)[1])

    return term
