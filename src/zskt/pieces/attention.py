"""Attention transfer between the players of a session."""

import torch

from zskt.distillation.session import Session
from zskt.networks.inference_form import inference_form
from zskt.taps import Watched, watch_stages


def watched_players(session: Session, watch: bool) -> tuple[Watched, Watched]:
    """A session's teacher and student with the attention maps of their matching stages.

    With none unless they are to be watched. The teacher is in its inference form.
    """
    images = torch.zeros(2, *session.input_size, device=session.device, dtype=session.dtype)
    teacher = inference_form(session.teacher, images)
    if not watch:
        return Watched(teacher, ()), Watched(session.student, ())
    return watch_stages(
        teacher, session.student, images, tell=session.tell, autocast=session.autocast
    )
