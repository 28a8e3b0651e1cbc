"""Which arguments of a network a file or a run folder from somebody else may choose.

Libraries take arguments that fetch files, write them, or name code: `pretrained`, `cache_dir`,
`checkpoint_path`, `pretrained_cfg_overlay`. Those are for the user's own command. From a file only
names of this list are taken, which change a network's shape, with plain values.
"""

import re
from collections.abc import Mapping
from math import inf
from typing import Any

from zskt.errors import UserError

OF_SHAPE = frozenset((
    "act_layer", "attn_drop_rate", "aux_logits", "avg_down", "base_width", "block_config",
    "block_reduce_first", "bn_size", "cardinality", "channel_multiplier", "channels", "class_token",
    "conv_mlp", "depth", "depth_multiplier", "depths", "dims", "drop_path_rate", "drop_rate",
    "dropout", "embed_dim", "embed_dims", "expand_ratio", "expansion", "global_pool", "groups",
    "growth_rate", "hidden_dim", "image_size", "img_size", "in_chans", "in_chs", "init_values",
    "kernel_size", "kernel_sizes", "key_dim", "layers", "ls_init_value", "memory_efficient",
    "mlp_dim", "mlp_ratio", "mlp_ratios", "norm_layer", "num_classes", "num_features", "num_heads",
    "num_init_features", "num_layers", "num_stages", "output_stride", "patch_size",
    "proj_drop_rate", "qk_norm", "qkv_bias", "reg_tokens", "stem_chs", "stem_size", "stem_type",
    "stem_width", "strides", "width", "width_mult", "width_multiplier", "width_per_group", "widths",
    "window_size",
))  # fmt: skip
OF_DEPTH = frozenset(("block_config", "depth", "depths", "layers", "num_layers", "num_stages"))
LARGEST, DEEPEST = 65_536, 256
"""No number of a network's shape is larger, and of how often something is repeated: each layer
takes memory and time even before it has weights."""


def check_arguments(origin: object, arguments: Mapping[str, Any] | None) -> None:
    """Raise a `UserError` unless all are names and plain values of a shape; `origin` gave them."""
    for name, value in (arguments or {}).items():
        if name not in OF_SHAPE:
            raise UserError(
                f"{origin} wants to make its network with {name}, which is not taken from a file "
                "unless you trust it; then give `allow_code`"
            )
        deep = name in OF_DEPTH
        if not _is_plain(value, DEEPEST if deep else LARGEST) or (deep and _total(value) > DEEPEST):
            raise UserError(f"{origin} gives its network's {name} no plain value; do not trust it")


def _total(value: Any) -> float:
    """Of a depth for each stage, all together; a list within a list is none."""
    if not isinstance(value, list | tuple):
        return 0
    return sum(each if isinstance(each, int | float) else inf for each in value)


def _is_plain(value: Any, largest: int) -> bool:
    """A number that a shape can have, a word, or a list of them."""
    match value:
        case None | bool():
            return True
        case int() | float():
            return abs(value) <= largest
        case str():
            return re.fullmatch(r"\w{1,32}", value) is not None
        case list() | tuple():
            return len(value) <= 64 and all(_is_plain(each, largest) for each in value)
    return False
