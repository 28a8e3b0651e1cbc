"""The embedded data: scikit-learn's digits, 1,797 real scans of 8x8 pixels in 10 classes."""

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from zskt.data.image_data import ImageData, Split, image_data

TEST_IMAGES = 450


def read_digits() -> ImageData:
    """1,347 images to learn from and 450 to be judged by, a fixed split with equal class shares."""
    digits = load_digits()
    # Scans have 17 grey levels, 0 to 16.
    pixels = (digits.images * (255 / 16)).round().astype("uint8")[:, None]
    images, labels = torch.from_numpy(pixels), torch.from_numpy(digits.target).long()
    parts = train_test_split(
        range(len(labels)), test_size=TEST_IMAGES, stratify=digits.target, random_state=0
    )
    train, test = (Split(images[chosen], labels[chosen]) for chosen in parts)
    return image_data(train, test, tuple("0123456789"), flips=False)
